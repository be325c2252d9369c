"""The linker: what the calls and imports of every file of a snapshot mean, each language by its own rules.

Training files are linked among themselves; for a held-out file, it takes the place of the training version.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from repoloom_stages.facts import Call, Import, IndexedFile
from repoloom_stages.linking.other_calls import OtherCalls
from repoloom_stages.linking.packages import Packages
from repoloom_stages.linking.rust_resolve import RustCalls
from repoloom_stages.linking.rust_snapshot import RUST, RustSnapshot
from repoloom_stages.linking.snapshot_facts import Place, SnapshotFacts


class Linker:
    """Links files whose facts have all been added."""

    def __init__(self, facts: SnapshotFacts, packages: Packages) -> None:
        self._facts = facts
        self._rust = RustSnapshot(facts, packages.found)
        self._rust_calls = RustCalls(self._rust)
        self._others = OtherCalls(facts, packages.found)

    def callee_of(self, number: int, file: IndexedFile) -> Callable[[Call], Place | None]:
        """What finds the item that a call of a file means."""
        if file["language"] == RUST:
            return self._rust_calls.of(number, file)
        return self._others.of(number, file)

    def imported(self, number: int, file: IndexedFile, imports: Sequence[Import]) -> set[int]:
        """Numbers of the other files that some imports of a file name."""
        if file["language"] == RUST:
            found = {place[0] for one in imports for place in self._rust_import(number, one["owner"], one["path"])}
        else:
            found = self._others.imported(number, imports)
        return found - {number}

    def _rust_import(self, number: int, owner: int, path: str) -> tuple[Place, ...]:
        return self._rust.modules.resolve(path.removesuffix("::*"), (number, owner))[0]

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
            self._rust.remove(old)
            del self._facts.number_of[path]
        if new is not None:
            self._facts.number_of[path] = new
        self._rust.forget()
        self._others.forget()
        if new is not None:
            self._rust.add(new)
