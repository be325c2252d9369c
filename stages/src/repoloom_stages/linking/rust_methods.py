"""Methods of Rust's types across a snapshot: which function a method call, or a path that begins with a type, means.

Precision comes first: where two functions could be meant, none is.
"""

from collections.abc import Iterable, Iterator

from repoloom_stages.linking.rust_impls import Impls
from repoloom_stages.linking.rust_std import DEREFS, POINTERS, POINTERS_OWN, RESULTS, RESULTS_OWN
from repoloom_stages.linking.rust_text import parse_type
from repoloom_stages.linking.rust_type import Type
from repoloom_stages.linking.rust_types import MAX_ALIASES, Context, RustTypes
from repoloom_stages.linking.snapshot_facts import Place, SnapshotFacts


class RustMethods:
    """The methods of all crates' types and traits, and those that traits give types from elsewhere."""

    def __init__(self, facts: SnapshotFacts, types: RustTypes, impls: Impls) -> None:
        self._facts, self._types, self._impls = facts, types, impls

    def method(self, kind: Type, name: str, depth: int = 0) -> tuple[Place, Type] | None:
        """The function that a method call on such a type means, with the type that has it; None where unsure."""
        if depth > MAX_ALIASES:
            return None
        for bound in kind.bounds:
            if bound.place and (found := self._in_trait(bound.place, name, on_value=True)):
                return found, kind
        if kind.place is None:
            inner = self._passed_on(kind, name)
            return self.method(inner, name, depth + 1) if inner else self._for_foreign(kind, name)
        if found := self._in_impls(kind, name, on_value=True):
            return found, kind
        target = self._types.deref(kind)
        return self.method(target, name, depth + 1) if target.name else None

    def _passed_on(self, kind: Type, name: str) -> Type | None:
        """What a type from elsewhere passes a method call on to."""
        if kind.name in RESULTS and name not in RESULTS_OWN and kind.arguments:
            return kind.arguments[0]  # facts leave `?` out, and what unwraps
        if kind.name in POINTERS and name not in POINTERS_OWN and kind.arguments:
            return kind.arguments[-1]
        return None

    def _for_foreign(self, kind: Type, name: str) -> tuple[Place, Type] | None:
        """A method that a trait of the snapshot gives a type from elsewhere."""
        if (kind.name in RESULTS and name in RESULTS_OWN) or (kind.name in POINTERS and name in POINTERS_OWN):
            return None
        impls = (impl for one in (kind.name, DEREFS.get(kind.name, "")) for impl in self._impls.for_foreign(one))
        found = [one for impl in impls for one in self.owned(impl, name, on_value=True) or self._by_default(impl, name)]
        return (found[0], kind) if len(found) == 1 else None

    def _by_default(self, impl: Place, name: str) -> list[Place]:
        trait = self._impls.trait(impl)
        return self.owned(trait, name, on_value=True) if trait else []

    def associated(self, kind: Type, name: str) -> Place | None:
        """The function that `Type::name` means."""
        for bound in kind.bounds:
            if bound.place and (found := self._in_trait(bound.place, name, on_value=False)):
                return found
        return self._in_impls(kind, name, on_value=False) if kind.place else None

    def _in_impls(self, kind: Type, name: str, *, on_value: bool) -> Place | None:
        """A function of that name in the impls of a type, or what it has from its traits."""
        assert kind.place is not None
        impls = self._impls.of(kind.place)
        owned = [(impl, one) for impl in impls for one in self.owned(impl, name, on_value=on_value)]
        inherent = [one for impl, one in owned if not self._impls.has_trait(impl)]
        if inherent:
            return inherent[0]
        # `From<A>` and `From<B>` have one name for two functions, and which is meant no text says.
        if owned:
            return owned[0][1] if len(owned) == 1 else None
        traits = dict.fromkeys(trait for impl in impls if (trait := self._impls.trait(impl)))
        given = dict.fromkeys(found for trait in traits if (found := self._in_trait(trait, name, on_value=on_value)))
        if not given:
            given = dict.fromkeys(self._from_blanket(traits, name, on_value=on_value))
        return next(iter(given)) if len(given) == 1 else None

    def _in_trait(self, trait: Place, name: str, *, on_value: bool) -> Place | None:
        """The function of that name in a trait, one above it, or one that comes with it."""
        seen, open_ = {trait}, [trait]
        while open_:
            one = open_.pop()
            symbol = self._facts.symbol(one)
            if symbol.kind == "trait":
                if found := self.owned(one, name, on_value=on_value):
                    return found[0]
                for base in symbol.bases:
                    above = self._types.of(parse_type(base), Context(one)).place
                    if above and above not in seen:
                        seen.add(above)
                        open_.append(above)
        found = list(dict.fromkeys(self._from_blanket(seen, name, on_value=on_value)))
        return found[0] if len(found) == 1 else None

    def _from_blanket(self, traits: Iterable[Place], name: str, *, on_value: bool) -> Iterator[Place]:
        """Functions that a type has because a trait is implemented for whatever has one of its traits."""
        for has in traits:
            for impl, trait in self._impls.for_all_with(has):
                if found := self.owned(impl, name, on_value=on_value) or self.owned(trait, name, on_value=on_value):
                    yield found[0]

    def owned(self, holder: Place, name: str, *, on_value: bool) -> list[Place]:
        """Functions of that name in an impl or trait; of those, where it is called on a value, that can be."""
        facts = self._facts.unpacked(holder[0])
        found = facts.named.get((holder[1], name), ())
        return [
            (holder[0], one)
            for one in found
            if (symbol := facts.symbols[one]).kind == "function" and (symbol.on_value or not on_value)
        ]

    def trait_of(self, function: Place) -> Place | None:
        """The trait of the snapshot that a function is written in, or in an impl of."""
        holder = self._types.holder(function)
        if holder and self._facts.symbol(holder).kind == "trait":
            return holder
        return self._impls.trait(holder or function)
