"""Types in languages other than Rust: which one a name means, and its methods, fields and bases.

Names at the top of files are found by `source_names`; what is called on a type, `calls_in_file` says.
"""

from collections.abc import Iterator, Sequence
from itertools import islice

from repoloom_stages.linking.snapshot_facts import Place, SnapshotFacts
from repoloom_stages.linking.source_imports import HEADERS
from repoloom_stages.linking.source_names import CALLABLE, MAX_KNOWN, SEPARATORS, TYPES, Found, SourceNames
from repoloom_stages.linking.written_types import named_type

MAX_BASES = 16
"""Classes above a class that are looked at."""
MAX_PARTS = 256
"""Parts of a class that are looked at."""


class SourceTypes:
    """Finds types by their names, and what they hold."""

    def __init__(self, facts: SnapshotFacts, names: SourceNames) -> None:
        self._facts, self._names = facts, names
        self._methods: dict[tuple[Place, str], Place | None] = {}
        self._types: dict[tuple[int, str], Place | None] = {}
        self._inner: dict[tuple[int, int, str], Place | None] = {}
        self._parts: dict[Place, tuple[Place, ...]] = {}

    def forget(self) -> None:
        """Find everything anew: the files have changed."""
        self._methods.clear()
        self._types.clear()
        self._inner.clear()
        self._parts.clear()

    def type_named(self, number: int, name: str) -> Place | None:
        """The type that a name means at the top of a file; `module.Type` through an import."""
        *path, last = SEPARATORS.split(name)
        return next(self._names.within(number, path, last, TYPES), None) if path else self._visible_type(number, last)

    def type_in(self, place: Place, name: str) -> Place | None:
        """The type that a name means in an item, from the inside out; a type in a type by all its names."""
        number, holder = place
        symbol = self._facts.symbol(place) if holder >= 0 else None
        if symbol and symbol.kind == "function" and not symbol.of:
            holder = symbol.owner
        key = (number, holder, name)
        if key not in self._inner:
            if len(self._inner) >= MAX_KNOWN:
                self._inner.clear()
            self._inner[key] = self._found_in(number, holder, name)
        return self._inner[key]

    def _found_in(self, number: int, holder: int, name: str) -> Place | None:
        path = SEPARATORS.split(name)
        found = self._nested_around(number, holder, path[0]) or self._visible_type(number, path[0])
        for inner in path[1:]:
            found = self._nested(found, inner) if found else None
        if found or len(path) == 1:
            return found
        if self._facts.files[number].language in HEADERS:
            return self._in_namespace(number, path)
        return self.type_named(number, name)

    def made_in(self, place: Place, name: str) -> Place | None:
        """The type that `new` makes in an item; none if there are several that their type parameters tell apart."""
        found = self.type_in(place, name)
        if found is None:
            return None
        arities = {
            len(one.split(",")) if one else 0 for one in (self._facts.symbol(p).generics for p in self.parts(found))
        }
        return found if len(arities) == 1 else None

    def _visible_type(self, number: int, name: str) -> Place | None:
        """The type of that name at the top of a file."""
        key = (number, name)
        if key not in self._types:
            if len(self._types) >= MAX_KNOWN:
                self._types.clear()
            self._types[key] = next(self._names.visible(number, name, TYPES), None)
        return self._types[key]

    def _nested_around(self, number: int, holder: int, name: str) -> Place | None:
        symbols = self._facts.unpacked(number).symbols
        while holder >= 0:
            symbol = symbols[holder]
            kind = (number, holder) if symbol.kind in TYPES else None
            if symbol.kind == "function" and symbol.of:
                kind = self._visible_type(number, symbol.of)
            if kind and (found := self._nested(kind, name)):
                return found
            holder = symbol.owner
        return None

    def _nested(self, kind: Place, name: str) -> Place | None:
        """A type in a type."""
        for number, position in self.parts(kind):
            facts = self._facts.unpacked(number)
            for one in facts.named.get((position, name), ()):
                if facts.symbols[one].kind in TYPES:
                    return number, one
        return None

    def _in_namespace(self, number: int, path: list[str]) -> Place | None:
        """A type of C++ in a namespace that its name starts with."""
        found = self._visible_type(number, path[-1])
        owner = self._facts.symbol(found).owner if found else -1
        return found if found and owner >= 0 and self._facts.symbol((found[0], owner)).name == path[-2] else None

    def parts(self, kind: Place) -> tuple[Place, ...]:
        """A type, and in C# those of its name in its namespace: parts of it, or the same with type parameters."""
        if self._facts.files[kind[0]].language != "csharp":
            return (kind,)
        known = self._parts.get(kind)
        if known is None:
            if len(self._parts) >= MAX_KNOWN:
                self._parts.clear()
            known = self._parts[kind] = tuple(dict.fromkeys((kind, *islice(self._same_named(kind), MAX_PARTS))))
        return known

    def _same_named(self, kind: Place) -> Iterator[Place]:
        symbol = self._facts.symbol(kind)
        if symbol.owner >= 0 and self._facts.symbol((kind[0], symbol.owner)).kind in TYPES:
            owners = self.parts((kind[0], symbol.owner))
            for number, owner in owners:
                facts = self._facts.unpacked(number)
                named = facts.named.get((owner, symbol.name), ())
                yield from ((number, one) for one in named if facts.symbols[one].kind in TYPES)
            return
        namespace = self._namespace(kind)
        for number in self._names.having.get(symbol.name, ()):
            if not self._facts.is_linked_against(number):
                continue  # a held-out file stands in its place
            facts = self._facts.unpacked(number)
            for one in facts.outer.get(symbol.name, ()):
                if facts.symbols[one].kind in TYPES and self._namespace((number, one)) == namespace:
                    yield number, one

    def _namespace(self, kind: Place) -> str:
        path, owner = "", self._facts.symbol(kind).owner
        while owner >= 0:
            module = self._facts.symbol((kind[0], owner))
            path, owner = ".".join(filter(None, (module.of, module.name, path))), module.owner
        return path

    def method(self, kind: Place, name: str) -> Place | None:
        """A method of a type, or of the first of its bases that has it."""
        key = (kind, name)
        if key not in self._methods:
            if len(self._methods) >= MAX_KNOWN:
                self._methods.clear()
            self._methods[key] = next(self.methods(kind, name), None)
        return self._methods[key]

    def method_above(self, kind: Place, name: str) -> Place | None:
        """A method of the first of a type's bases that has it."""
        return next((one for step in self._with_bases(kind, above=True) for one in self._own_methods(step, name)), None)

    def methods(self, kind: Place, name: str) -> Found:
        """Methods of that name of a type and of its bases, the nearest first."""
        for step in self._with_bases(kind):
            yield from self._own_methods(step, name)

    def _with_bases(self, kind: Place, *, above: bool = False) -> Iterator[tuple[Place, ...]]:
        """The parts of a type, and of each of its bases, the nearest first; `above` leaves out the type's own."""
        seen, open_ = {kind}, [self.parts(kind)]
        while open_ and len(seen) <= MAX_BASES:
            parts = open_.pop(0)
            if not above:
                yield parts
            above = False
            for part in parts:
                language = self._facts.files[part[0]].language
                for base in self._facts.symbol(part).bases:
                    written = named_type(base, language)
                    found = self.type_in((part[0], self._facts.symbol(part).owner), written) if written else None
                    if found and found not in seen and found not in parts:
                        seen.add(found)
                        open_.append(self.parts(found))

    def _own_methods(self, parts: Sequence[Place], name: str) -> Found:
        found = [one for part in parts for one in self._methods_of(part, name)]
        # Parts of one type may each have a method of that name, which parameters tell apart.
        yield from found if len(parts) == 1 or len(found) == 1 else [None] * bool(found)

    def _methods_of(self, kind: Place, name: str) -> Found:
        """Methods of that name that stand in a type, or outside it beside its file."""
        number, position = kind
        facts = self._facts.unpacked(number)
        if positions := [one for one in facts.named.get((position, name), ()) if facts.symbols[one].kind in CALLABLE]:
            yield self._names.meant(number, positions)
        own = facts.symbols[position].name
        having = self._names.having.get(f"{own}.{name}", ())
        package = self._names.package(number) if having else ()
        for beside in (number, *(one for one in having if one != number and one in package)):
            if outside := self._facts.unpacked(beside).outside.get((own, name)):
                yield self._names.meant(beside, outside)

    def field(self, kind: Place, name: str) -> tuple[Place, str] | None:
        """Where a type, or one of its bases, declares a field, and the field's type as written."""
        for parts in self._with_bases(kind):
            for part in parts:
                symbol = self._facts.symbol(part)
                embedded = symbol.bases if self._facts.files[part[0]].language == "go" else ()
                named = ((SEPARATORS.split(base.lstrip("*"))[-1], base) for base in embedded)
                for one, text in (*symbol.members, *named):
                    if one == name:
                        return part, text
        return None
