"""What a process finds out for those that Argo starts after it: how shards are dealt to pods, and what is missing."""

from collections.abc import Iterable, Sequence

from repoloom_api.artifacts import below
from repoloom_api.tasks import Task
from repoloom_stages.errors import TryAgain
from repoloom_stages.runtime.lookup import Found, Lookup, unit_name


def shard_groups(lookup: Lookup, tasks: Sequence[Task], most: int) -> list[list[str]]:
    """The shards for which some of these tasks is left to do, as `LISTER/SHARD`, in at most so many groups of about as
    many bytes each. Tasks that do not fan out have no shards.

    The same store gives the same groups. Raises TryAgain while some list of shards is not in the store.
    """
    listers = dict.fromkeys(task.fan_out for task in tasks if task.fan_out)
    sizes = {name: size for lister in listers for name, size in _unfinished(lookup, lookup.plan.task(lister), tasks)}
    groups: list[list[str]] = [[] for _ in range(min(most, len(sizes)))]
    filled = [0] * len(groups)
    for name in sorted(sizes, key=lambda name: (-sizes[name], name)):
        lightest = filled.index(min(filled))
        groups[lightest].append(name)
        filled[lightest] += sizes[name]
    return [sorted(group) for group in groups]


def is_missing(lookup: Lookup, tasks: Iterable[Task]) -> bool:
    """Whether any of these tasks, or any shard of them, is not in the store."""
    for task in tasks:
        shards = lookup.shards(task)
        if shards is None or not all(isinstance(lookup.find(task, shard), Found) for shard in shards):
            return True
    return False


def _unfinished(lookup: Lookup, lister: Task, among: Sequence[Task]) -> list[tuple[str, int]]:
    """Shards for which some task is not done, each with its bytes; one byte is added, so that empty ones count too."""
    tasks = [task for task in among if task.fan_out == lister.name]
    found, shards = lookup.find(lister), lookup.shards(tasks[0])
    if not isinstance(found, Found) or shards is None:
        raise TryAgain(f"{lister.name}, which lists shards, is not in the store yet")
    return [
        (unit_name(lister, shard), 1 + sum(entry.bytes for entry in below(found.manifest.files, f"shards/{shard}/")))
        for shard in shards
        if not all(isinstance(lookup.find(task, shard), Found) for task in tasks)
    ]
