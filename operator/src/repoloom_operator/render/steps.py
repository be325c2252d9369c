"""Fusing: which tasks of a plan share a pod.

A pod costs five to ten seconds, so light tasks that follow one another run in one. They are kept apart where it
matters: what reaches hosts from what parses what was fetched, one connection's credential from another's hosts, and an
accelerator from everything that needs none. How a step becomes a pod is `pods`' and `workflow`'s business.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from repoloom_api.catalogue import CATALOGUE
from repoloom_api.plan import Placement, Plan, Task
from repoloom_api.settings import SettingsConfig

USUAL_PODS = 6
"""What a run may come to where the settings do not say how many pods share its shards."""
LEAST_SHARD_PODS = 2


class Kind(StrEnum):
    """What a step's tasks have in common."""

    COLLECT = "collect"
    """They reach hosts beside the object store."""
    SHARDS = "shards"
    """They run once for each shard; the shards are dealt to several pods."""
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
    prepares: Kind | None = None
    """The step that it looks ahead for: it lists the shards, or says whether anything is left to accelerate."""


def steps(plan: Plan, settings: SettingsConfig) -> tuple[Step, ...]:
    """The steps of a plan, each after those it needs."""
    of_kind = {kind: [task for task in plan.tasks if _kind(task) is kind] for kind in Kind}
    collecting = _collecting(plan, settings, of_kind[Kind.COLLECT])
    before = tuple(step.name for step in collecting)
    result = list(collecting)
    for kind in (Kind.SHARDS, Kind.ACCELERATE, Kind.FINISH):
        if of_kind[kind]:
            pods = _shard_pods(settings, len(collecting)) if kind is Kind.SHARDS else 1
            result.append(_step(plan, settings, kind, of_kind[kind], name=kind, after=before, pods=pods))
            before = (kind.value,)
    return tuple(result)


def _kind(task: Task) -> Kind:
    stage = CATALOGUE[task.stage]
    if stage.network:
        return Kind.COLLECT
    if task.fan_out:
        return Kind.SHARDS
    return Kind.ACCELERATE if stage.accelerator else Kind.FINISH


def _shard_pods(settings: SettingsConfig, collecting: int) -> int:
    return settings.defaults.shard_pods or max(LEAST_SHARD_PODS, USUAL_PODS - collecting - 1)


def _collecting(plan: Plan, settings: SettingsConfig, tasks: list[Task]) -> list[Step]:
    """One step for each set of credentials; the one that looks ahead comes after all whose artifacts that takes."""
    groups = _by_credentials(plan, settings, tasks)
    prepared, wanted = _look_ahead(plan)
    looking = [number for number, group in enumerate(groups) if wanted & {task.name for task in group}]
    names = [Kind.COLLECT if number == 0 else f"{Kind.COLLECT}-{number + 1}" for number in range(len(groups))]
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


def _look_ahead(plan: Plan) -> tuple[Kind | None, set[str]]:
    """What is to be prepared, and the tasks whose artifacts that takes."""
    listers = {task.fan_out for task in plan.tasks if task.fan_out}
    if listers:
        return Kind.SHARDS, listers
    accelerated = [task for task in plan.tasks if _kind(task) is Kind.ACCELERATE]
    return (Kind.ACCELERATE if accelerated else None), {need for task in accelerated for need in plan.needs(task)}


def _step(
    plan: Plan,
    settings: SettingsConfig,
    kind: Kind,
    tasks: list[Task],
    *,
    name: str,
    after: tuple[str, ...],
    pods: int = 1,
    prepares: Kind | None = None,
) -> Step:
    return Step(
        name=str(name),
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
