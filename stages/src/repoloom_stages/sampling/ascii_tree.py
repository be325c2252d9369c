"""Trees and graphs drawn in plain ASCII, for samples that show how code hangs together. Nothing here recurses."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

ABOVE = " (above)"
"""Stands behind what has been drawn with all below it."""


class Branch(NamedTuple):
    """A line of a tree, and what hangs below it."""

    label: str
    below: "Sequence[Branch]" = ()


def draw(branches: Sequence[Branch]) -> Iterator[str]:
    """The lines of a tree below a root, which is not drawn."""
    stack = [(branch, "", branch is branches[-1]) for branch in reversed(branches)]
    while stack:
        branch, indent, last = stack.pop()
        yield f"{indent}{'`-- ' if last else '|-- '}{branch.label}"
        deeper = indent + ("    " if last else "|   ")
        stack += [(one, deeper, one is branch.below[-1]) for one in reversed(branch.below)]


def draw_graph(roots: Iterable[str], edges: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """The lines of a graph from its roots on. What hangs below a name is drawn once, where the name comes first."""
    drawn: set[str] = set()
    for root in roots:
        stack = [(root, "", "")]
        while stack:
            name, mark, indent = stack.pop()
            below = edges.get(name, ())
            again = name in drawn and bool(below)
            yield f"{indent}{mark}{name}{ABOVE if again else ''}"
            if not again:
                drawn.add(name)
                deeper = indent + {"": "", "|-- ": "|   ", "`-- ": "    "}[mark]
                stack += [(one, "`-- " if one is below[-1] else "|-- ", deeper) for one in reversed(below)]


def roots_of(names: Iterable[str], edges: Mapping[str, Sequence[str]]) -> list[str]:
    """Names from which all others are reached: those that none needs, and of a cycle that none reaches its first."""
    names = sorted(names)
    needed = {one for below in edges.values() for one in below}
    roots = [name for name in names if name not in needed]
    reached: set[str] = set()
    for name in [*roots, *names]:
        if name in reached:
            continue
        if name in needed:
            roots.append(name)
        stack = [name]
        while stack:
            one = stack.pop()
            if one not in reached:
                reached.add(one)
                stack += edges.get(one, ())
    return roots
