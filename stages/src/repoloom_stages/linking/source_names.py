"""Names in languages other than Rust: what each means at the top of a file.

That is what the file itself has, what it imports and, by language, what its package, its namespaces or its headers
hold. Types and their methods are for `source_types`, calls for `calls_in_file`.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet

from repoloom_stages.linking.manifest_values import Package
from repoloom_stages.linking.snapshot_facts import Place, SnapshotFacts
from repoloom_stages.linking.source_imports import HEADERS, PACKAGED, SCRIPTS, Imported, SourceImports

MAX_KNOWN = 100_000
"""Imports whose files are remembered."""

MAX_PACKAGES = 256
"""Files of which is remembered what stands beside them, what they include, or what they take all names from."""
MAX_HEADERS = 1_000
"""Headers that a file includes, one through another, that are looked at."""
MAX_EXPORTERS = 64
"""Files through which a name is followed that one takes from another to give it on."""

TYPES = frozenset({"class", "interface", "struct", "enum", "trait", "type"})
CALLABLE = frozenset({"function", "macro"})
NAMED = CALLABLE | TYPES
"""What a call may mean: a class is called to make one of it, in Python."""
_FUNCTIONS = frozenset({"function"})

OVERLOADING = frozenset({"cpp", "csharp", "java", "kotlin"})
"""Languages where functions of one name differ by their parameters, and that call a method of the same object without
naming that."""
_NAMESPACES = frozenset({"cpp", "csharp"})
_GIVING_ON = SCRIPTS | {"python"}
"""Languages whose files give on what they import."""

SEPARATORS = re.compile(r"::|\.")

Reached = tuple[dict[int, int], frozenset[int]]
"""Numbers of headers, each with its place among them, and of sources."""

Found = Iterator[Place | None]
"""What a name may mean, the likeliest first; None stands for several functions between which parameters decide."""


class SourceNames:
    """What names mean in files."""

    def __init__(self, facts: SnapshotFacts, packages: Sequence[Package]) -> None:
        self._facts, self._imports = facts, SourceImports(facts, packages)
        self._known: dict[tuple[int, str], Imported] = {}
        self._beside: dict[int, frozenset[int]] = {}
        self._headers: dict[int, Reached] = {}
        self._taken: dict[int, dict[int, None]] = {}
        self.having: dict[str, list[int]] = {}
        """Numbers of files by what they have at their top, where others have it without importing it."""
        for number in facts.linked_against():
            if facts.files[number].language in PACKAGED | HEADERS:
                for name in self._names_at_top(number):
                    self.having.setdefault(name, []).append(number)

    def _names_at_top(self, number: int) -> Iterable[str]:
        """Names of a file that others have, and `Type.method` of methods outside their type."""
        facts = self._facts.unpacked(number)
        return {*facts.outer, *map(".".join, facts.outside if self._facts.files[number].language == "go" else ())}

    def forget(self) -> None:
        """Find everything anew: the files have changed."""
        self._known.clear()
        self._beside.clear()
        self._headers.clear()
        self._taken.clear()

    def package(self, number: int) -> frozenset[int]:
        """Files whose names a file has without importing them."""
        known = self._beside.get(number)
        if known is None:
            if len(self._beside) >= MAX_PACKAGES:
                self._beside.clear()
            known = self._beside[number] = frozenset(self._imports.beside(number))
        return known

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
            yield self.meant(number, positions)

    def _given_on(self, number: int, name: str) -> Iterator[tuple[int, str]]:
        """Files from which a file takes a name, each with the name there."""
        facts = self._facts.unpacked(number)
        for path in facts.imported.get((-1, name), ()):
            found = self.named(number, path)
            yield from ((one, found.item or name) for one in found.files)
        yield from ((one, name) for one in self._all_taken(number))

    def meant(self, number: int, positions: Sequence[int]) -> Place | None:
        """Of items of one name in one place, the one that a call means: the last with a body, or None if several."""
        symbols = self._facts.unpacked(number).symbols
        callable_ = [one for one in positions if symbols[one].kind in CALLABLE]
        if not callable_:
            return number, positions[0]
        defined = [one for one in callable_ if symbols[one].inline] or callable_
        if len(defined) > 1 and self._facts.files[number].language in OVERLOADING:
            return None
        return number, defined[-1]

    def visible(self, number: int, name: str, kinds: AbstractSet[str]) -> Found:
        """What a name means at the top of a file: its own, what it imports, what its package holds."""
        yield from self.top((number,), name, kinds)
        facts = self._facts.unpacked(number)
        for path in facts.imported.get((-1, name), ()):
            found = self.named(number, path)
            yield from self.top(found.files, found.item or name, kinds)
        if self._facts.files[number].language in HEADERS:
            yield from self._included(number, name, kinds)
            return
        if having := self.having.get(name):
            package = self.package(number)
            yield from self.top((one for one in having if one != number and one in package), name, kinds)
        if self._facts.files[number].language == "csharp":
            used = self._all_taken(number) if having else ()
            yield from self.top((one for one in having or () if one in used), name, kinds)
        else:
            yield from self.top(self._all_taken(number), name, kinds)

    def _all_taken(self, number: int) -> dict[int, None]:
        """Files that a file takes all names from, in the order of its imports: in C#, those of namespaces."""
        known = self._taken.get(number)
        if known is None:
            if len(self._taken) >= MAX_PACKAGES:
                self._taken.clear()
            globs = self._facts.unpacked(number).globs.get(-1, ())
            paths = dict.fromkeys((*globs, *self._imports.shared_by(number)))
            known = dict.fromkeys(one for path in paths for one in self.named(number, path).files)
            self._taken[number] = known
        return known

    def _included(self, number: int, name: str, kinds: AbstractSet[str]) -> Found:
        """What headers hold, and the functions that the sources beside them give out: no macros, no types."""
        having = self.having.get(name, ())
        if not having:
            return
        headers, sources = self._reached(number)
        yield from self.top(sorted((one for one in having if one in headers), key=headers.__getitem__), name, kinds)
        for place in self.top((one for one in having if one in sources), name, kinds & _FUNCTIONS):
            if place is None or not self._facts.symbol(place).local:
                yield place

    def _reached(self, number: int) -> Reached:
        """The headers that a file includes, and those that they include, in that order; the sources beside them."""
        known = self._headers.get(number)
        if known is None:
            if len(self._headers) >= MAX_PACKAGES:
                self._headers.clear()
            seen, open_ = {number: 0}, [number]
            while open_ and len(seen) <= MAX_HEADERS:
                one = open_.pop(0)
                for further in self._all_taken(one):
                    if further not in seen:
                        seen[further] = len(seen)
                        open_.append(further)
            del seen[number]
            sources = frozenset(source for one in seen for source in self._imports.sources_of(one)) - {number}
            known = self._headers[number] = (seen, sources)
        return known

    def within(self, number: int, path: list[str], name: str, kinds: AbstractSet[str]) -> Found:
        """Items of that name in what an imported path names."""
        for entry in self._facts.unpacked(number).imported.get((-1, path[0]), ()):
            for tail in (path[1:], []) if len(path) > 1 else ([],):
                found = self.named(number, ".".join([entry, *tail]))
                if not found.item:
                    yield from self.top(found.files, name, kinds)
