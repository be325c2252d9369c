"""Calls of one file in languages other than Rust: which item each means, by the types that the text says.

A method is looked for in the type of what it is called on: a parameter's or a field's written type, what a variable is
bound to, what a function says that it returns. Where a name is bound twice, both must say the same type.
"""

import re
from collections.abc import Sequence

from repoloom_stages.facts import Call, IndexedFile
from repoloom_stages.linking.snapshot_facts import Place, SnapshotFacts
from repoloom_stages.linking.source_imports import SCRIPTS
from repoloom_stages.linking.source_names import CALLABLE, NAMED, OVERLOADING, SEPARATORS, TYPES, Found, SourceNames
from repoloom_stages.linking.source_types import SourceTypes
from repoloom_stages.linking.written_types import named_type, part_of

MAX_DEPTH = 20
"""Variables bound to one another that are followed."""

MAX_BOUND = 64
"""Things that a name is bound to that are looked at. Of more, its type is not known: nobody writes them by hand."""

_SELVES = frozenset({"self", "this", "cls"})
_ABOVE = frozenset({"base", "super", "super()"})
_OWN = frozenset({"Self", "this"})
"""What a method says that it returns where that is its object."""
_BARE_FIELDS = frozenset({"cpp", "csharp", "java", "kotlin"})
"""Languages where a field is named without its object."""
_PROPERTIES = SCRIPTS | {"python"}
"""Languages where a method may be read like a field."""
_FIELD = "self."
"""What a field of the object around is bound under."""
_FIXTURE = re.compile(r"TEST_[FP]\(\s*(\w+)\s*,")
_WORD = re.compile(r"\w+")


class CallsInFile:
    """Resolves the calls of one file."""

    def __init__(
        self, facts: SnapshotFacts, names: SourceNames, types: SourceTypes, number: int, file: IndexedFile
    ) -> None:
        self._facts, self._source_names, self._source_types, self._number = facts, names, types, number
        self._symbols = facts.unpacked(number)
        self._language = file["language"]
        self._bound: dict[tuple[int, str], dict[str, None]] = {}
        for item, _, name, bound in file["bindings"]:
            values = self._bound.setdefault((item, name), {})
            if len(values) <= MAX_BOUND:
                values[bound] = None
        self._names = {name for _, name in self._bound}
        self._fields: dict[tuple[int, str], list[tuple[int, str]]] = {}
        """What is assigned to fields, by the type's position and the field's name, with the item that does it."""
        for (item, name), values in self._bound.items():
            kind = self._type_around(item) if name.startswith(_FIELD) else None
            if kind and kind[0] == number:
                field = name.removeprefix(_FIELD)
                self._fields.setdefault((kind[1], field), []).extend((item, one) for one in values)
        self._meant: dict[tuple[int, str, str, str], Place | None] = {}
        self._types: dict[tuple[int, str], Place | None] = {}
        self._tops: dict[str, Place | None] = {}
        self._depth = 0

    def callee(self, call: Call) -> Place | None:
        """The item that a call means; None where that is no item of the snapshot, or unsure."""
        item, _, how, name, receiver = call
        key = (item, how, name, receiver)
        if key not in self._meant:
            self._meant[key] = self._callee(*key)
        return self._meant[key]

    def _callee(self, item: int, how: str, name: str, receiver: str) -> Place | None:
        if how in ("free", "macro"):
            return self._free(item, name)
        if how == "new":
            return self._source_types.made_in((self._number, item), name)
        if how == "self":
            return self._above(item, name) if receiver in _ABOVE else self._of_self(item, name)
        if how == "path":
            first, _, rest = name.partition(".")
            if rest and first in self._names and self._level_of(item, first) is not None:
                on, _, method = name.rpartition(".")
                return self._method(item, method, on)
            return self._path(item, name)
        return self._method(item, name, receiver) if receiver else None

    def _free(self, item: int, name: str) -> Place | None:
        return next(self._named_from(item, name), None)

    def _at_top(self, name: str) -> Place | None:
        """What a name means at the top of the file."""
        if name not in self._tops:
            self._tops[name] = next(self._source_names.visible(self._number, name, NAMED), None)
        return self._tops[name]

    def _named_from(self, item: int, name: str) -> Found:
        """What a name means in an item, from the inside out; None where it is a parameter or a field."""
        holder = item
        while holder >= 0:
            symbol = self._symbols.symbols[holder]
            if self._language != "java" and any(one == name for one, _ in symbol.members):
                yield None
            if symbol.kind in CALLABLE:
                inner = self._symbols.named.get((holder, name), ())
                yield from ((self._number, one) for one in inner if self._symbols.symbols[one].kind in CALLABLE)
            if self._language in OVERLOADING:
                yield from self._methods_around(holder, name)
            holder = symbol.owner
        yield self._at_top(name)

    def _methods_around(self, holder: int, name: str) -> Found:
        """Methods of the type that an item is, or that a function outside its type is of."""
        if kind := self._type_of_item(holder):
            yield from self._source_types.methods(kind, name)

    def _type_of_item(self, item: int) -> Place | None:
        """The type that an item is, or that a function outside its type is of: a test's fixture, too."""
        symbol = self._symbols.symbols[item]
        if symbol.kind in TYPES:
            return self._number, item
        if symbol.kind != "function":
            return None
        fixture = _FIXTURE.match(symbol.name) if symbol.test and self._language == "cpp" else None
        of = fixture[1] if fixture else symbol.of
        return self._source_types.type_named(self._number, of) if of else None

    def _type_around(self, item: int) -> Place | None:
        position = item
        while position >= 0:
            if kind := self._type_of_item(position):
                return kind
            position = self._symbols.symbols[position].owner
        return None

    def _of_self(self, item: int, name: str) -> Place | None:
        """A method of the object around, which in JavaScript may have no type: `a.f = …`, `A.prototype.f = …`."""
        if kind := self._type_around(item):
            return self._source_types.method(kind, name)
        found = self._symbols.outside.get((self._symbols.symbols[item].of, name), ()) if item >= 0 else ()
        return (self._number, found[-1]) if found else None

    def _above(self, item: int, name: str) -> Place | None:
        """A method of the object around that a base of its type has."""
        kind = self._type_around(item)
        return self._source_types.method_above(kind, name) if kind else None

    def _path(self, item: int, path: str) -> Place | None:
        *head, name = SEPARATORS.split(path)
        if not head:
            return None
        if kind := self._source_types.type_in((self._number, item), ".".join(head)):
            return self._source_types.method(kind, name)
        return next(self._source_names.within(self._number, head, name, NAMED), None)

    def _method(self, item: int, name: str, receiver: str) -> Place | None:
        """A method of the object around, or of the type of what it is called on."""
        if receiver in _SELVES:
            return self._of_self(item, name)
        if receiver in _ABOVE:
            return self._above(item, name)
        kind = self._type_of(item, receiver)
        return self._source_types.method(kind, name) if kind else None

    def _type_of(self, item: int, expression: str) -> Place | None:
        """The type of an expression as `facts.Binding` has it."""
        key = (item, expression)
        if key not in self._types and self._depth < MAX_DEPTH:
            self._types[key] = None  # while it is looked for: it may be bound to itself
            self._depth += 1
            self._types[key] = self._evaluated(item, expression)
            self._depth -= 1
        return self._types.get(key)

    def _evaluated(self, item: int, expression: str) -> Place | None:
        if expression.startswith(":"):
            return self._written((self._number, item), expression[1:])
        segments = expression.split(".")
        kind, done = self._first(item, segments)
        while kind and done < len(segments):
            part = _part_after(segments, done)
            kind = self._next(kind, segments[done], part)
            done += 1 if part < 0 else 2
        return kind

    def _first(self, item: int, segments: list[str]) -> tuple[Place | None, int]:
        """The type of what an expression starts with, and how many of its parts that took."""
        first = segments[0]
        if first in _SELVES:
            return self._type_around(item), 1
        level = self._level_of(item, first)
        if level is not None:
            return self._agreed([(level, bound) for bound in self._bound[level, first]]), 1
        around = self._type_around(item) if self._language in _BARE_FIELDS else None
        if around and (found := self._source_types.field(around, first)):
            return self._written(*found), 1
        called = next((number for number, one in enumerate(segments) if one.endswith("()")), None)
        if called is None:
            return None, 1
        path = ".".join(segments[: called + 1])[:-2]
        callee = self._path(item, path) if called or "::" in path else self._free(item, path)
        part = _part_after(segments, called)
        return self._result(callee, None, part), called + (1 if part < 0 else 2)

    def _level_of(self, item: int, name: str) -> int | None:
        """The item, this or one around, in which a name is bound."""
        if name not in self._names:
            return None
        while item >= 0 and (item, name) not in self._bound:
            item = self._symbols.symbols[item].owner
        if (item, name) not in self._bound or (item < 0 and (-1, name) in self._symbols.imported):
            return None
        return item

    def _agreed(self, bound: Sequence[tuple[int, str]]) -> Place | None:
        """The one type of all that a name is bound to."""
        if len(bound) > MAX_BOUND:
            return None
        found = {self._type_of(item, one) if one else None for item, one in bound}
        return found.pop() if len(found) == 1 else None

    def _written(self, place: Place, text: str) -> Place | None:
        """The type that is written in an item; none where it is a parameter of that item."""
        name = named_type(text, self._facts.files[place[0]].language)
        return self._source_types.type_in(place, name) if name and not self._is_parameter(place, name) else None

    def _is_parameter(self, place: Place, name: str) -> bool:
        number, position = place
        symbols = self._facts.unpacked(number).symbols
        while position >= 0:
            if symbols[position].generics and name in _WORD.findall(symbols[position].generics):
                return True
            position = symbols[position].owner
        return False

    def _next(self, kind: Place, segment: str, part: int) -> Place | None:
        """The type of a field, or of what a method gives."""
        if segment.endswith("()"):
            return self._result(self._source_types.method(kind, segment[:-2]), kind, part)
        found = self._source_types.field(kind, segment)
        if found and found[1]:
            return self._written(*found)
        if assigned := self._fields.get((kind[1], segment)) if kind[0] == self._number else None:
            return self._agreed(assigned)
        if self._facts.files[kind[0]].language not in _PROPERTIES:
            return None
        return self._result(self._source_types.method(kind, segment), kind, -1)

    def _result(self, callee: Place | None, kind: Place | None, part: int) -> Place | None:
        """The type of what a function gives, or of one of its results; calling a type makes one of it."""
        if callee is None:
            return None
        symbol = self._facts.symbol(callee)
        if symbol.kind in TYPES:
            return callee
        returns = symbol.returns
        if returns.strip("\"'") in _OWN:
            return kind
        if self._facts.files[callee[0]].language == "go":
            returns = part_of(returns, max(part, 0))
        return self._written(callee, returns)


def _part_after(segments: list[str], place: int) -> int:
    """Which of several results is meant, where the next part of an expression says so; else -1."""
    following = segments[place + 1] if place + 1 < len(segments) else ""
    return int(following) if following.isdecimal() else -1
