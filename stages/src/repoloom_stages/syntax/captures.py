"""Captures of a query over a syntax tree, bounded on hostile text.

For each node, a query's cursor looks for a named one among the siblings after it: a hundred thousand brackets or
keywords in a row, with no name or number among them, take it minutes. No person writes them. It counts depth in 16
bits, and hardly ends in trees that are deeper: `grammars` gives none.
"""

import re
from functools import cache

from tree_sitter import Language, Node, Query, QueryCursor

_BLOCK_BYTES = 512
_MAX_BARE_BYTES = 256
"""Of blocks in a row without a name or number: what is not white space."""

_WHITE = b" \t\r\n\f"
_WORD = re.compile(rb"[\w\x80-\xff]+")


def captures_of(query: Query, root: Node) -> dict[str, list[Node]]:
    """Nodes by the names of their captures, of a tree that is in proportion."""
    return QueryCursor(query).captures(root)


def is_in_proportion(root: Node, source: bytes, language: Language) -> bool:
    """Whether a query's cursor is done with a tree in a time that follows its size."""
    return not _has_bare_stretch(source, root, _keywords(language))


def _has_bare_stretch(source: bytes, root: Node, keywords: frozenset[bytes]) -> bool:
    bare = 0
    for start in range(root.start_byte, root.end_byte, _BLOCK_BYTES):
        end = start + _BLOCK_BYTES
        if _has_name(source, start, end, keywords):
            bare = 0
            continue
        bare += len(source[start:end].translate(None, _WHITE))
        if bare > _MAX_BARE_BYTES:
            return True
    return False


def _has_name(source: bytes, start: int, end: int, keywords: frozenset[bytes]) -> bool:
    """Whether a word starts there that is no keyword: some node with a name, or within one.

    Words are looked up one by one: one expression for all keywords took 5 % of a parse, this takes 2 to 4 %.
    """
    for word in _WORD.finditer(source, start, end):
        if word[0] not in keywords and (word.start() > start or not _WORD.match(source, start - 1, start)):
            return True
    return False


@cache
def _keywords(language: Language) -> frozenset[bytes]:
    """What is written like a word and is a part of the language."""
    return frozenset(
        name.encode()
        for number in range(language.node_kind_count)
        if not language.node_kind_is_named(number)
        and (name := language.node_kind_for_id(number))
        and name.isidentifier()
    )
