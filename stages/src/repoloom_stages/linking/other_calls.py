"""Calls and imports in languages other than Rust: what each file's mean.

Free functions are found in the file and through its imports, methods of `self` in the class and its bases,
`Type.method` in that type, methods of anything else in the type that is written for it (`calls_in_file`). Where only a
compiler knows the type, a call is not resolved; nor is one where parameters decide which of several functions of one
name it means.
"""

from collections.abc import Callable, Iterable, Sequence

from repoloom_stages.facts import Call, Import, IndexedFile
from repoloom_stages.linking.calls_in_file import CallsInFile
from repoloom_stages.linking.manifest_values import Package
from repoloom_stages.linking.snapshot_facts import Place, SnapshotFacts
from repoloom_stages.linking.source_names import SourceNames
from repoloom_stages.linking.source_types import SourceTypes


class OtherCalls:
    """Resolves the calls of files."""

    def __init__(self, facts: SnapshotFacts, packages: Sequence[Package]) -> None:
        self._facts, self._names = facts, SourceNames(facts, packages)
        self._types = SourceTypes(facts, self._names)

    def forget(self) -> None:
        """Find everything anew: the files have changed."""
        self._names.forget()
        self._types.forget()

    def of(self, number: int, file: IndexedFile) -> Callable[[Call], Place | None]:
        """What resolves each call of a file."""
        return CallsInFile(self._facts, self._names, self._types, number, file).callee

    def imported(self, number: int, imports: Iterable[Import]) -> set[int]:
        """Numbers of the files that some imports of a file name."""
        return {one for entry in imports for one in self._names.named(number, entry["path"]).files}
