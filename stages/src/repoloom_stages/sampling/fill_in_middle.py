"""The view `fillInMiddle`: which piece of a stretch of code is moved behind its surroundings, and how it is written.

Four times of five the middle is a whole node of the syntax tree (whole-node masks teach more than random spans do:
arXiv 2506.00204), else a random span, as where there is no tree. Half of the samples put the suffix first. Everything
follows from the sample's identity, so the same code at the same place gives the same sample in every run.
"""

import hashlib
from collections.abc import Iterator
from itertools import count, islice

from tree_sitter import Tree

from repoloom_stages.records import Control
from repoloom_stages.sampling.sentinels import Parts, Sentinels, arrange

NODE_SHARE = 0.8
SUFFIX_FIRST_SHARE = 0.5

TRIES = 8
"""Random places in the code at which a node is looked for."""

MAX_DEPTH = 200
"""Of nodes that are looked at. Steps down the tree grow dearer with depth, and no person nests code like that."""

MIN_CHARACTERS = 3
"""Of code: a prefix, a middle and a suffix."""

Draws = Iterator[float]
"""Numbers in [0, 1)."""


def draws(*identity: str) -> Draws:
    """Numbers that follow from an identity alone, without end."""
    seed = "\0".join(identity).encode()
    for number in count():
        yield int.from_bytes(hashlib.sha256(b"%s\0%d" % (seed, number)).digest()[:6], "big") / 2**48


def can_be_filled(code: str, sentinels: Sentinels) -> bool:
    """Whether code is long enough, and cannot be mistaken for sentinels that are text."""
    return len(code) >= MIN_CHARACTERS and (sentinels.control or not any(one in code for one in sentinels.all))


def fill_in_middle(
    source: bytes, start: int, end: int, tree: Tree | None, sentinels: Sentinels, drawn: Draws
) -> tuple[str, list[Control]]:
    """Source[start:end], which `can_be_filled`, with a middle behind its surroundings; and its control tokens."""
    suffix_first = next(drawn) < SUFFIX_FIRST_SHARE
    by_node = next(drawn) < NODE_SHARE
    middle = _node(source, start, end, tree, drawn) if by_node and tree else None
    parts = _parts_of_node(source, start, end, *middle) if middle else _random_parts(source[start:end].decode(), drawn)
    return arrange(parts, sentinels, suffix_first=suffix_first)


def _node(source: bytes, start: int, end: int, tree: Tree, drawn: Draws) -> tuple[int, int] | None:
    """A node within the stretch: one of those around a random place, so that large ones are drawn more often."""
    for draw in islice(drawn, TRIES):
        around = _nodes_around(source, tree, start + int(draw * (end - start)), start, end)
        if around:
            return around[int(next(drawn) * len(around))]
    return None


def _nodes_around(source: bytes, tree: Tree, place: int, start: int, end: int) -> list[tuple[int, int]]:
    """The named nodes that hold a place, within the stretch but less than all that it says, outermost first."""
    code = source[start:end]
    whole = start + len(code) - len(code.lstrip()), start + len(code.rstrip())
    found: list[tuple[int, int]] = []
    cursor = tree.walk()
    for _ in range(MAX_DEPTH):
        found_child = cursor.goto_first_child_for_byte(place) is not None
        node = cursor.node
        if not found_child or node is None or node.start_byte > place:
            break
        span = node.start_byte, node.end_byte
        inside = start <= span[0] < span[1] <= end and not (span[0] <= whole[0] and whole[1] <= span[1])
        if node.is_named and inside and span not in found[-1:]:
            found.append(span)
    return found


def _parts_of_node(source: bytes, start: int, end: int, node_start: int, node_end: int) -> Parts:
    """Nodes end between characters: the parser reads characters."""
    return Parts(source[start:node_start].decode(), source[node_start:node_end].decode(), source[node_end:end].decode())


def _random_parts(code: str, drawn: Draws) -> Parts:
    """A span between two random places; it says something, and leaves something said, where that can be."""
    for number in count():
        low, high = sorted(int(next(drawn) * (len(code) + 1)) for _ in range(2))
        middle, around = code[low:high], code[:low] + code[high:]
        if middle and around and (number >= TRIES or (not middle.isspace() and not around.isspace())):
            return Parts(code[:low], middle, code[high:])
    raise AssertionError("a count has no end")
