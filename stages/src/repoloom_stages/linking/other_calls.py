"""Calls in languages other than Rust: found by the names that a file has, its classes and their bases.

Free functions are found in the file and through its imports, methods of `self` in the class and its bases,
`Type.method` in that type. A method of anything else is not resolved: what it is called on, only a compiler knows.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from repoloom_stages.facts import Call, IndexedFile
from repoloom_stages.linking.manifest_values import Package
from repoloom_stages.linking.snapshot_facts import Place, SnapshotFacts
from repoloom_stages.linking.source_imports import HEADERS, Imported, SourceImports

MAX_BASES = 16
"""Classes above a class that are looked at."""

_TYPES = frozenset({"class", "interface", "struct", "enum", "trait", "type"})
_CALLABLE = frozenset({"function", "macro"})
_SEPARATORS = re.compile(r"::|\.")
_TYPE_NAME = re.compile(r"[\w.:]+")


class OtherCalls:
    """Resolves the calls of files."""

    def __init__(self, facts: SnapshotFacts, packages: Sequence[Package]) -> None:
        self._facts, self._imports = facts, SourceImports(facts, packages)
        self._known: dict[tuple[int, str], Imported] = {}

    def forget(self) -> None:
        """Find everything anew: the files have changed."""
        self._known.clear()

    def of(self, number: int, file: IndexedFile) -> Callable[[Call], Place | None]:
        """What resolves each call of a file."""
        return _InFile(self, self._facts, number, file).callee

    def imported(self, number: int, file: IndexedFile) -> set[int]:
        """Numbers of the files that a file imports from."""
        return {one for entry in file["imports"] for one in self.named(number, entry["path"]).files}

    def named(self, number: int, path: str) -> Imported:
        """What an import of that path means in a file."""
        key = (number, path)
        if key not in self._known:
            self._known[key] = self._imports.named(number, path)
        return self._known[key]

    def top(self, files: Iterable[int], name: str) -> Iterator[Place]:
        """Items of that name at the top of some files."""
        for number in files:
            for position in self._facts.unpacked(number).named.get((-1, name), ()):
                yield number, position

    def visible(self, number: int, name: str) -> Iterator[Place]:
        """What a name means at the top of a file: its own, what it imports, what its package holds."""
        yield from self.top((number,), name)
        facts = self._facts.unpacked(number)
        for path in facts.imported.get((-1, name), ()):
            found = self.named(number, path)
            yield from self.top(found.files, found.item or name)
        yield from self.top((one for one in self._imports.beside(number) if one != number), name)
        included = [one for path in self._all_of(number) for one in self.named(number, path).files]
        yield from self.top(included, name)
        if self._facts.files[number].language in HEADERS:
            sources = [source for one in included for source in self._imports.sources_of(one) if source != number]
            yield from self.top(sources, name)

    def _all_of(self, number: int) -> list[str]:
        facts = self._facts.unpacked(number)
        return facts.globs.get(-1, []) + facts.imported.get((-1, ""), [])

    def type_named(self, number: int, name: str) -> Place | None:
        """The type that a name means at the top of a file; `module.Type` through an import."""
        *path, last = _SEPARATORS.split(name)
        found = self.within(number, path, last) if path else self.visible(number, last)
        return next((one for one in found if self._facts.symbol(one).kind in _TYPES), None)

    def within(self, number: int, path: list[str], name: str) -> Iterator[Place]:
        """Items of that name in what an imported path names."""
        for entry in self._facts.unpacked(number).imported.get((-1, path[0]), ()):
            for tail in (path[1:], []) if len(path) > 1 else ([],):
                found = self.named(number, ".".join([entry, *tail]))
                if not found.item:
                    yield from self.top(found.files, name)

    def method(self, kind: Place, name: str) -> Place | None:
        """A method of a type, or of the first of its bases that has it."""
        seen, open_ = {kind}, [kind]
        while open_ and len(seen) <= MAX_BASES:
            one = open_.pop(0)
            facts = self._facts.unpacked(one[0])
            for position in facts.named.get((one[1], name), ()):
                if facts.symbols[position].kind in _CALLABLE:
                    return one[0], position
            for base in facts.symbols[one[1]].bases:
                written = _TYPE_NAME.search(base)
                above = self.type_named(one[0], written[0]) if written else None
                if above and above not in seen:
                    seen.add(above)
                    open_.append(above)
        return None


class _InFile:
    """Resolves the calls of one file."""

    def __init__(self, calls: OtherCalls, facts: SnapshotFacts, number: int, file: IndexedFile) -> None:
        self._calls, self._facts, self._number = calls, facts, number
        self._symbols = facts.unpacked(number)
        self._names = [item["name"] for item in file["items"]]

    def callee(self, call: Call) -> Place | None:
        """The item that a call means; None where that is no item of the snapshot, or unsure."""
        item, _, how, name, receiver = call
        if how in ("free", "macro"):
            return self._free(item, name)
        if how == "new":
            return self._calls.type_named(self._number, name)
        if how == "self":
            kind = self._type_around(item)
            return self._calls.method(kind, name) if kind else None
        if how == "path":
            return self._path(name)
        return self._method(item, name, receiver) if receiver else None

    def _free(self, item: int, name: str) -> Place | None:
        holder = item
        while holder >= 0:
            if any(one == name for one, _ in self._symbols.symbols[holder].members):
                return None  # a parameter is called, or a field
            for position in self._symbols.named.get((holder, name), ()):
                if (
                    self._symbols.symbols[holder].kind in _CALLABLE
                    and self._symbols.symbols[position].kind in _CALLABLE
                ):
                    return self._number, position
            holder = self._symbols.symbols[holder].owner
        allowed = _CALLABLE | _TYPES  # a class is called to make one of it, in Python
        return next(
            (one for one in self._calls.visible(self._number, name) if self._facts.symbol(one).kind in allowed), None
        )

    def _type_around(self, item: int) -> Place | None:
        position = item
        while position >= 0:
            if self._symbols.symbols[position].kind in _TYPES:
                return self._number, position
            position = self._symbols.symbols[position].owner
        if item < 0:
            return None
        # Methods that stand outside their type say which it is in their name.
        owner = self._names[item].rpartition("." if "." in self._names[item] else "::")[0]
        return self._calls.type_named(self._number, owner) if owner else None

    def _path(self, path: str) -> Place | None:
        *head, name = _SEPARATORS.split(path)
        if not head:
            return None
        kind = self._calls.type_named(self._number, ".".join(head))
        if kind:
            return self._calls.method(kind, name)
        allowed = _CALLABLE | _TYPES
        found = self._calls.within(self._number, head, name)
        return next((one for one in found if self._facts.symbol(one).kind in allowed), None)

    def _method(self, item: int, name: str, receiver: str) -> Place | None:
        """A method of a parameter whose type is written."""
        if item < 0 or not receiver.isidentifier():
            return None
        for one, text in self._symbols.symbols[item].members:
            if one == receiver and (written := _TYPE_NAME.search(text)):
                kind = self._calls.type_named(self._number, written[0])
                return self._calls.method(kind, name) if kind else None
        return None
