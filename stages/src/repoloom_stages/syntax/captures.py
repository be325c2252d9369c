"""Captures of a query over a syntax tree, bounded on hostile text.

For each node, a query's cursor looks for a named one among the siblings after it: a hundred thousand brackets or
keywords in a row, with no name or number among them, take it minutes. It counts depth in 16 bits, and hardly ends in
trees that are deeper. No person writes either.
"""

import re
from functools import cache

from tree_sitter import Language, Node, Query, QueryCursor

_BLOCK_BYTES = 512
_MAX_BARE_BYTES = 256
"""Of a block without a name or number: what is not white space."""

_MAX_DEPTH = 30_000
_STEP_NODES = 30_000
"""The next node in order is at most one deeper: looking at each of so many finds every depth of 60,000."""

_WHITE = b" \t\r\n\f"


def captures_of(query: Query, root: Node, source: bytes, language: Language) -> dict[str, list[Node]]:
    """Nodes by the names of their captures, in no order; none in a tree that is out of proportion."""
    return QueryCursor(query).captures(root) if is_in_proportion(root, source, language) else {}


def is_in_proportion(root: Node, source: bytes, language: Language) -> bool:
    """Whether a query's cursor is done with a tree in a time that follows its size."""
    return not _is_deep(root) and not _has_bare_stretch(source, root, _named(language))


def _is_deep(root: Node) -> bool:
    cursor = root.walk()
    for number in range(_STEP_NODES, root.descendant_count, _STEP_NODES):
        cursor.goto_descendant(number)
        if cursor.depth > _MAX_DEPTH:
            return True
    return False


def _has_bare_stretch(source: bytes, root: Node, named: re.Pattern[bytes]) -> bool:
    for start in range(root.start_byte, root.end_byte - _MAX_BARE_BYTES, _BLOCK_BYTES):
        end = start + _BLOCK_BYTES
        if not named.search(source, start, end) and len(source[start:end].translate(None, _WHITE)) > _MAX_BARE_BYTES:
            return True
    return False


@cache
def _named(language: Language) -> re.Pattern[bytes]:
    """Finds a word that is no keyword of the language: some node with a name, or within one."""
    words = {
        name.encode()
        for number in range(language.node_kind_count)
        if not language.node_kind_is_named(number)
        and (name := language.node_kind_for_id(number))
        and name.isidentifier()
    }
    keywords = b"|".join(re.escape(word) for word in sorted(words))
    return re.compile(rb"(?<![\w\x80-\xff])(?!(?:%b)(?![\w\x80-\xff]))[\w\x80-\xff]" % keywords)
