"""Fusing: which tasks of a plan share a pod.

A pod costs five to ten seconds, so light tasks that follow one another run in one. They are kept apart where it
matters: what reaches hosts from what parses what was fetched, one connection's credential from another's hosts, and an
accelerator from everything that needs none. How a step becomes a pod is `pods`' and `workflow`'s business.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from repoloom_api.catalogue import CATALOGUE
from repoloom_api.settings import SettingsConfig
from repoloom_api.tasks import Placement, Plan, Task

USUAL_PODS = 6
"""What a run may come to where the settings do not say how many pods share its shards."""
LEAST_SHARD_PODS = 2


class Kind(StrEnum):
    """What a step's tasks have in common."""

    COLLECT = "collect"
    """They reach hosts beside the object store."""
    SHARDS = "shards"
    """They run once for each shard; the shards are dealt to several pods."""
    LINK = "link"
    """They need all shards, and later shards need them."""
    ACCELERATE = "accelerate"
    """They need an accelerator; the step is left out when all are found done."""
    FINISH = "finish"
    """They need all that came before."""


@dataclass(frozen=True)
class Step:
    """Tasks that share a pod, or, for shards, several pods of one kind."""

    name: str
    """Its kind, numbered from the second on."""
    kind: Kind
    tasks: tuple[str, ...]
    """Names of its tasks, in an order that respects their needs."""
    after: tuple[str, ...]
    """Names of the steps that come before it."""
    credentials: tuple[str, ...]
    """Connections whose Secrets its pods hold."""
    reaches_sources: bool
    """Whether its pods may leave the cluster."""
    pool: str | None
    """Pool it runs on; none is any node."""
    pods: int = 1
    """At most so many."""
    prepares: str | None = None
    """The step that it looks ahead for: it lists the shards, or says whether anything is left to accelerate."""


@dataclass(frozen=True)
class _Group:
    """Tasks that may share a pod, once everything is collected."""

    name: str
    kind: Kind
    tasks: list[Task]


def steps(plan: Plan, settings: SettingsConfig) -> tuple[Step, ...]:
    """The steps of a plan, each after those it needs."""
    groups = _groups(plan)
    collecting = _collecting(plan, settings, _collected(plan), groups)
    before = tuple(step.name for step in collecting)
    shard_pods = _shard_pods(settings, len(collecting), groups)
    result = list(collecting)
    for number, group in enumerate(groups):
        following = groups[number + 1] if group.kind is Kind.LINK else None
        result.append(
            _step(
                plan,
                settings,
                group.kind,
                group.tasks,
                name=group.name,
                after=before,
                pods=shard_pods if group.kind is Kind.SHARDS else 1,
                prepares=following.name if following else None,
            )
        )
        before = (group.name,)
    return tuple(result)


def _collected(plan: Plan) -> list[Task]:
    return [task for task in plan.tasks if CATALOGUE[task.stage].network]


def _groups(plan: Plan) -> list[_Group]:
    """What comes after collecting: rounds of shards, with what links one round to the next, then all else."""
    rounds = _rounds(plan)
    linking = _needed_by_shards(plan)
    result = []
    for number in range(max(rounds.values(), default=0) + 1):
        in_round = [task for task in plan.tasks if rounds.get(task.name) == number]
        result.append(_Group(_numbered(Kind.SHARDS, number), Kind.SHARDS, [task for task in in_round if task.fan_out]))
        links = [task for task in in_round if task.name in linking]
        result.append(_Group(_numbered(Kind.LINK, number), Kind.LINK, links))
    rest = [task for task in plan.tasks if task.name in rounds and not task.fan_out and task.name not in linking]
    for kind, accelerated in ((Kind.ACCELERATE, True), (Kind.FINISH, False)):
        tasks = [task for task in rest if CATALOGUE[task.stage].accelerator is accelerated]
        result.append(_Group(kind.value, kind, tasks))
    return [group for group in result if group.tasks]


def _rounds(plan: Plan) -> dict[str, int]:
    """In which round of shards a task runs, or after which: one more for each task that it takes all shards through.
    Tasks that collect are in none.
    """
    rounds: dict[str, int] = {}
    for task in plan.tasks:
        if not CATALOGUE[task.stage].network:
            needs = [plan.task(name) for name in plan.needs(task) if name in rounds]
            rounds[task.name] = max(
                (rounds[need.name] + bool(task.fan_out and not need.fan_out) for need in needs), default=0
            )
    return rounds


def _needed_by_shards(plan: Plan) -> set[str]:
    """Tasks that take no shards one by one, and that tasks which do need, directly or not."""
    needed: set[str] = set()
    for task in reversed(plan.tasks):
        if task.fan_out or task.name in needed:
            needed.update(plan.needs(task))
    return {task.name for task in plan.tasks if task.name in needed and not task.fan_out}


def _numbered(kind: Kind, number: int) -> str:
    return kind.value if number == 0 else f"{kind.value}-{number + 1}"


def _shard_pods(settings: SettingsConfig, collecting: int, groups: list[_Group]) -> int:
    sharding = sum(group.kind is Kind.SHARDS for group in groups)
    left = USUAL_PODS - collecting - (len(groups) - sharding)
    return settings.defaults.shard_pods or max(LEAST_SHARD_PODS, left // max(1, sharding))


def _collecting(plan: Plan, settings: SettingsConfig, tasks: list[Task], later: list[_Group]) -> list[Step]:
    """One step for each set of credentials; the one that looks ahead comes after all whose artifacts that takes."""
    groups = _by_credentials(plan, settings, tasks)
    prepared, wanted = _look_ahead(plan, later)
    looking = [number for number, group in enumerate(groups) if wanted & {task.name for task in group}]
    names = [_numbered(Kind.COLLECT, number) for number in range(len(groups))]
    result = []
    for number, group in enumerate(groups):
        last = bool(looking) and number == looking[-1]
        earlier = {0, *looking} if last else {0}
        after = tuple(names[other] for other in sorted(earlier) if other < number)
        prepares = prepared if last else None
        result.append(_step(plan, settings, Kind.COLLECT, group, name=names[number], after=after, prepares=prepares))
    return result


def _by_credentials(plan: Plan, settings: SettingsConfig, tasks: list[Task]) -> list[list[Task]]:
    """`resolve` asks every host; a task that reaches none may run beside it without touching what a host sent."""
    groups: dict[tuple[str, ...], list[Task]] = {}
    resolve = _credentials(plan, settings, tasks[:1])
    for task in tasks:
        key = _credentials(plan, settings, [task]) if _reaches(plan, settings, task) else resolve
        groups.setdefault(key, []).append(task)
    return list(groups.values())


def _look_ahead(plan: Plan, later: list[_Group]) -> tuple[str | None, set[str]]:
    """The step that is to be prepared first, and the tasks whose artifacts that takes."""
    for group in later:
        if group.kind is Kind.SHARDS:
            return group.name, {task.fan_out for task in group.tasks if task.fan_out}
        if group.kind is Kind.ACCELERATE:
            return group.name, {need for task in group.tasks for need in plan.needs(task)}
    return None, set()


def _step(
    plan: Plan,
    settings: SettingsConfig,
    kind: Kind,
    tasks: list[Task],
    *,
    name: str,
    after: tuple[str, ...],
    pods: int = 1,
    prepares: str | None = None,
) -> Step:
    return Step(
        name=name,
        kind=kind,
        tasks=tuple(task.name for task in tasks),
        after=after,
        credentials=_credentials(plan, settings, tasks),
        reaches_sources=any(_reaches(plan, settings, task) for task in tasks),
        pool=_placement(plan, tasks[0]).pool,
        pods=pods,
        prepares=prepares,
    )


def _placement(plan: Plan, task: Task) -> Placement:
    return plan.placements.get(task.name, Placement())


def _reaches(plan: Plan, settings: SettingsConfig, task: Task) -> bool:
    """Whether a task reaches any host; where the settings list no connections, any that could."""
    if settings.connections is None:
        return CATALOGUE[task.stage].network
    return bool(_placement(plan, task).reaches)


def _credentials(plan: Plan, settings: SettingsConfig, tasks: Iterable[Task]) -> tuple[str, ...]:
    with_secret = {one.name for one in settings.connections or () if one.secret_name}
    reached = {reach.connection for task in tasks for reach in _placement(plan, task).reaches}
    return tuple(sorted(with_secret & reached))
