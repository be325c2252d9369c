"""Rust's impls across a snapshot, by what they are for. Which type and trait an impl's text means, its caller knows."""

from bisect import insort
from collections.abc import Iterable, Sequence

from repoloom_stages.linking.rust_type import Type
from repoloom_stages.linking.snapshot_facts import Place


class Impls:
    """The impls of the files that are linked against, each kind in the order of files and of lines."""

    def __init__(self) -> None:
        self._of_type: dict[Place, list[Place]] = {}
        self._foreign: dict[str, list[Place]] = {}
        """Of the snapshot's traits for types from elsewhere, by the name of the type."""
        self._blanket: dict[Place, list[tuple[Place, Place]]] = {}
        """Of a trait for whatever has another, by that other, with the trait: `impl<T: Other> Trait for T`."""
        self._traits: dict[Place, Place | None] = {}
        self._of_file: dict[int, set[Place]] = {}
        """Types that a file has impls of."""

    def add(self, impl: Place, kind: Type) -> None:
        """Take in an impl for a type."""
        if kind.place:
            insort(self._of_type.setdefault(kind.place, []), impl)
            self._of_file.setdefault(impl[0], set()).add(kind.place)
        elif kind.name and self._traits.get(impl):
            insort(self._foreign.setdefault(kind.name, []), impl)

    def add_trait(self, impl: Place, trait: Place | None) -> None:
        """Take in which trait an impl is of; None where that is from elsewhere."""
        self._traits[impl] = trait

    def add_blanket(self, impl: Place, trait: Place, bounds: Iterable[Type]) -> None:
        """Take in an impl of a trait for whatever has other traits."""
        for bound in bounds:
            if bound.place:
                insort(self._blanket.setdefault(bound.place, []), (impl, trait))

    def remove(self, file: int) -> None:
        """Forget the impls of a file."""
        for kind in self._of_file.pop(file, ()):
            self._of_type[kind][:] = [one for one in self._of_type[kind] if one[0] != file]
        for impls in self._foreign.values():
            impls[:] = [one for one in impls if one[0] != file]
        for pairs in self._blanket.values():
            pairs[:] = [one for one in pairs if one[0][0] != file]

    def of(self, kind: Place) -> Sequence[Place]:
        """Impls of a type of the snapshot."""
        return self._of_type.get(kind, ())

    def for_foreign(self, name: str) -> Sequence[Place]:
        """Impls of the snapshot's traits for types of that name from elsewhere."""
        return self._foreign.get(name, ())

    def for_all_with(self, trait: Place) -> Sequence[tuple[Place, Place]]:
        """Impls, with their trait, for whatever has a trait."""
        return self._blanket.get(trait, ())

    def has_trait(self, impl: Place) -> bool:
        """Whether it is the impl of a trait, be that from elsewhere."""
        return impl in self._traits

    def trait(self, impl: Place) -> Place | None:
        """The trait of the snapshot that an impl is of."""
        return self._traits.get(impl)
