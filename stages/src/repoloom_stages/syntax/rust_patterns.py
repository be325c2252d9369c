"""Patterns of Rust by their text: the names that they bind, and what each of those is a part of.

Parts are said as expressions that `linking` follows: `a?` is what `Some`, `Ok` or `Ready` holds, `a.0` a part of a
tuple, `match(Shape::Round).0` what a variant or tuple struct holds, `match(Point).x` a field, `a.for()` an item of a
sequence.
"""

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

MAX_PATTERN_CHARACTERS = 500
"""A longer pattern binds nothing that is known."""

UNWRAPPED: Final = frozenset({"Ok", "Option::Some", "Poll::Ready", "Ready", "Result::Ok", "Some"})
FAILED: Final = frozenset({"Err", "Result::Err"})

_TOKEN = re.compile(
    r"""(?:"(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)+')
    | (?P<name>(?:r\#)?[^\W\d]\w*(?:(?:::(?:<[^<>]*>)?)(?:r\#)?\w+)*(?:::<[^<>]*>)?)
    | (?P<mark>\.\. | [(){}\[\],|:@])""",
    re.VERBOSE,
)
_WORDS = frozenset({"box", "false", "if", "mut", "ref", "true", "_"})
_TYPE_ARGUMENTS = re.compile(r"::<[^<>]*>")


@dataclass
class _Within:
    """Brackets that are open in a pattern."""

    kind: str
    """`(` of a tuple, variant or tuple struct, `{` of a struct, `[` of a slice; empty outside of all."""
    whole: str
    """What it takes apart, as an expression; empty where that is not known."""
    path: str = ""
    """Of a variant or struct."""
    position: int = 0
    field: str = ""
    skips: bool = False
    """Whether the rest of the part is left out: another alternative, which binds the same names."""

    def part(self) -> str:
        """The part that stands at this place, as an expression."""
        if self.path in UNWRAPPED:
            return f"{self.whole}?" if self.whole else ""
        if self.path in FAILED:
            return f"{self.whole}.err()?" if self.whole else ""
        where = self.field if self.kind == "{" else str(self.position) if self.position >= 0 else ""
        if self.path:
            return f"match({self.path}).{where}" if where else ""
        if self.kind == "(":
            return f"{self.whole}.{where}" if self.whole and where else ""
        if self.kind == "[":
            return f"{self.whole}.for()" if self.whole else ""
        return self.whole


@dataclass
class _Reader:
    """Reads one pattern from left to right."""

    open: list[_Within]
    names: list[tuple[str, str]] = field(default_factory=list)
    pending: str = ""
    """A name of which is not yet known whether it is bound or called."""

    def mark(self, mark: str) -> None:
        within = self.open[-1]
        if mark in "({[":
            path, self.pending = self.pending, ""
            self.open.append(_Within(mark, within.part(), _TYPE_ARGUMENTS.sub("", path), skips=within.skips))
        elif mark == ":" and within.kind == "{":
            within.field, self.pending = self.pending, ""
        elif mark == "@" and within.kind == "[":
            self.names.append((self.pending, ""))  # `rest @ ..` is no item
            self.pending = ""
        elif mark == "..":
            self.flush()
            within.position = -MAX_PATTERN_CHARACTERS  # what follows is counted from the other end
        else:
            self.flush()
            if mark == "|":
                within.skips = True
            elif mark == ",":
                within.position += 1
                within.field, within.skips = "", len(self.open) > 1 and self.open[-2].skips
            elif mark in ")}]" and len(self.open) > 1:
                self.open.pop()

    def flush(self) -> None:
        """Bind the name that was read last, unless it is a constant or a variant."""
        name, self.pending = self.pending, ""
        within = self.open[-1]
        if not name or within.skips or "::" in name or name[0].isupper():
            return
        if within.kind == "{" and not within.field:
            within.field = name
        self.names.append((name, within.part()))


@lru_cache(maxsize=4096)
def bound_names(pattern: str, whole: str) -> list[tuple[str, str]]:
    """Names that a pattern binds, each with the part of `whole` that it is; that is empty where nobody knows.

    Who asks only reads the list: it is kept, as most patterns are written many times.
    """
    if pattern.isidentifier():
        return [] if pattern in _WORDS or pattern[0].isupper() else [(pattern, whole)]
    if len(pattern) > MAX_PATTERN_CHARACTERS:
        return []
    reader = _Reader([_Within("", whole)])
    for token in _TOKEN.finditer(pattern):
        if token["mark"]:
            reader.mark(token["mark"])
        elif token["name"] == "if":  # a guard
            break
        elif token["name"] and token["name"] not in _WORDS:
            reader.pending = token["name"]
    reader.flush()
    return reader.names
