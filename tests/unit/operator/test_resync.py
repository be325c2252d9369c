"""What a resync has looked at, by what the lists before it showed."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from repoloom_operator.resync import Resync
from repoloom_operator.watches import Watches
from support.builders import Document


class Lists:
    """In `cluster`'s place: lists of DatasetBuilds and their Workflows, by name and resourceVersion."""

    def __init__(self) -> None:
        self.builds: dict[str, int] = {}
        self.runs: dict[str, int] = {}

    async def resources(self, kind: str, _: str | None) -> AsyncIterator[Document]:
        for name, version in self.builds.items() if kind == "DatasetBuild" else ():
            yield {"metadata": self.metadata(name, version)}

    async def owned_workflows(self, _: str | None) -> AsyncIterator[Document]:
        for name, version in self.runs.items():
            owner = {"kind": "DatasetBuild", "name": name, "uid": name}
            yield {"metadata": self.metadata(f"{name}-run", version) | {"ownerReferences": [owner]}}

    def metadata(self, name: str, version: int) -> Document:
        return {"name": name, "namespace": "default", "uid": name, "resourceVersion": str(version)}


def looked_at(lists: Lists, *changes: dict[str, dict[str, int]]) -> list[set[str]]:
    """The names that each resync has looked at: the first, and one after each change of the lists."""
    names: list[str] = []
    cluster: Any = lists
    resync = Resync(cluster, (), Watches(), lambda key: names.append(key.name))
    found = []
    for change in ({}, *changes):
        vars(lists).update(change)
        asyncio.run(resync.once())
        found.append(set(names))
        names.clear()
    return found


def test_the_first_resync_has_everything_looked_at_and_the_next_one_what_changed() -> None:
    lists = Lists()
    lists.builds = {"one": 1, "two": 2}
    assert looked_at(lists, {}, {"builds": {"one": 1, "two": 3}}) == [{"one", "two"}, set(), {"two"}]


def test_a_changed_workflow_has_its_resource_looked_at() -> None:
    lists = Lists()
    lists.builds, lists.runs = {"one": 1, "two": 2}, {"one": 3}
    assert looked_at(lists, {"runs": {"one": 4}}, {"runs": {}}) == [{"one", "two"}, {"one"}, {"one"}]


def test_a_resource_that_is_gone_is_looked_at_once_more() -> None:
    lists = Lists()
    lists.builds, lists.runs = {"one": 1, "two": 2}, {"one": 3}
    gone = {"builds": {"two": 2}, "runs": {}}
    assert looked_at(lists, gone, {}) == [{"one", "two"}, {"one"}, set()]
