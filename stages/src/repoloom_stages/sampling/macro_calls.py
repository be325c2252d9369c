"""Where calls of macros stand: the statement or item that each is in, found in the tree of a file that has some."""

import re
from bisect import bisect_left
from collections.abc import Sequence
from functools import cache

from tree_sitter import Tree

from repoloom_stages.sampling.chunking import Syntax
from repoloom_stages.sampling.code_file import CodeFile
from repoloom_stages.syntax.grammars import grammar_of, kinds

Span = tuple[int, int]
"""Bytes from a start to an end."""

_REST_OF_LINE = re.compile(rb"[ \t\f\r]*(?:\n|\Z)")
_LEADING_LINE = re.compile(rb"[ \t]*(?://|#\[)[^\n]*\n\Z")

MAX_LEADING_LINES = 200


def macro_calls(file: CodeFile, calls: Sequence[tuple[int, str]]) -> list[Span]:
    """For each call, by its line and the macro's name, the innermost statement around it, in whole lines if it can.

    Where there is no tree, it is the line.
    """
    source, starts = file.source, _line_starts(file.source)
    places = [_place(source, starts, line, name) for line, name in calls]
    statements = _statements(file.syntax, sorted(set(places))) if file.syntax else {}
    return [_whole_lines(source, *statements.get(place, (place, _line_end(source, place)))) for place in places]


def _line_starts(source: bytes) -> list[int]:
    return [0, *(found.end() for found in re.finditer(rb"\n", source))]


def _place(source: bytes, starts: Sequence[int], line: int, name: str) -> int:
    """Where on a line the macro's name stands, or its first character that is no white space."""
    start = starts[line - 1]
    end = _line_end(source, start)
    found = re.search(rb"\b%s\s*!" % re.escape(name.encode()), source[start:end])
    if found:
        return start + found.start()
    text = source[start:end]
    return start + len(text) - len(text.lstrip())


def _line_end(source: bytes, start: int) -> int:
    end = source.find(b"\n", start)
    return end + 1 if end >= 0 else len(source)


@cache
def _holders(language: str) -> frozenset[int]:
    """Kinds of node whose children are statements, items or arms."""
    grammar = grammar_of(language)
    if language != "rust" or grammar is None:
        return frozenset()
    return kinds(grammar.language, "source_file", "block", "declaration_list", "match_block")


def _statements(syntax: Syntax, places: Sequence[int]) -> dict[int, Span]:
    """The innermost statement around each place. One cursor goes through the tree once, past what holds no place."""
    holders = _holders(syntax.grammar.language.name or "")
    return _walk(syntax.tree, places, holders) if holders else {}


def _walk(tree: Tree, places: Sequence[int], holders: frozenset[int]) -> dict[int, Span]:
    found: dict[int, Span] = {}
    cursor = tree.walk()
    around: list[Span | None] = [None]
    """By depth, the innermost statement that holds a node's children."""
    holds = [False]
    while node := cursor.node:
        start, end = node.start_byte, node.end_byte
        first = bisect_left(places, start)
        if first < len(places) and places[first] < end:
            statement = (start, end) if holds[-1] and node.is_named else around[-1]
            if cursor.goto_first_child():
                around.append(statement)
                holds.append(node.kind_id in holders)
                continue
            if statement:
                found.update((place, statement) for place in places[first : bisect_left(places, end)])
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return found
            around.pop()
            holds.pop()
    return found


def _whole_lines(source: bytes, start: int, end: int) -> Span:
    """A stretch with its indentation, the rest of its last line where nothing else is there, and what documents it."""
    line = source.rfind(b"\n", 0, start) + 1
    if source[line:start].strip():
        return start, end
    rest = _REST_OF_LINE.match(source, end)
    closed = _REST_OF_LINE.match(source, end + 1) if source[end : end + 1] == b";" else None
    last = rest or closed
    for _ in range(MAX_LEADING_LINES):
        above = source.rfind(b"\n", 0, max(0, line - 1)) + 1
        if line == 0 or not _LEADING_LINE.fullmatch(source[above:line]):
            break
        line = above
    return line, last.end() if last else end
