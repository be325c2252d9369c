"""The linker: what the calls and imports of every file of a snapshot mean, each language by its own rules.

Training files are linked among themselves; for a held-out file, it takes the place of the training version.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from repoloom_stages.facts import Call, IndexedFile
from repoloom_stages.linking.other_calls import OtherCalls
from repoloom_stages.linking.packages import Packages
from repoloom_stages.linking.rust_modules import RustModules
from repoloom_stages.linking.rust_resolve import RustCalls
from repoloom_stages.linking.rust_types import RustTypes
from repoloom_stages.linking.snapshot_facts import Place, SnapshotFacts

RUST = "rust"


class Linker:
    """Links files whose facts have all been added."""

    def __init__(self, facts: SnapshotFacts, packages: Packages) -> None:
        self._facts = facts
        self._modules = RustModules(facts, packages.found)
        self._types = RustTypes(facts, self._modules)
        self._rust = RustCalls(facts, self._modules, self._types, _only_methods(facts))
        self._others = OtherCalls(facts, packages.found)
        for number in facts.linked_against():
            if facts.files[number].language == RUST:
                self._types.add_impls(number)

    def callee_of(self, number: int, file: IndexedFile) -> Callable[[Call], Place | None]:
        """What finds the item that a call of a file means."""
        if file["language"] == RUST:
            return self._rust.of(number, file)
        return self._others.of(number, file)

    def imported(self, number: int, file: IndexedFile) -> set[int]:
        """Numbers of the other files that a file imports from."""
        if file["language"] == RUST:
            found = {
                place[0] for one in file["imports"] for place in self._rust_import(number, one["owner"], one["path"])
            }
        else:
            found = self._others.imported(number, file)
        return found - {number}

    def _rust_import(self, number: int, owner: int, path: str) -> tuple[Place, ...]:
        return self._modules.resolve(path.removesuffix("::*"), (number, owner))[0]

    @contextmanager
    def held_out(self, number: int) -> Iterator[int | None]:
        """Link against a held-out file in the place of its training version, whose number is returned."""
        entry = self._facts.files[number]
        version = self._facts.number_of.get(entry.path)
        self._swap(entry.path, version, number)
        try:
            yield version
        finally:
            self._swap(entry.path, number, version)

    def _swap(self, path: str, old: int | None, new: int | None) -> None:
        if old is not None:
            self._types.remove_impls(old)
            del self._facts.number_of[path]
        if new is not None:
            self._facts.number_of[path] = new
        self._modules.forget()
        self._others.forget()
        if new is not None and self._facts.files[new].language == RUST:
            self._types.add_impls(new)


def _only_methods(facts: SnapshotFacts) -> dict[str, Place]:
    """Methods whose name no other function of the snapshot's Rust has, by it; of a trait with one impl, the impl's."""
    number: Counter[str] = Counter()
    found: dict[str, Place] = {}
    for file in facts.linked_against():
        if facts.files[file].language == RUST:
            symbols = facts.unpacked(file).symbols
            for position, symbol in enumerate(symbols):
                if symbol.kind != "function":
                    continue
                holder = symbols[symbol.owner].kind if symbol.owner >= 0 else ""
                number[symbol.name] += 1 if holder != "trait" or symbol.inline else 0
                if holder == "impl" or (holder == "trait" and (symbol.inline or symbol.name not in found)):
                    found[symbol.name] = (file, position)
    return {name: place for name, place in found.items() if number[name] <= 1}
