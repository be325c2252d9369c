"""Items: what every language's facts have in common. Which nodes are items is for each language's finder."""

import hashlib
import re
import sys
from collections.abc import Sequence

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

_REST_OF_LINE = re.compile(rb"[ \t\f\r]*(?:\n|\Z)")


def make_item(
    source: bytes,
    kind: str,
    name: str,
    first: Node,
    last: Node,
    *,
    head: int | None = None,
    body: Node | int | None = None,
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
    """The item from one node's start to another's end, widened to whole lines where nothing else stands on them.

    Its signature is what stands from `head` (the last node's start) to its body, or to `signature_end`. A `terminator`
    that follows the last node belongs to the item.
    """
    start, node_end = _line_start(source, first), last.end_byte
    end, end_line = node_end, last.end_point.row + 1
    if source[end - 1 : end] == b"\n":
        # A node that a newline ends (the parser makes some in broken text) ends on the line before.
        end_line -= 1
    else:
        if terminator and source.startswith(terminator, end):
            end += len(terminator)
        if rest := _REST_OF_LINE.match(source, end):
            end = rest.end()
    at_body = body.start_byte if isinstance(body, Node) else body
    head = last.start_byte if head is None else head
    signature_end = signature_end or at_body or node_end
    return Item(
        kind=kind,
        name=name[:MAX_NAME_CHARACTERS],
        start=start,
        end=end,
        body=end if at_body is None else at_body,
        start_line=first.start_point.row + 1,
        end_line=end_line,
        doc=doc,
        sha256=hashlib.sha256(source[start:end]).hexdigest(),
        signature=one_line(source, head, signature_end, MAX_SIGNATURE_CHARACTERS).rstrip(" {:;="),
        visibility=visibility,
        modifiers=list(modifiers),
        attributes=list(attributes),
        generics=generics,
        returns=returns,
        bases=list(bases),
        type=type,
        owner=owner,
        members=[list(member) for member in members],
        test=test,
    )


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


def _line_start(source: bytes, node: Node) -> int:
    """Where the node's line starts if only indentation precedes it, or the node itself."""
    start, column = node.start_byte, node.start_point.column
    indented = column <= MAX_INDENTATION_BYTES and not source[start - column : start].strip(b" \t\f")
    return start - column if indented else start


def one_line(source: bytes, start: int, end: int, limit: int = MAX_NAME_CHARACTERS) -> str:
    """Source text with its white space as single spaces, and no longer than that."""
    text = source[start : min(end, start + limit * _BYTES_PER_CHARACTER)]
    return " ".join(text.decode(errors="replace").split())[:limit]


def text_of(source: bytes, node: Node | None) -> str:
    """The source text of a node, or nothing."""
    # Not `node.text`: with tree-sitter 0.26.1 it crashes on trees that were read through a callback.
    return source[node.start_byte : node.end_byte].decode(errors="replace") if node else ""


def first_paragraph(text: str) -> str:
    """Documentation up to its first blank line, as one line."""
    return " ".join(re.split(r"\n[ \t\r]*\n", text.strip(), maxsplit=1)[0].split())
