"""Status: what the operator says about a resource, in conditions, and what a run came to.

The types bound what may be written; who decides a condition and words its message is the operator.
"""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import AwareDatetime, Field, StringConstraints

from repoloom_api.artifacts import Sha256
from repoloom_api.base import Items, Lax, Model
from repoloom_api.v1alpha1.common import Name

MESSAGE_CHARACTERS = 4096
"""Longer messages are refused by the CRD; who writes one cuts it."""

SHORT_DIGEST_CHARACTERS = 12

ShortDigest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{12}$", min_length=12, max_length=12)]
Uri = Annotated[str, StringConstraints(min_length=1, max_length=2048)]
Text = Annotated[str, StringConstraints(max_length=256)]
Count = Annotated[int, Field(ge=0, le=2**53 - 1)]
"""As far as every JSON reader counts exactly."""


class ConditionType(StrEnum):
    """What a condition is about."""

    READY = "Ready"
    """The result of the newest spec is published."""
    SUCCEEDED = "Succeeded"
    """How the newest run ended; `Unknown` while it works."""
    RECONCILING = "Reconciling"
    """Exists only while a run works towards the newest spec."""
    STALLED = "Stalled"
    """Exists only while nothing goes on without a change from outside."""


class ConditionStatus(StrEnum):
    """Whether the condition holds."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Reason(StrEnum):
    """Why the condition is as it is; the message says it in full."""

    PUBLISHED = "Published"
    BUILDING = "Building"
    SUSPENDED = "Suspended"
    INVALID_SPEC = "InvalidSpec"
    STAGE_FAILED = "StageFailed"
    SOURCE_UNAVAILABLE = "SourceUnavailable"
    CONNECTION_DENIED = "ConnectionDenied"
    CREDENTIAL_MISSING = "CredentialMissing"
    BUDGET_REACHED = "BudgetReached"
    LEAK_FOUND = "LeakFound"
    STAGE_OOM_KILLED = "StageOOMKilled"
    STAGE_DISK_FULL = "StageDiskFull"
    UNSCHEDULABLE = "Unschedulable"
    # A FineTune's only:
    WAITING_FOR_DATASET = "WaitingForDataset"
    DATASET_CHANGED = "DatasetChanged"
    TRAINING_OOM = "TrainingOOM"
    TRAINING_DIVERGED = "TrainingDiverged"
    NO_PROGRESS = "NoProgress"
    VERDICT_REFUSED = "VerdictRefused"


class Condition(Model):
    """One thing that is so, is not so, or is not known."""

    type: Lax[ConditionType]
    """What the condition is about."""

    status: Lax[ConditionStatus]
    """Whether it holds."""

    reason: Lax[Reason]
    """Why, in one word."""

    message: Annotated[str, StringConstraints(max_length=MESSAGE_CHARACTERS)]
    """Why, in a sentence, and what to do."""

    last_transition_time: Lax[AwareDatetime]
    """When `status` last changed."""

    observed_generation: Count
    """The generation of the spec this was said about."""


class Progress(Model):
    """How far the newest run is; written when a task starts or ends, at most twice a minute between."""

    tasks: Annotated[str, StringConstraints(pattern=r"^[0-9]+/[0-9]+$", max_length=16)]
    """Tasks done, of all tasks."""

    running: Annotated[str, StringConstraints(max_length=1024)] = ""
    """Stages at work, separated by commas."""


class Pin(Model):
    """What a name in the spec meant when the newest run started."""

    name: Name
    """Name of the source, of the data, or `model` or `tokenizer`."""

    revision: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    """A commit, or a dataset's digest."""


class PublishedDataset(Model):
    """The newest published dataset; it stays while the next is built."""

    digest: Sha256
    """What came out, as one hash."""

    short_digest: ShortDigest
    """Its first twelve characters, for kubectl's column."""

    samples: Count
    """Samples in all outputs."""

    tokens: Count
    """Their tokens, by the build's tokenizer."""

    uri: Uri
    """Where it lies."""


class PublishedAdapter(Model):
    """The newest published adapter; it stays while the next is trained."""

    digest: Sha256
    """What came out, as one hash."""

    short_digest: ShortDigest
    """Its first twelve characters, for kubectl's column."""

    uri: Uri
    """Where it lies."""


class Outcome(StrEnum):
    """Whether the gate let the adapter through."""

    ACCEPTED = "Accepted"
    REFUSED = "Refused"


class SuiteResult(Model):
    """What one suite measured, in words; the report has the numbers."""

    name: Name
    """Name of the suite."""

    base: Text
    """The base model's measure."""

    adapter: Text
    """The adapter's measure."""

    interval: Text
    """The gain's 95 % interval, in percent."""

    required: Text = ""
    """What was required; empty if nothing was."""

    passed: bool
    """Whether that held."""


class Verdict(Model):
    """The newest adapter against its base."""

    outcome: Lax[Outcome]
    """Whether the gate let it through."""

    gain_percent: float = Field(ge=-1_000_000, le=100)
    """The first suite's gain over the base; below zero it is a loss."""

    suites: Items[SuiteResult] = Field(default=(), max_length=16)
    """What each suite measured."""


class Candidate(Model):
    """An adapter that was refused, kept for a while so that it can be looked at."""

    digest: Sha256
    """What came out, as one hash."""

    kept_until: Lax[AwareDatetime]
    """When it may be removed."""

    report: Uri
    """Where its report lies."""


class Status(Model):
    """What both kinds report."""

    keyed_by_type: ClassVar = ("conditions",)

    conditions: Items[Condition] = Field(default=(), max_length=len(ConditionType))
    """`Ready` and `Succeeded` always; `Reconciling` and `Stalled` while true."""

    observed_generation: Count | None = None
    """The generation of the spec that all of this is about."""

    workflow: Annotated[str, StringConstraints(max_length=253)] | None = None
    """Name of the newest run's Workflow."""

    cause: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = None
    """Why the newest run started: `spec`, or the re-run, the schedule's tick or the newer datasets that led to it."""

    progress: Progress | None = None
    """How far the newest run is."""

    pins: Items[Pin] = Field(default=(), max_length=128)
    """What names in the spec meant when the newest run started."""


class DatasetBuildStatus(Status):
    """What became of the build."""

    current: PublishedDataset | None = None
    """The newest published dataset."""


class FineTuneStatus(Status):
    """What became of the tuning."""

    current: PublishedAdapter | None = None
    """The newest published adapter."""

    verdict: Verdict | None = None
    """How the newest adapter was judged."""

    candidate: Candidate | None = None
    """The newest adapter, if it was refused."""
