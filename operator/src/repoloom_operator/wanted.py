"""Which run a resource shall have: the newest of its spec, or the next one that something asks for.

Runs of one spec never overlap: what asks for another while one is at work is answered when that has ended.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from repoloom_api.artifacts import Sha256, canonical_json
from repoloom_api.resources import Resource
from repoloom_api.runs import DatasetPin, Pin, Pins
from repoloom_api.settings import SettingsConfig
from repoloom_api.tasks import Plan
from repoloom_api.v1alpha1 import DatasetBuild, FineTune
from repoloom_api.v1alpha1.finetune import DatasetReference, Follow
from repoloom_operator.causes import Cause, short
from repoloom_operator.labels import QUEUE
from repoloom_operator.marks import RERUN, Workflow, moment
from repoloom_operator.run import Owner, Run, run_name
from repoloom_operator.schedule import newest_tick
from repoloom_operator.status import Status, ended


@dataclass(frozen=True)
class Dataset:
    """A DatasetBuild as a FineTune sees it."""

    current: Sha256 | None
    """Digest of its newest published result."""
    published: frozenset[Sha256] = frozenset()
    """Which of the digests that the FineTune is pinned to are its."""


@dataclass(frozen=True)
class Observed:
    """What there is when a resource is looked at."""

    document: Mapping[str, Any]
    """The resource, as the API server has it."""
    settings: SettingsConfig
    """As its namespace sees them."""
    workflows: tuple[Workflow, ...]
    """Its own, of every run."""
    datasets: Mapping[str, Dataset]
    """DatasetBuilds that it names; those that are not there are left out."""
    status: Status
    now: datetime

    @property
    def owner(self) -> Owner:
        metadata = self.document["metadata"]
        return Owner(self.document["kind"], metadata["name"], metadata["namespace"], metadata["uid"])

    @property
    def generation(self) -> int:
        generation: int = self.document["metadata"].get("generation", 1)
        return generation

    def note(self, field: str, name: str) -> str | None:
        """An annotation or a label."""
        value: str | None = (self.document["metadata"].get(field) or {}).get(name)
        return value


@dataclass(frozen=True)
class Last:
    """The newest run of a spec, at work or ended."""

    name: str
    cause: Cause
    workflow: Workflow | None
    """Gone some time after its end, or where somebody deleted it."""
    settled: bool
    """Whether status says how it ended."""


@dataclass(frozen=True)
class Wanted:
    """The run that shall be there."""

    run: Run
    cause: Cause
    resource: Resource
    plan: Plan
    workflow: Workflow | None
    """Its Workflow, if there is one."""
    settled: bool
    """Whether status says how it ended, so that nothing is left to do."""
    before: Last | None
    """The newest run of the same spec, which may be this one."""


def wanted_run(observed: Observed, resource: Resource, plan: Plan) -> Wanted | tuple[str, ...]:
    """The run that shall be there, or names of the DatasetBuilds that have published nothing to start one on."""
    last = last_run(observed, plan.spec_digest)
    pins = _pins(observed, resource, plan, last)
    missing = [build for _, build, _ in references(resource, plan) if build in pins.missing]
    if missing:
        return tuple(dict.fromkeys(missing))
    cause = _cause(observed, resource, last, pins)
    name = run_name(observed.owner, plan.spec_digest, str(cause))
    known = {
        pin: Pin(dataset=DatasetPin(name=build, digest=pins.digests[pin]))
        for pin, build, _ in references(resource, plan)
    }
    run = Run(name, observed.owner, Pins(pins=known), observed.note("labels", QUEUE))
    workflow = next((one for one in observed.workflows if one.name == name), None)
    settled = last is not None and last.name == name and last.settled
    return Wanted(run, cause, resource, plan, workflow, settled, last)


def references(resource: Resource, plan: Plan) -> Iterator[tuple[str, str, Follow]]:
    """Every dataset that a run reads: the plan's name of its pin, its DatasetBuild, and what a newer one means."""
    if isinstance(resource, FineTune):
        named = plan.task("resolve-1").params["datasets"]
        followed: list[DatasetReference] = [reference for _, reference in resource.spec.references()]
        yield from ((one["pin"], one["name"], ref.follow) for one, ref in zip(named, followed, strict=True))


def last_run(observed: Observed, spec_digest: Sha256) -> Last | None:
    """The newest run of a spec, by its Workflows and by what status tells of."""
    told = _told_run(observed, spec_digest)
    same = [one for one in observed.workflows if one.spec_digest == spec_digest]
    named = told.name if told else ""
    # Times are in whole seconds.
    newest = max(same, key=lambda one: (one.created, one.name == named, not one.stopped, one.name), default=None)
    if newest is None or (told and _is_later(told, observed, newest)):
        return told
    if told and told.name == newest.name:
        return replace(told, workflow=newest)
    return Last(newest.name, Cause.parse(newest.cause), newest, settled=False)


def _told_run(observed: Observed, spec_digest: Sha256) -> Last | None:
    status = observed.status
    if status.cause is None or status.workflow != run_name(observed.owner, spec_digest, status.cause):
        return None
    # Progress is left out where conditions tell of no run: of a bad spec, say.
    settled = ended(status) is not None and status.progress is not None
    return Last(status.workflow, Cause.parse(status.cause), None, settled)


def _is_later(told: Last, observed: Observed, newest: Workflow) -> bool:
    """Whether the run that status tells of, whose Workflow may be gone, is later than the newest Workflow."""
    if told.name in {one.name for one in observed.workflows}:
        return False
    end = ended(observed.status)
    return not told.settled or end is None or newest.created < end


@dataclass(frozen=True)
class _Datasets:
    digests: Mapping[str, Sha256]
    missing: frozenset[str]
    newer: bool


def _pins(observed: Observed, resource: Resource, plan: Plan, last: Last | None) -> _Datasets:
    """Digests to run on, by the plan's names, and the DatasetBuilds that have none.

    A run that is at work keeps what it started on. Otherwise `Latest` takes the newest, and `Pinned` what the resource
    has had since its first run, as long as it names the same DatasetBuild.
    """
    named = list(references(resource, plan))
    before = _pins_before(observed, [pin for pin, _, _ in named], last)
    digests: dict[str, Sha256] = {}
    for pin, build, follow in named:
        dataset = observed.datasets.get(build, Dataset(None))
        kept = before.get(pin)
        if last is None and kept not in dataset.published:
            kept = None
        moves = follow is Follow.LATEST and (last is None or last.settled)
        digest = (dataset.current if moves else None) or kept or dataset.current
        if digest:
            digests[pin] = digest
    missing = frozenset(build for pin, build, _ in named if pin not in digests)
    return _Datasets(digests, missing, newer=last is not None and bool(before) and digests != before)


def _pins_before(observed: Observed, pins: list[str], last: Last | None) -> Mapping[str, Sha256]:
    if last and last.workflow:
        return last.workflow.pins
    return told_pins(observed.status, pins)


def told_pins(status: Status, pins: list[str]) -> dict[str, Sha256]:
    """Digests that status tells of, by the plan's names: there datasets stand first, in the plan's order.

    After a change of the spec the order may be another; then the bare name has to do.
    """
    named = [pin.partition("/")[2] for pin in pins]
    if [one.name for one in status.pins[: len(pins)]] == named:
        return {pin: one.revision for pin, one in zip(pins, status.pins, strict=False)}
    by_name = {one.name: one.revision for one in status.pins}
    return {pin: by_name[name] for pin, name in zip(pins, named, strict=True) if name in by_name}


def _cause(observed: Observed, resource: Resource, last: Last | None, pins: _Datasets) -> Cause:
    value = observed.note("annotations", RERUN)
    rerun = short(value) if value else None
    if last is None:
        return Cause(rerun=rerun)
    if last.workflow and last.workflow.stopped:
        # Its name is taken until Argo removes it, and so may its pods' names be.
        return replace(last.cause, rerun=rerun or last.cause.rerun, after=short(last.workflow.uid))
    if not last.settled:
        return last.cause
    cause = last.cause
    if rerun and rerun != cause.rerun:
        cause = replace(cause, rerun=rerun)
    tick = _tick(observed, resource)
    if tick:
        cause = replace(cause, tick=f"{tick:%Y-%m-%dT%H:%M:%SZ}")
    if pins.newer:
        cause = replace(cause, datasets=short(canonical_json(dict(pins.digests)).decode()))
    return cause


def _tick(observed: Observed, resource: Resource) -> datetime | None:
    """The newest tick since the last run ended; those that fell into it are left out."""
    schedule = resource.spec.schedule if isinstance(resource, DatasetBuild) else None
    since = ended(observed.status) or moment(observed.document["metadata"].get("creationTimestamp"))
    return newest_tick(schedule, since, observed.now) if schedule and since else None
