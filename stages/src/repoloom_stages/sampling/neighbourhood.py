"""What a shard's recipes need of the call graph: their files' items, what those call, and what calls them."""

import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from functools import cached_property
from pathlib import Path

from repoloom_stages.links import GraphItem
from repoloom_stages.records import FILES, read_records
from repoloom_stages.runtime.stage import Inputs

_SEPARATORS = re.compile(r"::|[./]")


class Neighbourhood:
    """Items of the graph by id: those of the shard, and those one call away. Memory follows the shard."""

    def __init__(self, items: dict[str, GraphItem]) -> None:
        self._items = items

    @cached_property
    def _functions(self) -> dict[str, list[GraphItem]]:
        """Functions by what owns them."""
        functions: dict[str, list[GraphItem]] = {}
        for one in sorted(self._items.values(), key=lambda item: item["id"]):
            if one["kind"] == "function":
                functions.setdefault(owner_of(one["id"]), []).append(one)
        return functions

    @classmethod
    def read(cls, inputs: Inputs) -> "Neighbourhood":
        """Of the roles `links` (of one shard) and `graph`."""
        wanted: set[str] = set()
        for file in read_records(inputs.one("links") / FILES):
            for item in file["items"]:
                wanted.update((item["id"], *item["calls"], *item["callers"]))
        return cls({one["id"]: one for one in graph_items(inputs.one("graph"), wanted)})

    def get(self, identifier: str) -> GraphItem | None:
        """The item of an id; None for what is further away, or no item of a training file."""
        return self._items.get(identifier)

    def beside(self, identifier: str) -> list[GraphItem]:
        """Known functions of the same type or module, by id."""
        owner = owner_of(identifier)
        return [one for one in self._functions.get(owner, []) if one["id"] != identifier]

    def known(self, identifiers: list[str]) -> list[GraphItem] | None:
        """The items of all these ids, or None if one is not known."""
        found = [self._items.get(one) for one in identifiers]
        known = [one for one in found if one is not None]
        return known if len(known) == len(found) else None


def graph_items(graph: Path, wanted: AbstractSet[str]) -> Iterator[GraphItem]:
    """Of the role `graph`, the items of these ids, by id."""
    return (one for one in read_records(graph / "items.jsonl.zst") if one["id"] in wanted)


def name_of(identifier: str) -> str:
    """The name at the end of an id: `a::B::c#2` is `c`."""
    return _SEPARATORS.split(identifier.partition("#")[0])[-1]


def owner_of(identifier: str) -> str:
    """An id without the name at its end, and ending in what separates them: `a::B::c#2` is `a::B::`."""
    return identifier.partition("#")[0].removesuffix(name_of(identifier))
