"""Items: what every language's facts have in common. Which nodes are items is for `rust_items` and `python_items`."""

import hashlib
import re

from tree_sitter import Node

from repoloom_stages.records import Item

MAX_DEPTH = 100
"""Items are looked for so many holders deep. No person nests modules or classes like that, and names and hashes of
nested items take quadratic room."""

MAX_NAME_CHARACTERS = 200
MAX_INDENTATION_BYTES = 1000

_REST_OF_LINE = re.compile(rb"[ \t\f\r]*(?:\n|\Z)")


def make_item(source: bytes, kind: str, name: str, first: Node, last: Node, doc: str) -> Item:
    """The item from one node's start to another's end, widened to whole lines where nothing else stands on them."""
    start, end = _line_start(source, first), last.end_byte
    # A node that a newline ends (the parser makes some in broken text) ends on the line before.
    end_line = last.end_point.row + (0 if source[end - 1 : end] == b"\n" else 1)
    if end_line > last.end_point.row and (rest := _REST_OF_LINE.match(source, end)):
        end = rest.end()
    return Item(
        kind=kind,
        name=name,
        start=start,
        end=end,
        start_line=first.start_point.row + 1,
        end_line=end_line,
        doc=doc,
        sha256=hashlib.sha256(source[start:end]).hexdigest(),
    )


def _line_start(source: bytes, node: Node) -> int:
    """Where the node's line starts if only indentation precedes it, or the node itself."""
    start, column = node.start_byte, node.start_point.column
    indented = column <= MAX_INDENTATION_BYTES and not source[start - column : start].strip(b" \t\f")
    return start - column if indented else start


def one_line(source: bytes, start: int, end: int) -> str:
    """Source text as a name: white space as single spaces, and no longer than names need to be."""
    return " ".join(source[start:end].decode(errors="replace").split())[:MAX_NAME_CHARACTERS]


def text_of(source: bytes, node: Node | None) -> str:
    """The source text of a node, or nothing."""
    # Not `node.text`: with tree-sitter 0.26.1 it crashes on trees that were read through a callback.
    return source[node.start_byte : node.end_byte].decode() if node else ""


def first_paragraph(text: str) -> str:
    """Documentation up to its first blank line, as one line."""
    return " ".join(re.split(r"\n[ \t\r]*\n", text.strip(), maxsplit=1)[0].split())
