"""Grammars: from source text to a syntax tree, within bounds. What a tree means, its readers say.

A grammar comes from a single-language wheel; a language without one has no tree, and its files are read by lines.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import tree_sitter_python
import tree_sitter_rust
from tree_sitter import Language, Node, Parser, Point, Tree

MAX_BYTES = 4_000_000
"""Of a text that is parsed. A tree takes up to 240 bytes of memory for each byte of text (`((((…`)."""

READ_BYTES = 4096
READ_PASSES = 100
STEP_BYTES = 8
SPARE = 1000
"""The parser reports its steps once per 13 bytes of the densest code (`[1],[1],…`), and reads a text about twice (34
times at most in 7,000 files of tokio, Python's standard library and packages). Text made to be hard goes far beyond:
`r#"r#"…` is read to its end again and again. Both are counted; a clock would make results depend on the machine."""


@dataclass(frozen=True)
class Grammar:
    """One language's parser, and what chunking must know of its trees."""

    language: Language
    leading: frozenset[int]
    """Kinds of node that belong to the node after them: comments, attributes."""

    def parse(self, source: bytes) -> Tree | None:
        """The tree of a text, errors and all; None for one that is too large or takes the parser out of proportion."""
        if len(source) > MAX_BYTES:
            return None
        view = memoryview(source)
        reads = SPARE + READ_PASSES * (len(source) // READ_BYTES)
        steps = SPARE + len(source) // STEP_BYTES

        def read(start: int, _: Point) -> memoryview:
            nonlocal reads
            reads -= 1
            return view[start : start + READ_BYTES] if reads >= 0 else view[:0]

        def give_up(_: int, __: bool) -> bool:
            nonlocal steps
            steps -= 1
            return steps < 0 or reads < 0

        try:
            tree = Parser(self.language).parse(read, progress_callback=give_up)
        except ValueError:  # given up
            return None
        return tree if reads >= 0 else None


def kinds(language: Language, *names: str) -> frozenset[int]:
    """Ids of named kinds of node: comparing them is several times faster than comparing names."""
    found = {name: language.id_for_node_kind(name, True) for name in names}
    if missing := [name for name, kind in found.items() if kind is None]:
        raise LookupError(f"the grammar of {language.name} has no {', '.join(missing)}")
    return frozenset(kind for kind in found.values() if kind is not None)


def children(node: Node) -> Iterator[Node]:
    """Children one at a time: a list of them all takes 500 MB where five million brackets stand in a row."""
    cursor = node.walk()
    more = cursor.goto_first_child()
    while more:
        child = cursor.node
        assert child is not None  # a cursor that moved stands on a node
        yield child
        more = cursor.goto_next_sibling()


def _rust() -> Grammar:
    language = Language(tree_sitter_rust.language())
    return Grammar(language, leading=kinds(language, "line_comment", "block_comment", "attribute_item"))


def _python() -> Grammar:
    language = Language(tree_sitter_python.language())
    return Grammar(language, leading=kinds(language, "comment"))


_GRAMMARS: dict[str, Callable[[], Grammar]] = {"python": _python, "rust": _rust}


@cache
def grammar_of(language: str) -> Grammar | None:
    """The grammar of a language, by its name in records; None if there is none here."""
    load = _GRAMMARS.get(language)
    return load() if load else None
