"""What should exist and what does: from one look at a resource to what is to be done and what status shall say.

Pure: the same look gives the same decision. It is taken in two parts, since which run's record is worth reading from
the object store is known only once it is known which run is wanted.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

from repoloom_api.artifacts import Sha256
from repoloom_api.plan import RefusedBySettings
from repoloom_api.plan import plan as make_plan
from repoloom_api.resources import Fault, InvalidResource, Resource, parse_resource
from repoloom_api.runs import Pins, Result, RunRecord
from repoloom_api.tasks import Plan
from repoloom_api.v1alpha1 import DatasetBuild
from repoloom_api.v1alpha1.conditions import ConditionStatus, ConditionType, Pin, Reason
from repoloom_operator.marks import Workflow, marked
from repoloom_operator.outcome import all_done, finished, told_pins
from repoloom_operator.progress import Step, account_of_work, broken, none_done, progress, unschedulable
from repoloom_operator.render import Rendered, render
from repoloom_operator.schedule import NeverDue, next_tick
from repoloom_operator.status import (
    FALSE,
    TRUE,
    Account,
    Event,
    Says,
    building,
    condition,
    event,
    failed,
    invalid,
    suspended,
    unchanged,
)
from repoloom_operator.wanted import Observed, Wanted, wanted_run

STORE_RETRY: Final = timedelta(seconds=10)
"""How long to leave an object store alone that did not answer."""


@dataclass(frozen=True)
class Found:
    """What the object store holds of a run."""

    record: RunRecord | None = None
    """That it is finished, and how."""
    result: Result | None = None
    """What it published, or was refused."""
    pins: Pins | None = None
    """What it resolved its names to."""


@dataclass(frozen=True)
class Decision:
    """What is to be done, in this order, and what status shall say then."""

    account: Account
    stop: tuple[str, ...] = ()
    """Workflows to stop."""
    events: tuple[Event, ...] = ()
    """What to tell of."""
    create: Rendered | None = None
    """What a run needs to start: its ConfigMap, then its Workflow."""
    again: timedelta | None = None
    """When to look again, even if nothing happens until then."""


def choose(observed: Observed) -> Wanted | Decision:
    """The run that shall be there; or a decision, where there shall be none."""
    try:
        resource = parse_resource(observed.document)
        plan = make_plan(resource, observed.settings)
        _until_tick(observed, resource)  # whether its schedule has ticks at all
        wanted = wanted_run(observed, resource, plan)
    except RefusedBySettings as refused:
        pool = all(fault.path.endswith(".pool") for fault in refused.faults)
        account = invalid(refused.faults, Reason.INVALID_SPEC if pool else Reason.CONNECTION_DENIED)
    except InvalidResource as error:
        account = invalid(error.faults)
    except NeverDue as error:
        account = invalid([Fault("spec.schedule", str(error))])
    else:
        if isinstance(wanted, Wanted) and not resource.spec.suspend:
            return wanted
        if resource.spec.suspend:
            settled = isinstance(wanted, Wanted) and wanted.before is not None and wanted.before.settled
            account = unchanged(observed.status) if settled else suspended()
        else:
            assert isinstance(wanted, tuple)
            account = _waiting(observed, plan, wanted)
    return _decision(observed, account)


def asks_for(observed: Observed, wanted: Wanted) -> tuple[bool, bool]:
    """Whether the run's record and result are worth looking up, and whether its pins are."""
    if wanted.settled:
        return False, False
    at_work = wanted.workflow is not None and not wanted.workflow.ended
    told = observed.status.workflow == wanted.run.name and len(observed.status.pins) > len(wanted.run.known_pins.pins)
    some_done = wanted.workflow is not None and not progress(wanted.workflow).tasks.startswith("0/")
    return not at_work, at_work and some_done and not told


def decide(observed: Observed, wanted: Wanted, found: Found) -> Decision:
    """What is to be done about a wanted run, by what the object store holds of it."""
    if wanted.settled:
        decision = _decision(observed, unchanged(observed.status), keep=wanted.run.name)
    elif found.record:
        decision = _decision(observed, _finished(observed, wanted, found.record, found.result), keep=wanted.run.name)
    elif wanted.workflow is None:
        decision = _start(observed, wanted)
    elif wanted.workflow.ended:
        decision = _decision(observed, _failed(observed, wanted, wanted.workflow), keep=wanted.run.name)
    else:
        account = _at_work(observed, wanted, wanted.workflow, found.pins)
        decision = _decision(observed, account, keep=wanted.run.name)
    return replace(decision, again=_until_tick(observed, wanted.resource))


def without_store(observed: Observed, wanted: Wanted, why: str) -> Decision:
    """What is to be done while the object store does not say how a wanted run stands: wait, and say so."""
    account = building(f"waiting for the object store: {why}", ready=_ready(observed, wanted))
    return replace(_decision(observed, account, keep=wanted.run.name), again=STORE_RETRY)


def _decision(observed: Observed, account: Account, *, keep: str | None = None) -> Decision:
    """Stop every run but one, say so, and tell of what is new."""
    stop = tuple(one.name for one in observed.workflows if not (one.ended or one.stopped or one.name == keep))
    new = event(observed.status, account)
    return Decision(account, stop, (new,) if new else ())


def _start(observed: Observed, wanted: Wanted) -> Decision:
    try:
        rendered = render(wanted.plan, wanted.run, observed.settings)
    except InvalidResource as error:
        return _decision(observed, invalid(error.faults))
    workflow = marked(
        rendered.workflow,
        spec_digest=wanted.plan.spec_digest,
        cause=str(wanted.cause),
        pins=_dataset_digests(wanted),
        steps={step.name: step.tasks for step in rendered.steps},
    )
    planned = f"generation {observed.generation}: {len(wanted.plan.tasks)} tasks, at most {rendered.pods} pods"
    account = building(
        "waiting for Argo Workflows to start the first pod",
        ready=_ready(observed, wanted),
        **_told(wanted, None),
        pins=told_pins(wanted.run.known_pins, list(wanted.run.known_pins.pins)),
    )
    decision = _decision(observed, account, keep=wanted.run.name)
    events = (Event("Planned", planned),)
    return replace(decision, events=events, create=Rendered(rendered.config_map, workflow, rendered.steps))


def _dataset_digests(wanted: Wanted) -> dict[str, Sha256]:
    return {name: pin.dataset.digest for name, pin in wanted.run.known_pins.pins.items() if pin.dataset}


def _told(wanted: Wanted, workflow: Workflow | None) -> dict[str, Any]:
    """Fields of status about a run, however it goes."""
    done = progress(workflow) if workflow and workflow.steps else none_done(wanted.plan)
    return {"workflow": wanted.run.name, "cause": str(wanted.cause), "progress": done}


def _finished(observed: Observed, wanted: Wanted, record: RunRecord, result: Result | None) -> Account:
    told = _told(wanted, wanted.workflow)
    told["progress"] = all_done(told["progress"])
    told["pins"] = told_pins(record.pins, list(wanted.run.known_pins.pins))
    store = observed.settings.object_store
    assert store is not None  # the operator does not start without
    return finished(record, result, store, observed.owner.namespace, observed.now, told)


def _failed(observed: Observed, wanted: Wanted, workflow: Workflow) -> Account:
    told = _told(wanted, workflow) | {"pins": _pins(observed, wanted, None)}
    if workflow.phase == "Succeeded":
        message = f"the Workflow succeeded, but runs/{workflow.name}.json is not in the object store"
        return failed(Reason.STAGE_FAILED, message, **told)
    return failed(*broken(workflow), **told)


def _at_work(observed: Observed, wanted: Wanted, workflow: Workflow, pins: Pins | None) -> Account:
    told = _told(wanted, workflow) | {"pins": _pins(observed, wanted, pins)}
    ready = _ready(observed, wanted)
    stuck = unschedulable(workflow)
    if stuck:
        message = _no_node(observed, wanted.plan, *stuck)
        ready = ready if ready.status is TRUE else Says(FALSE, Reason.UNSCHEDULABLE, message)
        return building(message, ready=ready, reason=Reason.UNSCHEDULABLE, **told)
    return building(account_of_work(workflow, observed.now), ready=ready, **told)


def _pins(observed: Observed, wanted: Wanted, found: Pins | None) -> tuple[Pin, ...]:
    """What status shall show: what was found, what it shows of this run already, or what the run started with."""
    known = wanted.run.known_pins
    if found is None and observed.status.workflow == wanted.run.name and observed.status.pins:
        return observed.status.pins
    return told_pins(found or known, list(known.pins))


def _no_node(observed: Observed, plan: Plan, step: Step, said: str) -> str:
    """What a pool's nodes would have to be like, and what the scheduler says about those there are."""
    placement = plan.placements.get(step.tasks[0]) if step.tasks else None
    pool = observed.settings.pool(placement.pool) if placement and placement.pool else None
    if pool is None:
        return f"{step.name}: no node takes its pod: {said}"
    wants = [f"the label {name}={value}" for name, value in pool.node_selector.items()]
    if pool.accelerator and step.name == "accelerate":
        wants.append(f"a free {pool.accelerator.resource_name}")
    return f"{step.name}: no node takes its pod; pool {pool.name} wants {' and '.join(wants) or 'any node'}: {said}"


def _waiting(observed: Observed, plan: Plan, builds: tuple[str, ...]) -> Account:
    said = [
        f"DatasetBuild {name} has published nothing yet"
        if name in observed.datasets
        else f"there is no DatasetBuild {name} in this namespace"
        for name in builds
    ]
    message = f"waiting: {'; '.join(said)}"
    ready = Says(FALSE, Reason.WAITING_FOR_DATASET, message)
    return building(message, ready=ready, reason=Reason.WAITING_FOR_DATASET, progress=none_done(plan))


def _ready(observed: Observed, wanted: Wanted) -> Says:
    """What `Ready` says while a run is at work: a result of the same spec stays what it was."""
    earlier = condition(observed.status, ConditionType.READY)
    before = wanted.before
    same_spec = before is not None and observed.status.workflow == before.name
    if before and same_spec and wanted.cause.datasets != before.cause.datasets:
        message = "its datasets changed, and it is trained again; what was published stays until then"
        return Says(FALSE, Reason.DATASET_CHANGED, message)
    if earlier and same_spec and _outlasts(earlier.status, earlier.reason):
        return Says(earlier.status, earlier.reason, earlier.message)
    stays = "; what was published before stays until then" if observed.status.current else ""
    return Says(FALSE, Reason.BUILDING, f"generation {observed.generation} is being built{stays}")


def _outlasts(status: ConditionStatus, reason: Reason) -> bool:
    return status is ConditionStatus.TRUE or reason is Reason.DATASET_CHANGED


def _until_tick(observed: Observed, resource: Resource) -> timedelta | None:
    schedule = resource.spec.schedule if isinstance(resource, DatasetBuild) else None
    return next_tick(schedule, observed.now) - observed.now if schedule else None
