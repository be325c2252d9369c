"""Pins, run records, results and verdicts: what is written about a run besides its artifacts."""

from enum import StrEnum
from typing import Any, ClassVar

from pydantic import Field

from repoloom_api.artifacts import Counts, FileEntry, Sha256
from repoloom_api.base import Items, Lax, Model, only_one

PROGRESS_PER_UNIT = 100
"""What a task, or a shard of it, counts for in the progress of a process that does several: of `250/400` two are done,
the third is half done, and one is left. A process of one unit shows its stage's own numbers."""


class SplitMode(StrEnum):
    """How a repository's samples are held out."""

    TIME = "time"
    FILE = "file"


class GitPin(Model):
    """A repository at fixed commits."""

    url: str
    """Where records say it is from."""
    head: str
    """Newest commit (40 hex digits)."""
    train: str
    """Commit whose snapshot is trained on; `head` if files are held out instead."""
    validation: str | None = None
    """First commit of the validation window, on the first-parent line; none if files are held out."""
    test: str | None = None
    """First commit of the test window."""
    commits: int = 0
    """Commits on the first-parent line from `head` back to `train`, both included: how much history to fetch. 0 is
    all of it."""
    mode: Lax[SplitMode]
    """How samples are held out."""
    reason: str
    """Why it is so, in a sentence for the report."""


class HuggingFacePin(Model):
    """A Hub repository at a commit."""

    repository: str
    revision: str
    """Commit (40 hex digits)."""


class TinyPin(Model):
    """The shipped model."""

    sha256: Sha256
    """Digest over its files."""


class DatasetPin(Model):
    """A published dataset."""

    name: str
    """Name of the DatasetBuild."""
    digest: Sha256
    """Digest of the published result."""


class Pin(Model):
    """What a name meant when the run started."""

    rules: ClassVar = (only_one("git", "huggingFace", "tiny", "dataset"),)

    git: GitPin | None = None
    hugging_face: HuggingFacePin | None = None
    tiny: TinyPin | None = None
    dataset: DatasetPin | None = None


class Pins(Model):
    """Everything a run resolved, by the names its plan uses. Written once per run, read by every retry."""

    pins: dict[str, Pin]


class Result(Model):
    """A published (or refused) result: a folder of files under its digest."""

    kind: str
    name: str
    digest: Sha256
    """Tree digest of the files."""
    files: Items[FileEntry]
    facts: dict[str, Any] = Field(default_factory=dict)
    """What status and `inspect` show: samples and tokens of a dataset, the verdict of a model."""


class TaskRecord(Model):
    """What one task of a run came to."""

    stage: str
    key: Sha256
    digest: Sha256
    counts: Counts = Counts()
    reads: Items[str] = ()
    """Names of the tasks whose artifacts went in; of a fan-out, `task/shard`."""


class RunRecord(Model):
    """Maps a run to its digests. Its existence says that the run is finished."""

    run: str
    kind: str
    name: str
    spec_digest: Sha256
    pins: Pins
    tasks: dict[str, TaskRecord]
    """By task name; of a fan-out, `task/shard`."""
    result: Sha256
    """Digest of the result."""
    published: bool
    """Whether it was published; a refused result lies under `candidates/`."""


class Outcome(StrEnum):
    """What a gate said."""

    ACCEPTED = "Accepted"
    REFUSED = "Refused"


class SuiteVerdict(Model):
    """One measurement of base against adapter."""

    name: str
    base: float
    """Bits per byte of the base model."""
    adapter: float
    """Bits per byte with the adapter."""
    gain_percent: float
    """How much fewer bits the adapter needs, in percent of the base's."""
    interval: Items[float]
    """95 % interval of the gain (paired bootstrap over groups): low, high."""
    groups: int
    """Commits (or files, where history is too short) that were resampled."""
    bytes: int
    """Novel bytes that were scored."""
    required: str
    """What the gate asked."""
    passed: bool


class Verdict(Model):
    """What `evaluate` found about one adapter, and no other."""

    adapter: Sha256
    """Digest of the adapter's files."""
    outcome: Lax[Outcome]
    gain_percent: float
    """Gain of the first suite."""
    suites: Items[SuiteVerdict]
