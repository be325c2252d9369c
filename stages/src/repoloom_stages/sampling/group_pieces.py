"""Pieces within the window: each whole where it fits, else cut at syntax; then packed as `packing` says."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from tree_sitter import Tree

from repoloom_stages.runtime.stage import Outputs
from repoloom_stages.sampling.chunking import Chunk, chunks
from repoloom_stages.sampling.code_file import CodeFile
from repoloom_stages.sampling.group_texts import Group, GroupTexts, Piece
from repoloom_stages.sampling.headers import Frame
from repoloom_stages.sampling.packing import Part, Sized, Window, pack
from repoloom_stages.sampling.samples import HEADER_TOO_LONG, TOO_SHORT

ANCHOR_SHARE = 4
"""What the pieces of a group are about is shown in each of its parts if it takes at most a quarter of the window."""

JOINT_SLACK_TOKENS = 16
"""Room kept for what joins it to the rest: an empty line, and tokens that span the seam."""


CUTS_KEPT = 4096
"""How many long pieces stay cut: several blocks show the same."""


@dataclass(frozen=True)
class _Measure:
    """Tokens of a piece of code in its frame."""

    texts: GroupTexts
    frame: Frame

    def tokens(self, code: str) -> int:
        return self.texts.count(self.frame.around(code))

    def starts(self, code: str) -> Sequence[int]:
        return self.texts.counter.starts(code)


class Packer:
    """Makes groups of pieces that belong together; what cannot be a sample is counted."""

    def __init__(self, texts: GroupTexts, outputs: Outputs) -> None:
        self._texts = texts
        self._outputs = outputs
        self._least, self._most = texts.params.min_tokens, texts.params.max_tokens
        self._cut = lru_cache(CUTS_KEPT)(self._cut_anew)

    def sized(self, piece: Piece) -> Sized[Piece]:
        """A piece with the tokens of a text of its own."""
        return Sized(piece, self._texts.tokens([piece]))

    def alone(self, block: str, name: str, piece: Sized[Piece]) -> Iterator[Group]:
        """A piece by itself, in several groups if need be."""
        for one in self._fitting(piece, self._most):
            if one.tokens >= self._least:
                yield Group(block, name, (one.piece,), one.tokens)
            else:
                self.drop(TOO_SHORT)

    def packed(self, block: str, name: str, pieces: Iterable[Sized[Piece]]) -> Iterator[Group]:
        """Pieces packed in their order."""
        window = Window(self._least, self._most, self._texts.tokens)
        fitting = [one for piece in pieces for one in self._fitting(piece, self._most)]
        yield from self._groups(block, name, pack(fitting, window), ())

    def around(self, block: str, name: str, anchor: Sized[Piece], pieces: list[Sized[Piece]]) -> Iterator[Group]:
        """What is about an anchor, which comes first in each group, or in the first if it is long."""
        if anchor.tokens * ANCHOR_SHARE > self._most:
            yield from self.packed(block, name, [anchor, *pieces])
            return
        room = self._most - anchor.tokens - JOINT_SLACK_TOKENS
        window = Window(self._least - anchor.tokens, room, self._texts.tokens)
        fitting = [one for piece in pieces for one in self._fitting(piece, room)]
        yield from self._groups(block, name, pack(fitting, window), (anchor.piece,))

    def drop(self, reason: str) -> None:
        """Count what is no sample."""
        self._outputs.take()
        self._outputs.drop(reason)

    def _groups(
        self, block: str, name: str, packed: tuple[list[Part[Piece]], list[Part[Piece]]], first: tuple[Piece, ...]
    ) -> Iterator[Group]:
        parts, short = packed
        for part in parts:
            pieces = (*first, *(one.piece for one in part.pieces))
            tokens = self._texts.tokens(pieces) if first else part.tokens
            if tokens < self._least:
                self.drop(TOO_SHORT)
            else:
                yield Group(block, name, pieces, tokens)
        for _ in short:
            self.drop(TOO_SHORT)

    def _fitting(self, piece: Sized[Piece], most: int) -> list[Sized[Piece]]:
        """A piece whole if it fits, else cut at syntax; nothing where its header leaves no room."""
        if piece.tokens <= most:
            return [piece]
        parts = self._cut(piece.piece, most)
        if parts is None:
            self.drop(HEADER_TOO_LONG)
            return []
        return [Sized(piece.piece._replace(start=part.start, end=part.end), part.tokens) for part in parts]

    def _cut_anew(self, one: Piece, most: int) -> list[Chunk] | None:
        """The parts of a piece that does not fit."""
        file, measure = self._texts.file(one.file), _Measure(self._texts, self._texts.frame(one))
        parts = chunks(file.source, one.start, one.end, file.syntax, measure, most)
        if parts and len(parts) > 1 and parts[-1].tokens < self._least:
            parts[-2:] = self._evened(file, parts[-2], parts[-1], measure, most)
        return parts

    def _evened(self, file: CodeFile, before: Chunk, last: Chunk, measure: _Measure, most: int) -> list[Chunk]:
        """Two parts cut anew so that the last is not too short, unless that cuts a node that fits."""
        budget = min(most, before.tokens + last.tokens - self._least)
        anew = chunks(file.source, before.start, last.end, file.syntax, measure, budget)
        if anew is None or len(anew) != 2 or min(part.tokens for part in anew) < self._least:
            return [before, last]
        around = _smallest_around(file.syntax.tree, anew[1].start) if file.syntax else None
        cuts = around is not None and measure.tokens(file.code(*around)) <= most
        return [before, last] if cuts else anew


def _smallest_around(tree: Tree, place: int) -> tuple[int, int] | None:
    """The smallest node that a place lies within, not at an end of it."""
    cursor, found = tree.walk(), None
    while (node := cursor.node) and node.start_byte < place < node.end_byte:
        found = node.start_byte, node.end_byte
        if cursor.goto_first_child_for_byte(place) is None:
            break
    return found
