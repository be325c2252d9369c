"""How a run ended, in status: from its record, its result and its Workflow's last words."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from repoloom_api import runs
from repoloom_api.artifacts import candidate_prefix, published_prefix
from repoloom_api.runs import Result, RunRecord
from repoloom_api.settings import ObjectStore
from repoloom_api.v1alpha1.conditions import (
    SHORT_DIGEST_CHARACTERS,
    Candidate,
    Outcome,
    Pin,
    Progress,
    PublishedAdapter,
    PublishedDataset,
    Reason,
    SuiteResult,
    Verdict,
)
from repoloom_operator.status import CANDIDATE_KEPT, Account, failed, published

MEASURE = "bits per byte"


def finished(
    record: RunRecord, result: Result | None, store: ObjectStore, namespace: str, now: datetime, told: Mapping[str, Any]
) -> Account:
    """What a run came to that is recorded as finished. `told` are fields of status that are so in any case."""
    if result is None:
        message = f"{result_folder(record)} is gone from the object store, although the run {record.run} left it there"
        return failed(Reason.STAGE_FAILED, message, **told)
    uri = object_uri(store, namespace, result_folder(record))
    if record.kind == "DatasetBuild":
        return _dataset(record, result, uri, told)
    return _adapter(record, result, uri, now, told)


def _dataset(record: RunRecord, result: Result, uri: str, fields: Mapping[str, Any]) -> Account:
    current = PublishedDataset(
        digest=record.result,
        short_digest=record.result[:SHORT_DIGEST_CHARACTERS],
        samples=int(result.facts.get("samples", 0)),
        tokens=int(result.facts.get("tokens", 0)),
        uri=uri,
    )
    what = f"{current.samples} samples, {current.tokens} tokens, digest {current.short_digest}"
    return published(what, **fields, current=current)


def _adapter(record: RunRecord, result: Result, uri: str, now: datetime, fields: Mapping[str, Any]) -> Account:
    found = runs.Verdict.model_validate(result.facts["verdict"], by_alias=True)
    verdict = Verdict(
        outcome=Outcome(found.outcome.value),
        gain_percent=round(found.gain_percent, 1),
        suites=tuple(_suite(one) for one in found.suites),
    )
    if not record.published:
        candidate = Candidate(digest=record.result, kept_until=now + CANDIDATE_KEPT, report=f"{uri}report.html")
        return failed(Reason.VERDICT_REFUSED, _refusal(found), **fields, verdict=verdict, candidate=candidate)
    current = PublishedAdapter(digest=record.result, short_digest=record.result[:SHORT_DIGEST_CHARACTERS], uri=uri)
    what = f"gain {found.gain_percent:.1f} %, digest {current.short_digest}"
    return published(what, **fields, verdict=verdict, current=current, candidate=None)


def _suite(suite: runs.SuiteVerdict) -> SuiteResult:
    return SuiteResult(
        name=suite.name,
        base=f"{suite.base:.3f} {MEASURE}",
        adapter=f"{suite.adapter:.3f} {MEASURE}",
        interval=_interval(suite),
        required=suite.required[:256],
        passed=suite.passed,
    )


def _interval(suite: runs.SuiteVerdict) -> str:
    return " to ".join(f"{bound:.1f}" for bound in suite.interval)


def _refusal(verdict: runs.Verdict) -> str:
    said = (
        f"{one.name}: gain {one.gain_percent:.1f} % ({_interval(one)}), required: {one.required}"
        for one in verdict.suites
        if not one.passed
    )
    return f"{'; '.join(said)}. The adapter is kept, not published. See its report, then change the spec"


def told_pins(pins: runs.Pins, first: list[str]) -> tuple[Pin, ...]:
    """Pins as status shows them: by the bare name of what the user wrote, the given ones first."""
    order = [name for name in first if name in pins.pins] + [name for name in pins.pins if name not in first]
    return tuple(Pin(name=name.rpartition("/")[2], revision=_revision(pins.pins[name])) for name in order)


def _revision(pin: runs.Pin) -> str:
    if pin.git:
        return pin.git.head
    if pin.hugging_face:
        return pin.hugging_face.revision
    if pin.tiny:
        return pin.tiny.sha256
    assert pin.dataset is not None  # exactly one is set
    return pin.dataset.digest


def all_done(progress: Progress) -> Progress:
    """Progress of a run that left nothing to do."""
    total = progress.tasks.partition("/")[2]
    return Progress(tasks=f"{total}/{total}")


def result_folder(record: RunRecord) -> str:
    """Where the result of a run lies, below its namespace's place in the store."""
    kept = published_prefix(record.kind, record.name) if record.published else candidate_prefix(record.name)
    return f"{kept}{record.result}/"


def object_key(store: ObjectStore, namespace: str, name: str) -> str:
    """An object's key in the bucket."""
    return "/".join(part for part in (store.prefix.strip("/"), namespace, name) if part)


def object_uri(store: ObjectStore, namespace: str, name: str) -> str:
    """Where something lies, for people."""
    return f"s3://{store.bucket}/{object_key(store, namespace, name)}"
