"""What a shard's recipes need of the call graph: their files' items, what those call, and what calls them."""

import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from functools import cached_property
from pathlib import Path

from repoloom_stages.links import GraphItem
from repoloom_stages.record_files import FILES, read_records
from repoloom_stages.runtime.stage import Inputs

MAX_NAMESAKES = 100
"""Items of one path that are looked through; of more, each counts as having one."""

_SEPARATORS = re.compile(r"::|[./]")


class Neighbourhood:
    """Items of the graph by id: those of the shard, and those one call away. Memory follows the shard."""

    def __init__(self, items: dict[str, GraphItem]) -> None:
        self._items = items

    @cached_property
    def _functions(self) -> dict[str, list[list[GraphItem]]]:
        """Functions with parameters by what owns them; in a list, neighbours whose parameters are equal."""
        functions: dict[str, list[list[GraphItem]]] = {}
        for one in sorted(self._items.values(), key=lambda item: item["id"]):
            parameters = parameters_of(one["signature"]) if one["kind"] == "function" else ""
            if parameters:
                runs = functions.setdefault(owner_of(one["id"]), [])
                if not runs or parameters_of(runs[-1][0]["signature"]) != parameters:
                    runs.append([])
                runs[-1].append(one)
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

    def beside(self, function: GraphItem) -> Iterator[GraphItem]:
        """Known functions of the same type or module that take other arguments, by id."""
        own = parameters_of(function["signature"])
        for run in self._functions.get(owner_of(function["id"]), []):
            if parameters_of(run[0]["signature"]) != own:
                yield from run

    def has_namesake(self, identifier: str, kind: str) -> bool:
        """Whether another item of that kind has the same path: ids tell them apart by `#2` and so on."""
        path = identifier.partition("#")[0]
        for number in range(1, MAX_NAMESAKES + 1):
            other = f"{path}#{number}" if number > 1 else path
            found = self._items.get(other)
            if found is None and number > 1:
                return False
            if found is not None and other != identifier and found["kind"] == kind:
                return True
        return True

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


def parameters_of(signature: str) -> str:
    """A signature from its first bracket on; nothing where it has none."""
    return signature[signature.find("(") :] if "(" in signature else ""


def is_constructor(identifier: str, language: str) -> bool:
    """Whether what is called is no function but a tuple struct of Rust."""
    return language == "rust" and name_of(identifier)[:1].isupper()
