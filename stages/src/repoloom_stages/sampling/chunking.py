"""Chunking: a stretch of source that is over a budget of tokens becomes several that are not, cut at syntax.

A cut falls between nodes of the syntax tree, never inside one that fits; a leaf that does not fit is cut between lines,
and a line that does not between tokens. Neighbours are then packed as long as they fit together, so chunks join to the
stretch exactly. What stands around the code, and how tokens are counted, is for the caller's `Measure`.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from tree_sitter import Tree, TreeCursor

from repoloom_stages.syntax.grammars import Grammar

SLACK_TOKENS = 32
"""How near to the budget tokens are counted and not estimated. Cutting a text out of a longer one changes
a few tokens at its two ends."""

NEWLINE = ord("\n")
CLOSERS = frozenset({b"}", b")", b"]", b",", b";"})


class Measure(Protocol):
    """Counts tokens for a budget."""

    def tokens(self, code: str) -> int:
        """Tokens of the whole text that shows this code, header and tags included."""

    def starts(self, code: str) -> Sequence[int]:
        """Where each token of the code itself starts, in bytes, in order; at the start of a character."""


@dataclass(frozen=True)
class Syntax:
    """A file's tree and its grammar."""

    tree: Tree
    grammar: Grammar


@dataclass(frozen=True)
class Chunk:
    """A stretch of source, in bytes, with the tokens of the text that shows it."""

    start: int
    end: int
    tokens: int


def chunks(
    source: bytes, start: int, end: int, syntax: Syntax | None, measure: Measure, budget: int
) -> list[Chunk] | None:
    """Cut source[start:end], whose ends are between characters, into chunks within the budget.

    Without syntax it is cut between lines. None if no cut can do it: what stands around the code leaves it no room.
    """
    ruler = _Ruler(source, start, end, measure, budget)
    pieces = _pieces_of_tree(ruler, syntax) if syntax else _pieces_of_lines(ruler, start, end)
    return _pack(ruler, pieces)


class _Ruler:
    """Tokens of stretches of source: estimated from one look at the whole, counted where it matters."""

    def __init__(self, source: bytes, start: int, end: int, measure: Measure, budget: int) -> None:
        self.source = source
        self.start = start
        self.end = end
        self.budget = budget
        self._measure = measure
        self._around = measure.tokens("")
        self._starts = measure.starts(source[start:end].decode())
        self._sure_bytes = budget - self._around - 2 * SLACK_TOKENS
        """What has fewer fits whatever its tokens: each takes a byte at least, but for a few."""
        self._edge = start, 0
        """Where the last piece ends, and `before` of that."""

    def before(self, place: int) -> int:
        """How many tokens of the code start before a place."""
        return bisect_left(self._starts, place - self.start)

    def estimate(self, before: int, upto: int) -> int:
        """About how many tokens the text has that shows the code between two places, by `before` of each."""
        return self._around + upto - before

    def count(self, start: int, end: int) -> int:
        """How many it has."""
        return self._measure.tokens(self.source[start:end].decode())

    def fits(self, start: int, end: int) -> bool:
        """Whether it is within the budget."""
        if end - start < self._sure_bytes:
            return True
        estimate = self.estimate(self.before(start), self.before(end))
        if abs(estimate - self.budget) > SLACK_TOKENS:
            return estimate < self.budget
        return self.count(start, end) <= self.budget

    def piece(self, start: int, end: int, rank: int) -> "_Piece":
        """A stretch as a piece; most start where the last one ends."""
        before = self._edge[1] if start == self._edge[0] else self.before(start)
        self._edge = end, self.before(end)
        return _Piece(start, end, rank, before, self._edge[1])

    def token_starts(self, start: int, end: int) -> list[int]:
        """Places inside a stretch at which a token starts, each once."""
        first = bisect_right(self._starts, start - self.start)
        return [self.start + place for place in dict.fromkeys(self._starts[first : self.before(end)])]

    def opens_line(self, place: int) -> bool:
        """Whether a line starts there."""
        return place == 0 or self.source[place - 1] == NEWLINE


class _Piece(NamedTuple):
    """A stretch that is not cut if it fits."""

    start: int
    end: int
    rank: int
    """How good a cut before it is: 2 at a new line, 1 at one that belongs to what precedes it, 0 within a line."""
    before: int
    """Tokens that start before it."""
    upto: int
    """Tokens that start before its end."""


def _pieces_of_tree(ruler: _Ruler, syntax: Syntax) -> Iterator[_Piece]:
    """The outermost nodes that fit, and the gaps between them: together the whole stretch."""
    place, leads = ruler.start, False
    for start, end, kind in _nodes(ruler, syntax.tree.walk()):
        gap = ruler.source[place:start]
        opens_line = b"\n" in gap or ruler.opens_line(place)
        # A comment goes with what follows it, unless a blank line parts them. (Rust's doc comments end in a newline.)
        blank_lines = gap.count(b"\n") - (0 if ruler.opens_line(place) else 1)
        leads = leads and blank_lines <= 0
        bound = leads or ruler.source[start:end] in CLOSERS
        yield from _gap(ruler, place, start, bound=bound)
        yield from _fitting(ruler, start, end, bound=bound)
        leads = kind in syntax.grammar.leading and (opens_line or leads)
        place = end
    yield from _gap(ruler, place, ruler.end, bound=True)


def _nodes(ruler: _Ruler, cursor: TreeCursor) -> Iterator[tuple[int, int, int]]:
    """Start, end and kind of the outermost nodes that fit, and of leaves that do not, clipped to the stretch.

    One cursor walks the tree: its depth is no matter, and a node's children are never all in memory.
    """
    while (node := cursor.node) and node.start_byte < ruler.end:
        start, end = max(node.start_byte, ruler.start), min(node.end_byte, ruler.end)
        whole = (start, end) == (node.start_byte, node.end_byte)
        if start < end:
            if not (whole and ruler.fits(start, end)) and cursor.goto_first_child():
                continue
            yield start, end, node.kind_id
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return


def _gap(ruler: _Ruler, start: int, end: int, *, bound: bool) -> Iterator[_Piece]:
    """What stands between two nodes. The rest of the first's line is its own, the indentation is the second's."""
    line = ruler.source.find(b"\n", start, end) + 1 or start
    for one, other in ((start, line), (line, end)):
        if one < other:
            yield from _fitting(ruler, one, other, bound=bound)


def _fitting(ruler: _Ruler, start: int, end: int, *, bound: bool) -> Iterator[_Piece]:
    """A node or gap as one piece, or where that does not fit, its lines."""
    if ruler.fits(start, end):
        yield ruler.piece(start, end, _rank(ruler, start, bound=bound))
    else:
        yield from _pieces_of_lines(ruler, start, end)


def _pieces_of_lines(ruler: _Ruler, start: int, end: int) -> Iterator[_Piece]:
    """Lines, and the tokens of those that do not fit."""
    while start < end:
        line = ruler.source.find(b"\n", start, end) + 1 or end
        if ruler.fits(start, line):
            yield ruler.piece(start, line, _rank(ruler, start))
        else:
            yield from _pieces_of_tokens(ruler, start, line)
        start = line


def _pieces_of_tokens(ruler: _Ruler, start: int, end: int) -> Iterator[_Piece]:
    """Tokens, cut only between characters."""
    for place in [*ruler.token_starts(start, end), end]:
        yield ruler.piece(start, place, _rank(ruler, start))
        start = place


def _rank(ruler: _Ruler, place: int, *, bound: bool = False) -> int:
    return 0 if not ruler.opens_line(place) else 1 if bound else 2


def _pack(ruler: _Ruler, pieces: Iterator[_Piece]) -> list[Chunk] | None:
    """Join neighbours, from the first on, as long as the text that shows them is within the budget."""
    packed: list[Chunk] = []
    held: list[_Piece] = []
    while True:
        while not held or ruler.estimate(held[0].before, held[-1].upto) <= ruler.budget:
            piece = next(pieces, None)
            if piece is None:
                break
            held.append(piece)
        if not held:
            return packed
        number, tokens = _longest(ruler, held)
        start, end = held[0].start, held[number - 1].end
        if tokens <= ruler.budget:
            packed.append(Chunk(start, end, tokens))
            del held[:number]
        elif len(smaller := _smaller(ruler, start, end)) > 1:
            held[:1] = smaller
        else:
            return None


def _longest(ruler: _Ruler, held: list[_Piece]) -> tuple[int, int]:
    """How many pieces make the next chunk, and its tokens. A single piece may be over the budget still."""
    limit = ruler.budget
    while True:
        number = _best_cut(ruler, held, limit)
        start, end = held[0].start, held[number - 1].end
        tokens = ruler.count(start, end)
        if tokens <= ruler.budget or number == 1:
            return number, tokens
        limit = ruler.estimate(held[0].before, held[number - 1].upto) - (tokens - ruler.budget)


def _best_cut(ruler: _Ruler, held: list[_Piece], limit: int) -> int:
    """How many pieces to take so that the estimate is within the limit and the cut is the best in the later half."""

    def size(piece: _Piece) -> int:
        return ruler.estimate(held[0].before, piece.upto)

    most = max(1, bisect_right(held, limit, key=size))
    if most == len(held):
        return most
    least = min(most, bisect_left(held, limit // 2, key=size) + 1)
    return max(range(least, most + 1), key=lambda number: (held[number].rank, number))


def _smaller(ruler: _Ruler, start: int, end: int) -> list[_Piece]:
    """A piece that fits by the estimate but not by the count, in smaller ones."""
    lines = list(_pieces_of_lines(ruler, start, end))
    return lines if len(lines) > 1 else list(_pieces_of_tokens(ruler, start, end))
