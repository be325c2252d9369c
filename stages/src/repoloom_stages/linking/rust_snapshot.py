"""The Rust of a snapshot: its modules, types, methods and values, kept in step as files take each other's place."""

from collections.abc import Sequence

from repoloom_stages.linking.manifest_values import Package
from repoloom_stages.linking.rust_impls import Impls
from repoloom_stages.linking.rust_methods import RustMethods
from repoloom_stages.linking.rust_modules import RustModules
from repoloom_stages.linking.rust_types import RustTypes
from repoloom_stages.linking.rust_values import RustValues
from repoloom_stages.linking.snapshot_facts import SnapshotFacts

RUST = "rust"


class RustSnapshot:
    """What is known of the Rust files that are linked against."""

    def __init__(self, facts: SnapshotFacts, packages: Sequence[Package]) -> None:
        self.facts = facts
        self.modules = RustModules(facts, packages)
        self._impls = Impls()
        self.types = RustTypes(facts, self.modules, self._impls)
        self.methods = RustMethods(facts, self.types, self._impls)
        self.values = RustValues(facts, self.types)
        for number in facts.linked_against():
            self.add(number)

    def add(self, file: int) -> None:
        """Link against a file, if it is of Rust."""
        if self.facts.files[file].language == RUST:
            self.types.add_impls(file)

    def remove(self, file: int) -> None:
        """Link against a file no longer."""
        self._impls.remove(file)

    def forget(self) -> None:
        """Find everything anew: the files have changed."""
        self.modules.forget()
        self.values.forget()
