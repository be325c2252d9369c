"""Calls in languages other than Rust: found by the names that a file has, its classes and their bases.

Free functions are found in the file and through its imports, methods of `self` in the class and its bases,
`Type.method` in that type, methods of a parameter or a field in the type that is written for it. A method of anything
else is not resolved: what it is called on, only a compiler knows. Nor is a call where parameters decide which of
several functions of one name it means.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet

from repoloom_stages.facts import Call, IndexedFile
from repoloom_stages.linking.manifest_values import Package
from repoloom_stages.linking.snapshot_facts import Place, SnapshotFacts
from repoloom_stages.linking.source_imports import HEADERS, PACKAGED, SCRIPTS, Imported, SourceImports

MAX_BASES = 16
"""Classes above a class that are looked at."""

MAX_KNOWN = 100_000
"""Imports whose files are remembered."""

MAX_PACKAGES = 256
"""Files of which is remembered what stands beside them."""
MAX_EXPORTERS = 64
"""Files through which a name is followed that one takes from another to give it on."""

_TYPES = frozenset({"class", "interface", "struct", "enum", "trait", "type"})
_CALLABLE = frozenset({"function", "macro"})
_NAMED = _CALLABLE | _TYPES
"""What a call may mean: a class is called to make one of it, in Python."""
_FUNCTIONS = frozenset({"function"})

_OVERLOADING = frozenset({"cpp", "csharp", "java", "kotlin"})
"""Languages where functions of one name differ by their parameters, and that call a method of the same object without
naming that."""
_NAMESPACES = frozenset({"cpp", "csharp"})
_GIVING_ON = SCRIPTS | {"python"}
"""Languages whose files give on what they import."""

_SELVES = frozenset({"self", "this", "cls"})
_SEPARATORS = re.compile(r"::|\.")
_TYPE_NAME = re.compile(r"[\w.:]+")
_GO_RECEIVER = re.compile(r"func \((\w+) ")

Found = Iterator[Place | None]
"""What a name may mean, the likeliest first; None stands for several functions between which parameters decide."""


class OtherCalls:
    """Resolves the calls of files."""

    def __init__(self, facts: SnapshotFacts, packages: Sequence[Package]) -> None:
        self._facts, self._imports = facts, SourceImports(facts, packages)
        self._known: dict[tuple[int, str], Imported] = {}
        self._beside: dict[int, frozenset[int]] = {}
        self._having: dict[str, list[int]] = {}
        """Numbers of files by what they have at their top, where others have it without importing it."""
        for number in facts.linked_against():
            if facts.files[number].language in PACKAGED:
                for name in facts.unpacked(number).outer:
                    self._having.setdefault(name, []).append(number)

    def forget(self) -> None:
        """Find everything anew: the files have changed."""
        self._known.clear()
        self._beside.clear()

    def _package(self, number: int) -> frozenset[int]:
        """Files whose names a file has without importing them."""
        known = self._beside.get(number)
        if known is None:
            if len(self._beside) >= MAX_PACKAGES:
                self._beside.clear()
            known = self._beside[number] = frozenset(self._imports.beside(number))
        return known

    def of(self, number: int, file: IndexedFile) -> Callable[[Call], Place | None]:
        """What resolves each call of a file."""
        return _InFile(self, self._facts, number, file).callee

    def imported(self, number: int, file: IndexedFile) -> set[int]:
        """Numbers of the files that a file imports from."""
        return {one for entry in file["imports"] for one in self.named(number, entry["path"]).files}

    def named(self, number: int, path: str) -> Imported:
        """What an import of that path means in a file."""
        key = (number, path)
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            known = self._known[key] = self._imports.named(number, path)
        return known

    def top(self, files: Iterable[int], name: str, kinds: AbstractSet[str]) -> Found:
        """Items of that name and of some kinds at the top of files, or where those take it from to give it on."""
        looked_at = dict.fromkeys((number, name) for number in files)
        for number, _ in looked_at:
            yield from self._own(number, name, kinds)
        open_ = [one for one in looked_at if self._facts.files[one[0]].language in _GIVING_ON]
        while open_ and len(looked_at) < MAX_EXPORTERS:
            further = [one for entry in open_ for one in self._given_on(*entry) if one not in looked_at]
            open_ = list(dict.fromkeys(further))[:MAX_EXPORTERS]
            looked_at.update(dict.fromkeys(open_))
            for number, wanted in open_:
                yield from self._own(number, wanted, kinds)

    def _own(self, number: int, name: str, kinds: AbstractSet[str]) -> Found:
        facts = self._facts.unpacked(number)
        in_namespaces = self._facts.files[number].language in _NAMESPACES
        some = facts.outer.get(name, ()) if in_namespaces else facts.named.get((-1, name), ())
        if positions := [one for one in some if facts.symbols[one].kind in kinds]:
            yield self._meant(number, positions)

    def _given_on(self, number: int, name: str) -> Iterator[tuple[int, str]]:
        """Files from which a file takes a name, each with the name there."""
        facts = self._facts.unpacked(number)
        for path in (*facts.imported.get((-1, name), ()), *facts.globs.get(-1, ())):
            found = self.named(number, path)
            yield from ((one, found.item or name) for one in found.files)

    def _meant(self, number: int, positions: Sequence[int]) -> Place | None:
        """Of items of one name in one place, the one that a call means: the last with a body, or None if several."""
        symbols = self._facts.unpacked(number).symbols
        callable_ = [one for one in positions if symbols[one].kind in _CALLABLE]
        if not callable_:
            return number, positions[0]
        defined = [one for one in callable_ if symbols[one].inline] or callable_
        if len(defined) > 1 and self._facts.files[number].language in _OVERLOADING:
            return None
        return number, defined[-1]

    def visible(self, number: int, name: str, kinds: AbstractSet[str]) -> Found:
        """What a name means at the top of a file: its own, what it imports, what its package holds."""
        yield from self.top((number,), name, kinds)
        facts = self._facts.unpacked(number)
        for path in facts.imported.get((-1, name), ()):
            found = self.named(number, path)
            yield from self.top(found.files, found.item or name, kinds)
        if having := self._having.get(name):
            package = self._package(number)
            yield from self.top((one for one in having if one != number and one in package), name, kinds)
        included = [one for path in self._all_of(number) for one in self.named(number, path).files]
        yield from self.top(included, name, kinds)
        if self._facts.files[number].language in HEADERS:
            sources = [source for one in included for source in self._imports.sources_of(one) if source != number]
            # Of another source, functions that it gives out: no macros, no types.
            for place in self.top(sources, name, kinds & _FUNCTIONS):
                if place is None or not self._facts.symbol(place).local:
                    yield place

    def _all_of(self, number: int) -> list[str]:
        facts = self._facts.unpacked(number)
        return facts.globs.get(-1, []) + facts.imported.get((-1, ""), [])

    def type_named(self, number: int, name: str) -> Place | None:
        """The type that a name means at the top of a file; `module.Type` through an import."""
        *path, last = _SEPARATORS.split(name)
        found = self.within(number, path, last, _TYPES) if path else self.visible(number, last, _TYPES)
        return next(found, None)

    def within(self, number: int, path: list[str], name: str, kinds: AbstractSet[str]) -> Found:
        """Items of that name in what an imported path names."""
        for entry in self._facts.unpacked(number).imported.get((-1, path[0]), ()):
            for tail in (path[1:], []) if len(path) > 1 else ([],):
                found = self.named(number, ".".join([entry, *tail]))
                if not found.item:
                    yield from self.top(found.files, name, kinds)

    def members(self, item: Place) -> Sequence[Sequence[str]]:
        """Names and types of a type's fields, or of a function's parameters."""
        return self._facts.symbol(item).members

    def method(self, kind: Place, name: str) -> Place | None:
        """A method of a type, or of the first of its bases that has it."""
        return next(self.methods(kind, name), None)

    def methods(self, kind: Place, name: str) -> Found:
        """Methods of that name of a type and of its bases, the nearest first."""
        seen, open_ = {kind}, [kind]
        while open_ and len(seen) <= MAX_BASES:
            number, position = open_.pop(0)
            facts = self._facts.unpacked(number)
            named = facts.named.get((position, name), ())
            if positions := [one for one in named if facts.symbols[one].kind in _CALLABLE]:
                yield self._meant(number, positions)
            in_package = self._facts.files[number].language == "go"
            for beside in (number, *sorted(self._package(number) - {number} if in_package else ())):
                if outside := self._facts.unpacked(beside).outside.get((facts.symbols[position].name, name)):
                    yield self._meant(beside, outside)
            for base in facts.symbols[position].bases:
                written = _TYPE_NAME.search(base)
                above = self.type_named(number, written[0]) if written else None
                if above and above not in seen:
                    seen.add(above)
                    open_.append(above)


class _InFile:
    """Resolves the calls of one file."""

    def __init__(self, calls: OtherCalls, facts: SnapshotFacts, number: int, file: IndexedFile) -> None:
        self._calls, self._number = calls, number
        self._symbols = facts.unpacked(number)
        self._language = file["language"]
        self._items = file["items"]

    def callee(self, call: Call) -> Place | None:
        """The item that a call means; None where that is no item of the snapshot, or unsure."""
        item, _, how, name, receiver = call
        if how in ("free", "macro"):
            return self._free(item, name)
        if how == "new":
            return self._calls.type_named(self._number, name)
        if how == "self":
            return self._of_self(item, name)
        if how == "path":
            return self._path(name)
        return self._method(item, name, receiver) if receiver else None

    def _free(self, item: int, name: str) -> Place | None:
        return next(self._named_from(item, name), None)

    def _named_from(self, item: int, name: str) -> Found:
        """What a name means in an item, from the inside out; None where it is a parameter or a field."""
        holder = item
        while holder >= 0:
            symbol = self._symbols.symbols[holder]
            if self._language != "java" and any(one == name for one, _ in symbol.members):
                yield None
            if symbol.kind in _CALLABLE:
                inner = self._symbols.named.get((holder, name), ())
                yield from ((self._number, one) for one in inner if self._symbols.symbols[one].kind in _CALLABLE)
            if self._language in _OVERLOADING:
                yield from self._methods_around(holder, name)
            holder = symbol.owner
        yield from self._calls.visible(self._number, name, _NAMED)

    def _methods_around(self, holder: int, name: str) -> Found:
        """Methods of the type that an item is, or that a function outside its type is of."""
        symbol = self._symbols.symbols[holder]
        kind = (self._number, holder) if symbol.kind in _TYPES else None
        if symbol.of and symbol.kind == "function":
            kind = self._calls.type_named(self._number, symbol.of)
        if kind:
            yield from self._calls.methods(kind, name)

    def _of_self(self, item: int, name: str) -> Place | None:
        """A method of the object around, which in JavaScript may have no type: `a.f = …`, `A.prototype.f = …`."""
        if kind := self._type_around(item):
            return self._calls.method(kind, name)
        found = self._symbols.outside.get((self._symbols.symbols[item].of, name), ()) if item >= 0 else ()
        return (self._number, found[-1]) if found else None

    def _type_around(self, item: int) -> Place | None:
        position = item
        while position >= 0:
            if self._symbols.symbols[position].kind in _TYPES:
                return self._number, position
            position = self._symbols.symbols[position].owner
        if item < 0:
            return None
        owner = self._symbols.symbols[item].of
        return self._calls.type_named(self._number, owner) if owner else None

    def _path(self, path: str) -> Place | None:
        *head, name = _SEPARATORS.split(path)
        if not head:
            return None
        kind = self._calls.type_named(self._number, ".".join(head))
        if kind:
            return self._calls.method(kind, name)
        return next(self._calls.within(self._number, head, name, _NAMED), None)

    def _method(self, item: int, name: str, receiver: str) -> Place | None:
        """A method of the object around, of a parameter, or of a field of that object, whose type is written."""
        if item < 0:
            return None
        first, _, field = receiver.partition(".")
        if first in _SELVES or first == self._receiver(item):
            if not field:
                return self._of_self(item, name)
            kind = self._type_around(item)
            return self._of_member(kind, field, name) if kind else None
        return None if field else self._of_member((self._number, item), first, name)

    def _receiver(self, item: int) -> str:
        """What a method of Go calls its object."""
        found = _GO_RECEIVER.match(self._items[item]["signature"]) if self._language == "go" else None
        return found[1] if found else ""

    def _of_member(self, holder: Place, member: str, name: str) -> Place | None:
        """A method of what a function's parameter or a type's field is of."""
        for one, text in self._calls.members(holder):
            if one == member and (written := _TYPE_NAME.search(text)):
                kind = self._calls.type_named(holder[0], written[0])
                return self._calls.method(kind, name) if kind else None
        return None
