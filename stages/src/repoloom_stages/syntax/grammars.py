"""Grammars: from source text to a syntax tree, within bounds. What a tree means, its readers say.

A grammar comes from a single-language wheel; a language without one has no tree, and its files are read by lines.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module

from tree_sitter import Language, Node, Parser, Point, Range, Tree

MAX_BYTES = 4_000_000
"""Of a text that is parsed. The tree of code takes up to 240 bytes of memory for each byte, and up to a second for a
megabyte. Text made to be hard can take a gigabyte within one step (`]/=x(]/=x(…` in Rust), which nothing here can stop:
`index-code` parses in a child process with bounds, and others only what that has read."""

MAX_DEPTH = 2_000
"""Of a tree. Of 7,000 files of tokio, uv, trpc, Polly, gson and Python's library, the deepest has 804 levels, the next
85. Where a parser wavers between two readings, it compares them down to the leaves at each step, and what it takes
grows with the square of the depth (`struct is x. ` in C#: 16 seconds for 100 kB), within steps, out of sight of what
counts them. So a text is unread for its depth, which is the same everywhere, long before a clock ends its parser."""

MAX_LISTED_CHILDREN = 10_000
"""Up to so many are listed at once, which is several times faster."""

READ_BYTES = 4096
READ_PASSES = 100
STEP_BYTES = 8
SPARE = 1000
"""The parser reports its steps once per 13 bytes of the densest code (`[1],[1],…`), and reads a text about twice (34
times at most in 7,000 files of tokio, Python's standard library and packages). Text made to be hard goes far beyond:
`r#"r#"…` is read to its end again and again. Both are counted; a clock would make results depend on the machine."""


ERROR_STEP_BYTES = 10_000
SPARE_ERROR_STEPS = 300
"""A step in which the parser recovers from an error takes up to fifty times as long as another (`a,a,a,…` in Rust: 13
seconds a megabyte), and prose in place of code has one per 160 bytes."""


_VISIBLE = re.compile(rb"[^\r\n]")

_HIDDEN_IN_C = re.compile(
    # The lines that make a header of C one of C++ too: their braces open and close in different conditions.
    rb"^[ \t]*#[ \t]*if(?:def[ \t]+|[ \t]+defined[ \t]*\(?[ \t]*)__cplusplus\b[^\n]*\n"
    rb'(?:[ \t]*\r?\n){0,2}[ \t]*(?:extern[ \t]+"C"[ \t]*\{|\}(?=[ \t]*(?:/[/*][^\n]*)?\r?\n))[^\n]*\n'
    rb"(?:[ \t]*\r?\n){0,2}[ \t]*#[ \t]*endif\b[^\n]*"
    # Macros between `class` and its name, and those before a declaration that say that a library exports it.
    rb"|(?:(?<=\bclass )|(?<=\bstruct ))[A-Z][A-Z0-9_]+(?=[ \t]+\w+(?:[ \t]+final)?\s*[:{])"
    rb"|(?:^[ \t]*|(?<=\bextern )|(?<=\bstatic ))[A-Z][A-Z0-9_]*_(?:API|DECL|EXPORT|EXTERN|PUBLIC)(?=[ \t]+[A-Za-z_])"
    # Clang's annotations for locks: https://clang.llvm.org/docs/ThreadSafetyAnalysis.html
    rb"|(?:(?<=[\w)] )(?<!define )|^[ \t]+)(?:[A-Z]+_)?(?:(?:PT_)?GUARDED_BY|LOCKS_EXCLUDED"
    rb"|(?:EXCLUSIVE|SHARED)_LOCKS_REQUIRED|(?:EXCLUSIVE|SHARED)_(?:TRY)?LOCK_FUNCTION|UNLOCK_FUNCTION|ASSERT_EXCLUSIVE_LOCK)\([^()\n]*\)"
    # What stands under a condition at the start of a constructor's initializers, or begins with a comma.
    rb"|(?:\)\s*:\s*?\n(?P<initializers>)|^)(?P<conditional>[ \t]*#[ \t]*if[^\n]*\n(?(initializers)|\s*,)"
    rb"[^;{}#]*(?:#[ \t]*el[^;{}#]*)*\n[ \t]*#[ \t]*endif\b[^\n]*)"
    # A type in place of an argument.
    rb"|(?<=\bva_arg\()\s*\w+(?P<type>\s*,[^(),;]*)(?=\))",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Grammar:
    """One language's parser, and what chunking must know of its trees."""

    language: Language
    leading: frozenset[int]
    """Kinds of node that belong to the node after them: comments, attributes."""
    hidden: re.Pattern[bytes] | None = None
    """What is white space to the parser, which cannot read it."""

    def parse(self, source: bytes, within: Range | None = None) -> Tree | None:
        """The tree of a text, errors and all; None for one that is too large, too deep, or takes the parser out of
        proportion.

        `within` makes it the tree of that range alone, with places in the whole text.
        """
        if len(source) > MAX_BYTES:
            return None
        view = memoryview(self.hidden.sub(_blank, source) if self.hidden else source)
        pieces: list[memoryview] = []
        size = within.end_byte - within.start_byte if within else len(source)
        reads = SPARE + READ_PASSES * (size // READ_BYTES)
        steps = SPARE + size // STEP_BYTES
        recoveries = SPARE_ERROR_STEPS + size // ERROR_STEP_BYTES

        def read(start: int, _: Point) -> memoryview:
            nonlocal reads
            reads -= 1
            pieces.append(view[start : start + READ_BYTES] if reads >= 0 else view[:0])
            return pieces[-1]

        def give_up(_: int, recovers: bool) -> bool:
            nonlocal steps, recoveries
            steps -= 1
            recoveries -= recovers
            return steps < 0 or reads < 0 or recoveries < 0

        parser = Parser(self.language, included_ranges=[within] if within else None)
        try:
            tree = parser.parse(read, progress_callback=give_up)
        except ValueError:  # given up
            return None
        finally:
            # py-tree-sitter 0.26 forgets to free what a callback returns: what is left of it must not hold the text.
            for piece in pieces:
                piece.release()
        return tree if reads >= 0 and not _is_deep(tree) else None


def _is_deep(tree: Tree) -> bool:
    """Only what has enough nodes to be too deep is looked into."""
    cursor = tree.walk()
    while (node := cursor.node) and cursor.depth <= MAX_DEPTH:
        if cursor.depth + node.descendant_count > MAX_DEPTH and cursor.goto_first_child():
            continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return False
    return True


def _blank(found: re.Match[bytes]) -> bytes:
    """As many bytes on as many lines; where the pattern names the end of what it finds, only that is blank."""
    part = next(filter(None, found.groupdict().values()), found[0])
    return found[0].removesuffix(part) + _VISIBLE.sub(b" ", part)


def kinds(language: Language, *names: str) -> frozenset[int]:
    """Ids of named kinds of node: comparing them is several times faster than comparing names."""
    found = {name: language.id_for_node_kind(name, True) for name in names}
    if missing := [name for name, kind in found.items() if kind is None]:
        raise LookupError(f"the grammar of {language.name} has no {', '.join(missing)}")
    return frozenset(kind for kind in found.values() if kind is not None)


def children(node: Node) -> Iterable[Node]:
    """Children, many of them one at a time: a list takes 500 MB where five million brackets stand in a row."""
    return node.children if node.child_count <= MAX_LISTED_CHILDREN else _each_child(node)


def _each_child(node: Node) -> Iterator[Node]:
    cursor = node.walk()
    more = cursor.goto_first_child()
    while more:
        child = cursor.node
        assert child is not None  # a cursor that moved stands on a node
        yield child
        more = cursor.goto_next_sibling()


@dataclass(frozen=True)
class _Wheel:
    """Where a language's grammar is, and the kinds of node that belong to the node after them."""

    package: str
    leading: tuple[str, ...]
    function: str = "language"
    hidden: re.Pattern[bytes] | None = None


_WHEELS = {
    "c": _Wheel("tree_sitter_c", ("comment",), hidden=_HIDDEN_IN_C),
    "cpp": _Wheel("tree_sitter_cpp", ("comment",), hidden=_HIDDEN_IN_C),
    "csharp": _Wheel("tree_sitter_c_sharp", ("comment",)),
    "go": _Wheel("tree_sitter_go", ("comment",)),
    "java": _Wheel("tree_sitter_java", ("block_comment", "line_comment")),
    "javascript": _Wheel("tree_sitter_javascript", ("comment", "decorator")),
    "python": _Wheel("tree_sitter_python", ("comment",)),
    "rust": _Wheel("tree_sitter_rust", ("attribute_item", "block_comment", "line_comment")),
    "tsx": _Wheel("tree_sitter_typescript", ("comment", "decorator"), "language_tsx"),
    "typescript": _Wheel("tree_sitter_typescript", ("comment", "decorator"), "language_typescript"),
}
"""By language, as records name it. TypeScript and TSX read `<T>x` differently, as a type assertion and as an element:
each has its own grammar."""


@cache
def grammar_of(language: str) -> Grammar | None:
    """The grammar of a language, by its name in records; None if there is none here. Its wheel is loaded when asked."""
    wheel = _WHEELS.get(language)
    if wheel is None:
        return None
    parser = Language(getattr(import_module(wheel.package), wheel.function)())
    return Grammar(parser, leading=kinds(parser, *wheel.leading), hidden=wheel.hidden)
