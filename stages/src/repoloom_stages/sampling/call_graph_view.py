"""The view `callGraph`: what stands before a unit of what it calls and what calls it, as links have it.

A tree both ways, two levels deep, and the same as a sentence or two. All of it is names: no code of other files is
shown. Units without any resolved call have no such view.
"""

import textwrap
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from repoloom_stages.links import GraphItem, LinkedFile, LinkedItem
from repoloom_stages.record_files import FILES, read_records
from repoloom_stages.runtime.stage import Inputs
from repoloom_stages.sampling.ascii_tree import Branch, draw
from repoloom_stages.sampling.code_file import CodeFile
from repoloom_stages.sampling.neighbourhood import graph_items
from repoloom_stages.sampling.samples import Unit

MAX_ROOTS = 4
"""Items of a unit that are shown, those that most items call: an impl or a file can hold any number."""
MAX_NEAR = 8
"""Callers and calls shown of a root."""
MAX_FAR = 3
"""Shown of each of those."""

WIDTH = 100
"""Characters of a line, its comment marks aside."""


@dataclass(frozen=True)
class Edges:
    """Where an item stands in the call graph."""

    calls: Sequence[str]
    callers: Sequence[str]
    called: int
    """By how many items it is called; of some, not all their callers are listed."""

    @classmethod
    def of(cls, item: LinkedItem | GraphItem) -> "Edges":
        """As links have them."""
        return cls(item["calls"], item["callers"], item["called"])


NO_EDGES = Edges((), (), 0)


class _Own:
    """The items of one file, and their edges by id."""

    def __init__(self, file: CodeFile) -> None:
        assert file.links is not None  # the plan gives them to a recipe with this view
        self.file = file
        self.edges = {item["id"]: Edges.of(item) for item in file.links["items"]}
        self._items, self._linked = file.facts["items"], file.links["items"]
        self._starts = [item["start"] for item in self._items]

    def roots(self, unit: Unit) -> list[str]:
        """Ids of the items within a unit that call something or are called: those that most call first."""
        within = range(bisect_left(self._starts, unit.start), bisect_left(self._starts, unit.end))
        linked = (self._linked[position] for position in within if self._items[position]["end"] <= unit.end)
        roots = [item for item in linked if item["calls"] or item["callers"]]
        return [item["id"] for item in sorted(roots, key=lambda one: -one["called"])]


class CallGraph:
    """What of the call graph one shard's units can show."""

    def __init__(self, far: Mapping[str, Edges]) -> None:
        """`far`: edges by id of all that stands next to the shard's items, and is not in their own file."""
        self._far = far
        self._last: _Own | None = None
        """Of the file whose units are looked at."""

    @classmethod
    def read(cls, inputs: Inputs) -> "CallGraph":
        """From the roles `links` and `graph`. Memory follows the shard: of the graph only its neighbours are kept."""
        near = {one for file in read_records(inputs.one("links") / FILES) for one in neighbours(file)}
        return cls.around(near, inputs.one("graph"))

    @classmethod
    def around(cls, near: AbstractSet[str], graph: Path) -> "CallGraph":
        """Of the role `graph`, the items of these ids."""
        return cls({item["id"]: Edges.of(item) for item in graph_items(graph, near)})

    def notes(self, file: CodeFile, unit: Unit) -> list[str]:
        """What stands before a unit's code; nothing where none of its items has a resolved call."""
        if self._last is None or self._last.file is not file:
            self._last = _Own(file)
        own, roots = self._last.edges, self._last.roots(unit)
        if not roots:
            return []
        tree = [line for root in roots[:MAX_ROOTS] for line in self._tree(root, own)]
        flow = [line for root in roots[:MAX_ROOTS] for line in self._flow(root, own)]
        more = [one.label for one in _more(len(roots) - MAX_ROOTS)]
        return [*tree, *more, "", *flow]

    def _edges(self, item: str, own: Mapping[str, Edges]) -> Edges:
        return own.get(item) or self._far.get(item, NO_EDGES)

    def _tree(self, root: str, own: Mapping[str, Edges]) -> Iterator[str]:
        edges = self._edges(root, own)
        if edges.callers:
            yield f"Callers of {root}:"
            far = {one: self._edges(one, own).callers for one in edges.callers[:MAX_NEAR]}
            yield from draw(_branches(root, edges.callers, edges.called, far))
        if edges.calls:
            yield f"Calls of {root}:"
            far = {one: self._edges(one, own).calls for one in edges.calls[:MAX_NEAR]}
            yield from draw(_branches(root, edges.calls, len(edges.calls), far))

    def _flow(self, root: str, own: Mapping[str, Edges]) -> Iterator[str]:
        edges = self._edges(root, own)
        said = []
        if edges.callers:
            number = "one item" if edges.called == 1 else f"{edges.called} items"
            said.append(f"is called by {number}: {_listed(edges.callers, edges.called)}")
        if edges.calls:
            calls = [_called(root, one, self._edges(one, own).calls) for one in edges.calls[:MAX_NEAR]]
            said.append(f"calls {_listed(calls, len(edges.calls), ', then ')}")
        text = f"Flow: {root} {'; it '.join(said)}."
        yield from textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False)


def neighbours(file: LinkedFile) -> Iterator[str]:
    """Ids next to a file's items, as far as they are shown."""
    for item in file["items"]:
        yield from item["calls"][:MAX_NEAR]
        yield from item["callers"][:MAX_NEAR]


def _branches(root: str, near: Sequence[str], number: int, far: Mapping[str, Sequence[str]]) -> list[Branch]:
    """Two levels of a tree, so that cycles have an end."""
    shown = [Branch(_marked(root, name), _leaves(root, far[name]) if name != root else ()) for name in near[:MAX_NEAR]]
    return shown + _more(number - len(shown))


def _leaves(root: str, names: Sequence[str]) -> list[Branch]:
    return [Branch(_marked(root, one)) for one in names[:MAX_FAR]] + _more(len(names) - MAX_FAR)


def _marked(root: str, name: str) -> str:
    return f"{name} (itself)" if name == root else name


def _more(number: int) -> list[Branch]:
    return [Branch(f"({number} more)")] if number > 0 else []


def _called(root: str, name: str, further: Sequence[str]) -> str:
    """A callee in the sentence, with what it calls in turn."""
    if name == root:
        return "itself"
    return f"{name} (which calls {_listed(further, len(further), most=MAX_FAR)})" if further else name


def _listed(names: Iterable[str], number: int, between: str = ", ", most: int = MAX_NEAR) -> str:
    shown = list(islice(names, most))
    rest = number - len(shown)
    return between.join(shown) + (f" and {rest} more" if rest > 0 else "")
