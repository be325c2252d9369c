"""What status says: conditions with their reasons and messages, and what becomes of the rest of status with them.

Everything here is a pure function. What is so, `reconcile` decides; that it is written only where it differs, `cluster`
sees to.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import ValidationError

from repoloom_api.resources import KINDS, Fault
from repoloom_api.v1alpha1.conditions import (
    MESSAGE_CHARACTERS,
    Condition,
    ConditionStatus,
    ConditionType,
    DatasetBuildStatus,
    FineTuneStatus,
    Reason,
)

Status = DatasetBuildStatus | FineTuneStatus

CANDIDATE_KEPT = timedelta(days=14)
"""How long `repoloom gc` leaves a refused adapter alone."""

TRUE, FALSE, UNKNOWN = ConditionStatus.TRUE, ConditionStatus.FALSE, ConditionStatus.UNKNOWN


@dataclass(frozen=True)
class Says:
    """What one condition says."""

    status: ConditionStatus
    reason: Reason
    message: str


@dataclass(frozen=True)
class Account:
    """What status says after one look. A condition that is None is left out."""

    ready: Says
    succeeded: Says
    reconciling: Says | None = None
    stalled: Says | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    """Fields of status that change; the others stay as they were."""
    warning: bool = False
    """Whether the event that tells of it is a warning."""

    def says(self) -> Iterable[tuple[ConditionType, Says]]:
        """The conditions that exist."""
        every = (
            (ConditionType.READY, self.ready),
            (ConditionType.SUCCEEDED, self.succeeded),
            (ConditionType.RECONCILING, self.reconciling),
            (ConditionType.STALLED, self.stalled),
        )
        return ((type_, says) for type_, says in every if says)


def read_status(document: Mapping[str, Any]) -> Status:
    """Status of a resource; empty where there is none, or where somebody else wrote what it cannot be."""
    model: Any = KINDS[document["kind"]].status_model
    try:
        status: Status = model.model_validate_json(json.dumps(document.get("status") or {}))
    except ValidationError:
        status = model()
    return status


def condition(status: Status, type_: ConditionType) -> Condition | None:
    """A condition of status, if it exists."""
    return next((one for one in status.conditions if one.type is type_), None)


def ended(status: Status) -> datetime | None:
    """When the newest run ended; None while it works."""
    succeeded = condition(status, ConditionType.SUCCEEDED)
    over = succeeded and succeeded.status is not ConditionStatus.UNKNOWN
    return succeeded.last_transition_time if succeeded and over else None


def same(before: Status, after: Status) -> bool:
    """Whether nothing is to be written. The API server may keep conditions in another order."""
    return _sorted(before) == _sorted(after)


def same_but_messages(before: Status, after: Status) -> bool:
    """Whether no more than the words about it differ."""
    return _sorted(before, words=False) == _sorted(after, words=False)


def _sorted(status: Status, *, words: bool = True) -> Status:
    said = status.conditions if words else [one.model_copy(update={"message": ""}) for one in status.conditions]
    return status.model_copy(update={"conditions": tuple(sorted(said, key=lambda one: one.type))})


def written(before: Status, account: Account, generation: int, now: datetime) -> Status:
    """Status as it shall be. A condition keeps its transition time while its status stays."""
    now = now.astimezone(UTC).replace(microsecond=0)
    changes = {
        "conditions": tuple(_condition(before, type_, says, generation, now) for type_, says in account.says()),
        "observed_generation": generation,
        **account.fields,
    }
    return before.model_copy(update=changes)


def _condition(before: Status, type_: ConditionType, says: Says, generation: int, now: datetime) -> Condition:
    earlier = condition(before, type_)
    return Condition(
        type=type_,
        status=says.status,
        reason=says.reason,
        message=cut(says.message),
        last_transition_time=earlier.last_transition_time if earlier and earlier.status is says.status else now,
        observed_generation=generation,
    )


def cut(message: str, characters: int = MESSAGE_CHARACTERS) -> str:
    """A message that the API server takes."""
    return message if len(message) <= characters else f"{message[: characters - 1]}…"


# What there is to say.


def invalid(faults: Iterable[Fault], reason: Reason = Reason.INVALID_SPEC) -> Account:
    """The spec cannot be run; nothing goes on until it, or the settings, change."""
    says = Says(FALSE, reason, "\n".join(map(str, faults)))
    return _stuck(says, progress=None)


def failed(reason: Reason, message: str, **fields: Any) -> Account:
    """The newest run failed, and is not tried again by itself."""
    return _stuck(Says(FALSE, reason, message), **fields)


def _stuck(says: Says, **fields: Any) -> Account:
    return Account(says, says, stalled=replace(says, status=TRUE), fields=fields, warning=True)


def published(what: str, **fields: Any) -> Account:
    """The newest run published its result."""
    says = Says(TRUE, Reason.PUBLISHED, what)
    return Account(says, says, fields=fields)


def building(message: str, *, ready: Says, reason: Reason = Reason.BUILDING, **fields: Any) -> Account:
    """A run is at work, or waits for what will come by itself."""
    return Account(
        ready=ready,
        succeeded=Says(UNKNOWN, reason, message),
        reconciling=Says(TRUE, reason, message),
        fields=fields,
        warning=reason is Reason.UNSCHEDULABLE,
    )


def suspended() -> Account:
    """Nothing goes on because the spec says so."""
    message = "spec.suspend is true: no run is started, and one that was under way is stopped"
    return Account(
        ready=Says(FALSE, Reason.SUSPENDED, message), succeeded=Says(UNKNOWN, Reason.SUSPENDED, message), fields={}
    )


def unchanged(before: Status) -> Account:
    """What was said holds on."""
    said = {one.type: Says(one.status, one.reason, one.message) for one in before.conditions}
    return Account(
        ready=said[ConditionType.READY],
        succeeded=said[ConditionType.SUCCEEDED],
        reconciling=said.get(ConditionType.RECONCILING),
        stalled=said.get(ConditionType.STALLED),
    )


@dataclass(frozen=True)
class Event:
    """What `kubectl describe` shows below a resource."""

    reason: str
    note: str
    warning: bool = False


def event(before: Status, account: Account) -> Event | None:
    """The event that tells of a change: one for each end of a run, and for what keeps one from going on."""
    says = account.stalled or account.reconciling or account.ready
    if says.reason in {Reason.BUILDING, Reason.SUSPENDED}:
        return None
    earlier = {(one.type, one.reason, one.status) for one in before.conditions}
    new = any((type_, one.reason, one.status) not in earlier for type_, one in account.says())
    another_run = account.fields.get("workflow", before.workflow) != before.workflow
    return Event(says.reason.value, says.message, account.warning) if new or another_run else None
