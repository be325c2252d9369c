"""Packing: pieces of code that belong together become parts within a window of tokens, each piece in one part.

A piece is never cut here; one that fills the window alone has been cut before. What a text costs in tokens is for the
caller to count: sums of pieces are estimates, a part's own text decides.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

JOINT_TOKENS = 1
"""About what stands between two pieces."""

P = TypeVar("P")
T = TypeVar("T")
K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True)
class Sized(Generic[P]):
    """A piece with the tokens of a text that shows it alone."""

    piece: P
    tokens: int


@dataclass(frozen=True)
class Part(Generic[P]):
    """Pieces that fit in the window together, with the tokens of their text."""

    pieces: tuple[Sized[P], ...]
    tokens: int


@dataclass(frozen=True)
class Window(Generic[P]):
    """How many tokens a part has, and how to count them."""

    least: int
    most: int
    count: Callable[[Sequence[P]], int]

    def estimate(self, pieces: Sequence[Sized[P]]) -> int:
        """About how many tokens they have together."""
        return sum(one.tokens for one in pieces) + JOINT_TOKENS * (len(pieces) - 1)

    def part(self, pieces: Sequence[Sized[P]]) -> Part[P]:
        """Them as a part, counted."""
        tokens = pieces[0].tokens if len(pieces) == 1 else self.count([one.piece for one in pieces])
        return Part(tuple(pieces), tokens)

    def holds(self, part: Part[P]) -> bool:
        """Whether a part is within the window."""
        return self.least <= part.tokens <= self.most


def pack(pieces: Sequence[Sized[P]], window: Window[P]) -> tuple[list[Part[P]], list[Part[P]]]:
    """Parts within the window, in the pieces' order, and what is left over, each too short.

    Every piece is within `window.most`. What is short between large pieces is packed once more by itself; what is short
    then joins a part that has room, or takes pieces of one. Within a part, pieces keep their order all the same.
    """
    parts = list(_in_turn(pieces, window))
    good = [part for part in parts if part.tokens >= window.least]
    short = [one for part in parts if part.tokens < window.least for one in part.pieces]
    if not short or not good:
        return good, [part for part in parts if part.tokens < window.least]
    order = {id(one): number for number, one in enumerate(pieces)}
    left = []
    for part in _in_turn(short, window):
        if part.tokens >= window.least:
            good.append(part)
        elif not _place(part, good, window, order):
            left.append(part)
    return sorted(good, key=lambda part: order[id(part.pieces[0])]), left


def _in_turn(pieces: Sequence[Sized[P]], window: Window[P]) -> Iterable[Part[P]]:
    """As many pieces at a time as fit."""
    start = 0
    while start < len(pieces):
        end, tokens = start + 1, pieces[start].tokens
        while end < len(pieces) and tokens + JOINT_TOKENS + pieces[end].tokens <= window.most:
            tokens += JOINT_TOKENS + pieces[end].tokens
            end += 1
        part = window.part(pieces[start:end])
        while part.tokens > window.most:
            end -= 1
            part = window.part(pieces[start:end])
        yield part
        start = end


def _place(short: Part[P], parts: list[Part[P]], window: Window[P], order: Mapping[int, int]) -> bool:
    """Add what is short to the last part that has room for it, or divide it and such a part anew."""

    def joined_to(part: Part[P]) -> list[Sized[P]]:
        return sorted((*part.pieces, *short.pieces), key=lambda one: order[id(one)])

    for position in reversed(range(len(parts))):
        together = joined_to(parts[position])
        if window.estimate(together) <= window.most and window.holds(joined := window.part(together)):
            parts[position] = joined
            return True
    for position in reversed(range(len(parts))):
        if halves := _halves(joined_to(parts[position]), window):
            parts[position : position + 1] = halves
            return True
    return False


def _halves(pieces: Sequence[Sized[P]], window: Window[P]) -> list[Part[P]]:
    """Two parts within the window, as even as whole pieces allow; none if there is no such cut."""
    whole, before = window.estimate(pieces), 0
    cuts = []
    for number, one in enumerate(pieces[:-1], start=1):
        before += one.tokens + JOINT_TOKENS
        if window.least <= min(before, whole - before) and max(before, whole - before) <= window.most:
            cuts.append((abs(whole - 2 * before), number))
    if not cuts:
        return []
    cut = min(cuts)[1]
    halves = [window.part(pieces[:cut]), window.part(pieces[cut:])]
    return halves if all(window.holds(half) for half in halves) else []


def fold(folders: Mapping[str, Sequence[T]], size: Callable[[T], int], least: int) -> list[tuple[str, list[T]]]:
    """What lies in folders, as groups of at least so many tokens: a smaller group joins those of the folder above.

    What is left at the root joins the last group; by itself only if it is all there is.
    """
    held: defaultdict[str, list[T]] = defaultdict(list)
    for folder, contents in folders.items():
        held[folder].extend(contents)
        while folder:
            folder = folder.rpartition("/")[0]  # noqa: PLW2901 - up to the root
            if folder in held:
                break
            held[folder] = []
    groups = []
    for folder in sorted(held, key=lambda name: (-_depth(name), name)):
        contents = held[folder]
        if contents and (not folder or sum(map(size, contents)) >= least):
            groups.append((folder, contents))
        elif contents:
            held[folder.rpartition("/")[0]].extend(contents)
    if len(groups) > 1 and not groups[-1][0] and sum(map(size, groups[-1][1])) < least:
        rest = groups.pop()
        groups[-1][1].extend(rest[1])
    return sorted(groups, key=lambda group: group[0])


def _depth(folder: str) -> int:
    return folder.count("/") + 1 if folder else 0
