"""Items: what every language's facts have in common. Which nodes are items is for each language's finder."""

import hashlib
import re
import sys
from collections.abc import Sequence
from functools import lru_cache

from tree_sitter import Node

from repoloom_stages.facts import Item

MAX_DEPTH = 100
"""Items are looked for so many holders deep. No person nests modules or classes like that, and names and hashes of
nested items take quadratic room."""

MAX_NAME_CHARACTERS = 200
MAX_SIGNATURE_CHARACTERS = 1000
MAX_INDENTATION_BYTES = 1000

_BYTES_PER_CHARACTER = 8
"""Looked at for each character of a text on one line: up to four for the character, the rest for white space."""

_SPACED_BRACKETS = re.compile(r"(?<=[(\[]) | (?=[)\]])")
_NEWLINE = 0x0A

_REST_OF_LINE = re.compile(rb"[ \t\f\r]*(?:\n|\Z)")


class Lines:
    """Lines of places in a text, counted from 1. Each answer counts on from the last: places in order take one pass."""

    def __init__(self, source: bytes) -> None:
        self._source = source
        self._place, self._line = 0, 1

    def at(self, place: int) -> int:
        """The line of a byte."""
        last, self._place = self._place, place
        if place >= last:
            self._line += self._source.count(b"\n", last, place)
        else:
            self._line -= self._source.count(b"\n", place, last)
        return self._line


def make_item(
    source: bytes,
    lines: Lines,
    kind: str,
    name: str,
    first: int,
    last: int,
    *,
    head: int,
    body: int | None = None,
    signature_end: int | None = None,
    terminator: bytes = b"",
    doc: str = "",
    visibility: str = "",
    modifiers: Sequence[str] = (),
    attributes: Sequence[str] = (),
    generics: str = "",
    returns: str = "",
    bases: Sequence[str] = (),
    type: str = "",  # noqa: A002 - the field's name
    owner: int = -1,
    members: Sequence[Sequence[str]] = (),
    test: bool = False,
) -> Item:
    """The item from one byte to before another, widened to whole lines where nothing else stands on them.

    Its signature is what stands from `head` to its body, or to `signature_end`. A `terminator` that follows belongs to
    the item.
    """
    start, end = _line_start(source, first), _line_end(source, last, terminator)
    return {
        "kind": kind,
        "name": name[:MAX_NAME_CHARACTERS],
        "start": start,
        "end": end,
        "body": end if body is None else body,
        "start_line": lines.at(start),
        # A node that a newline ends (the parser makes some in broken text) ends on the line before.
        "end_line": lines.at(last) - (source[last - 1] == _NEWLINE),
        "doc": doc,
        "sha256": hashlib.sha256(source[start:end]).hexdigest(),
        "signature": _signature(source, head, signature_end or body or last),
        "visibility": visibility,
        "modifiers": list(modifiers),
        "attributes": list(attributes),
        "generics": generics,
        "returns": returns,
        "bases": list(bases),
        "type": type,
        "owner": owner,
        "members": [list(member) for member in members],
        "test": test,
    }


class Owners:
    """Which item holds a place in the text: asked for places in ascending order."""

    def __init__(self, items: Sequence[Item]) -> None:
        self._items = items
        self._next = 0
        self._open: list[int] = []
        self._innermost, self._until = -1, 0
        """The last answer, and the place from which it is another."""

    def at(self, place: int) -> int:
        """Position of the innermost item that holds a byte; -1 for none."""
        if place < self._until:
            return self._innermost
        items, opened = self._items, self._open
        while self._next < len(items) and items[self._next]["start"] <= place:
            opened.append(self._next)
            self._next += 1
        while opened and items[opened[-1]]["end"] <= place:
            opened.pop()
        ends = [items[opened[-1]]["end"]] if opened else []
        starts = [items[self._next]["start"]] if self._next < len(items) else []
        self._until = min(ends + starts, default=sys.maxsize)
        self._innermost = opened[-1] if opened else -1
        return self._innermost


def _line_start(source: bytes, place: int) -> int:
    """Where the line starts if only indentation precedes the place, or the place itself."""
    start = source.rfind(b"\n", 0, place) + 1
    if start == place:
        return place
    indented = place - start <= MAX_INDENTATION_BYTES and not source[start:place].strip(b" \t\f")
    return start if indented else place


def _line_end(source: bytes, place: int, terminator: bytes) -> int:
    """Where the line ends if only a terminator and white space follow the place, or behind the terminator."""
    if source[place - 1] == _NEWLINE:
        return place
    if terminator and source.startswith(terminator, place):
        place += len(terminator)
    rest = _REST_OF_LINE.match(source, place)
    return rest.end() if rest else place


def _signature(source: bytes, start: int, end: int) -> str:
    """What declares an item, on one line, without the space that brackets have where they were opened on another."""
    text = one_line(source, start, end, MAX_SIGNATURE_CHARACTERS).rstrip(" {:;=")
    return _SPACED_BRACKETS.sub("", text) if b"\n" in source[start:end] else text


def one_line(source: bytes, start: int, end: int, limit: int = MAX_NAME_CHARACTERS) -> str:
    """Source text with its white space as single spaces, and no longer than that."""
    longest = limit * _BYTES_PER_CHARACTER
    text = source[start : end if end - start < longest else start + longest]
    return _known_line(text)[:limit] if len(text) <= _SHORT_BYTES else _line(text)[:limit]


def _line(text: bytes) -> str:
    return " ".join(text.decode(errors="replace").split())


_SHORT_BYTES = 60
_known_line = lru_cache(maxsize=8192)(_line)
"""Types and names are short, and written many times."""


def text_of(source: bytes, node: Node | None) -> str:
    """The source text of a node, or nothing."""
    # Not `node.text`: with tree-sitter 0.26.1 it crashes on trees that were read through a callback.
    return source[node.start_byte : node.end_byte].decode(errors="replace") if node else ""


def first_paragraph(text: str) -> str:
    """Documentation up to its first blank line, as one line."""
    return " ".join(re.split(r"\n[ \t\r]*\n", text.strip(), maxsplit=1)[0].split())
