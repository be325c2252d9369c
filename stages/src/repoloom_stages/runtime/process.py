"""What one process does: some tasks of a plan, in order, each unless it is done.

Both runners start it with the same arguments, Argo for many tasks and shards, the local runner for one. What a task is
made of is `execute`'s business; what a later process needs to know beforehand, `handover`'s.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from repoloom_api.tasks import Task
from repoloom_stages.errors import BadInput, TryAgain
from repoloom_stages.runtime.execute import Given, Report, execute
from repoloom_stages.runtime.lookup import Lookup, unit_name
from repoloom_stages.runtime.progress import Progress

Unit = tuple[Task, str | None]
"""A task, and the shard of it."""


class Process:
    """Tasks of a plan, and how far they are."""

    def __init__(
        self, lookup: Lookup, given: Given, tasks: Sequence[str], shards: Sequence[str] | None, progress: Path | None
    ) -> None:
        """`shards`: those that fan-out tasks run for, as `LISTER/SHARD`; None for all. Raises BadInput for names that
        the plan does not have.
        """
        self.reports: dict[str, Report] = {}
        """What became of each unit, by its name."""
        self.at: Unit | None = None
        """The unit at work, or the one that failed."""
        self._lookup = lookup
        self._given = given
        self._tasks = [task_of(lookup, name) for name in tasks]
        self._shards = _by_lister(lookup, shards) if shards is not None else None
        known = [None if task.fan_out and self._shards is None else self._chosen(task) for task in self._tasks]
        self._progress = Progress(progress, sum(1 if units is None else len(units) for units in known))

    def run(self, check: Callable[[], None]) -> None:
        """Do everything; `check` is called before each unit. Raises StageError as `execute` does."""
        for task in self._tasks:
            for shard in self._shards_of(task):
                check()
                self.at = task, shard
                report = execute(self._lookup, task.name, shard, self._given, self._progress.part)
                self.reports[unit_name(task, shard)] = report
                self._progress.unit()
        self.at = None

    def _shards_of(self, task: Task) -> Iterator[str | None]:
        """What a task runs for here. Raises BadInput for a shard that there is not, TryAgain while nobody knows."""
        self.at = task, None
        listed = self._lookup.shards(task)
        if listed is None:
            raise TryAgain(f"{task.name}: the list of its shards is not in the store yet")
        if task.fan_out is None or self._shards is None:
            self._progress.grow(len(listed) - 1)
            yield from listed
            return
        for shard in self._chosen(task):
            if shard not in listed:
                raise BadInput(f"--shards: {task.fan_out} lists no shard {shard}")
            yield shard

    def _chosen(self, task: Task) -> tuple[str | None, ...]:
        return tuple((self._shards or {}).get(task.fan_out, ())) if task.fan_out else (None,)


def task_of(lookup: Lookup, name: str) -> Task:
    """The plan's task of a name. Raises BadInput if there is none."""
    try:
        return lookup.plan.task(name)
    except KeyError:
        raise BadInput(f"the plan has no task {name}") from None


def parse_shards(text: str) -> list[str]:
    """A list of names from JSON. Raises BadInput if it is none."""
    try:
        found = json.loads(text)
    except ValueError as error:
        raise BadInput(f"--shards is no JSON: {error}") from None
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise BadInput('--shards is no list like ["snapshot-1/00"]')
    return found


def _by_lister(lookup: Lookup, names: Sequence[str]) -> dict[str, list[str]]:
    shards: dict[str, list[str]] = {}
    for name in names:
        lister, _, shard = name.partition("/")
        task_of(lookup, lister)
        shards.setdefault(lister, []).append(shard)
    return shards
