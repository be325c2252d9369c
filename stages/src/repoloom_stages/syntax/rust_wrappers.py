"""Macros around items, `cfg_rt! { pub fn … }`, laid open before a file is parsed: one parse reads what they hold.

To the parser what a macro takes is tokens: read as items, it must be parsed once more. So were 24 % of the bytes of a
hundred of tokio's files, and 0.3 % still are. Blanks in place of `cfg_rt! {` and `}` make what they hold part of the
file, every place unchanged. What looks like such a macro may be something else, so `rust_items` checks on the tree that
each held items where items stand; if not, the file is read as it is written.
"""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass

MAX_MACROS = 300
"""Of a file with wrappers: the end of each is searched for. In one with more, none is laid open."""

_OPENING = b"! {\n"
_ITEM = re.compile(
    rb"(?:\s++|//[^!\n][^\n]*+\n|#\[[^\n]*\]\n)*+"
    rb"(?:async|const|enum|extern|fn|impl|macro_rules|mod|pub|static|struct|trait|type|unsafe|use)\b"
)
_INNER_MARKS = (b"//!", b"/*!", b"#!")
_INNER = re.compile(rb"^[ \t]*(?://!|/\*!|#!)", re.MULTILINE)


@dataclass(frozen=True)
class Wrapper:
    """A macro that may hold items, on lines of its own."""

    name: str
    start: int
    """Of its name."""
    inside: int
    """After the opening bracket."""
    end: int
    """After the closing bracket."""


class MislaidError(Exception):
    """Something that looked like a wrapper of items is none: the file must be read as it is written."""


class Edges:
    """Where wrappers open and close, for who reads the nodes of holders in order of position."""

    def __init__(self, wrappers: Sequence[Wrapper]) -> None:
        edges = [(one.start, True) for one in wrappers] + [(one.end - 1, False) for one in wrappers]
        self._coming = sorted(edges, reverse=True)
        self._holds_items: list[bool] = []
        """Of the wrappers that are open."""
        self.next = self._place()

    @property
    def depth(self) -> int:
        """How many wrappers are open."""
        return len(self._holds_items)

    def cross(self, low: int, high: int) -> None:
        """Take the edges up to a place. None may lie before `low`, where the node before ends, or the holder starts."""
        while self.next < high:
            if self.next < low:
                raise MislaidError
            if self._coming.pop()[1]:
                self._holds_items.append(False)
            elif not self._holds_items.pop():
                raise MislaidError
            self.next = self._place()

    def skip(self, high: int) -> None:
        """No edges may lie before a place that is not read."""
        if self.next < high:
            raise MislaidError

    def close(self, depth: int) -> None:
        """Where a holder ends, so do the wrappers in it."""
        if len(self._holds_items) != depth:
            raise MislaidError

    def take_item(self) -> None:
        """There is an item, or an import, where the reading is."""
        if self._holds_items:
            self._holds_items[-1] = True

    def _place(self) -> int:
        return self._coming[-1][0] if self._coming else sys.maxsize


def wrappers_in(source: bytes) -> list[Wrapper]:
    """By their looks alone, in order of position; none where they do not stand in one another as brackets do."""
    found: list[Wrapper] = []
    open_until = [len(source)]
    place, looked_at = source.find(_OPENING), 0
    while place >= 0:
        macro = _macro_at(source, place)
        looked_at += 1
        if looked_at > MAX_MACROS:
            return []
        if macro and not _holds_items(source, macro):
            place = macro.end  # all in it are tokens
        elif macro:
            while open_until[-1] <= macro.start:
                open_until.pop()
            if macro.end > open_until[-1]:
                return []
            open_until.append(macro.end)
            found.append(macro)
        place = source.find(_OPENING, place + 1)
    return found


def _macro_at(source: bytes, mark: int) -> Wrapper | None:
    """The macro with that `!`, if it starts a line, and a line of its indentation closes it."""
    line = source.rfind(b"\n", 0, mark) + 1
    name = source[line:mark].lstrip(b" \t")
    if not (name.isascii() and name.decode().isidentifier()):
        return None
    inside = mark + len(_OPENING) - 1
    closing = b"\n" + source[line : mark - len(name)] + b"}"
    last = source.find(closing, inside)
    end = last + len(closing)
    if last < 0 or source[end : end + 1].strip(b"\n"):
        return None
    return Wrapper(name.decode(), mark - len(name), inside, end)


def _holds_items(source: bytes, macro: Wrapper) -> bool:
    """Whether its first words look like an item, and it says nothing about itself."""
    if not _ITEM.match(source, macro.inside):
        return False
    said = any(source.find(mark, macro.inside, macro.end) >= 0 for mark in _INNER_MARKS)
    return not (said and _INNER.search(source, macro.inside, macro.end))


def laid_open(source: bytes, wrappers: list[Wrapper]) -> bytes:
    """The text with blanks in place of the macros' names and brackets."""
    parts, place = [], 0
    for start, end in sorted(edge for one in wrappers for edge in ((one.start, one.inside), (one.end - 1, one.end))):
        parts += [source[place:start], b" " * (end - start)]
        place = end
    return b"".join([*parts, source[place:]])
