"""One task: look it up, fetch what it reads, run its stage, publish what came out, report.

This is the only place that does so. The local runner and Argo order tasks, expand fan-outs and retry; they never know
what a key is.
"""

import importlib
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from repoloom_api.artifacts import (
    COUNTS_FILE,
    Counts,
    FileEntry,
    canonical_json,
    pins_name,
    run_name,
    sha256_of,
)
from repoloom_api.catalogue import CATALOGUE, PublishParams, parse_params
from repoloom_api.runs import Pin, Pins, Result, RunRecord, TaskRecord
from repoloom_api.tasks import Placement, Task
from repoloom_stages.errors import DatasetChanged, TryAgain
from repoloom_stages.runtime.artifact_store import Damaged
from repoloom_stages.runtime.code_digest import code_digest, module_name
from repoloom_stages.runtime.connections import Connections
from repoloom_stages.runtime.kept import MemoPacks, StoredCheckpoints
from repoloom_stages.runtime.lookup import Found, Lookup, Missing, Unknown, View, Views, unit_name
from repoloom_stages.runtime.publication import Publication, latest_result
from repoloom_stages.runtime.stage import Inputs, Outputs

DIGEST_ONLY = frozenset({"parts"})
"""Roles whose files a stage names but does not read."""


@dataclass(frozen=True)
class Report:
    """What became of a task."""

    digest: str
    """Digest of its artifact; of the pins, for `resolve`; for `publish`, which makes none, the key."""
    cached: bool
    counts: Counts = field(default_factory=Counts)
    memos_reused: int = 0
    memos_computed: int = 0


@dataclass(frozen=True)
class Given:
    """What a process is started with, besides the plan and the store."""

    checkouts: Mapping[str, Path] = field(default_factory=dict)
    """Clones at hand, by pin."""
    secrets: Path | None = None
    """Credentials, as `<connection>/<KEY>`; None where they are in the environment."""
    known_pins: Mapping[str, Pin] = field(default_factory=dict)
    """What was pinned before the run started."""


def execute(
    lookup: Lookup,
    task_name: str,
    shard: str | None = None,
    given: Given | None = None,
    tell: Callable[[int, int], None] | None = None,
) -> Report:
    """Do one task of a plan, or one shard of it, unless it is done; `tell` hears how far it is. Raises StageError as
    its stage does, and TryAgain if what it reads is not there (any more).
    """
    task = lookup.plan.task(task_name)
    given = given or Given()
    pins = lookup.pins()
    if task.stage == "resolve" and pins is not None:
        _check_known(pins, given.known_pins)
        return Report(_pins_digest(pins), cached=True)
    found = lookup.find(task, shard)
    if isinstance(found, Found):
        return Report(found.manifest.digest, cached=True, counts=found.manifest.counts)
    if isinstance(found, Unknown):
        raise TryAgain(f"{task_name}: what it reads is not in the store yet")
    with tempfile.TemporaryDirectory(prefix="repoloom-") as scratch:
        try:
            return _run(lookup, task, shard, found, given, Outputs(Path(scratch) / "outputs", tell=tell))
        except Damaged as damage:
            _discard_what_holds(lookup, damage.entries)
            raise


def _check_known(pins: Pins, known: Mapping[str, Pin]) -> None:
    """Raise DatasetChanged unless the run's pins are those that it is to have."""
    for name, pin in known.items():
        if name in pins.pins and pins.pins[name] != pin:
            raise DatasetChanged(f"{name} is not what this run pinned when it started: start a new run")


def _run(lookup: Lookup, task: Task, shard: str | None, missing: Missing, given: Given, outputs: Outputs) -> Report:
    """Fetch what the task reads, run its stage, publish what came out."""
    inputs = _fetch(lookup, task, missing, outputs.folder.with_name("inputs"), given)
    outputs.folder.mkdir()
    if task.stage == "publish":
        outputs.publication = _publication(lookup, task, missing.views)
    memos = _memo_packs(lookup, task, shard) if CATALOGUE[task.stage].memo else None
    if memos:
        outputs.memo = memos.load()
    outputs.checkpoints = StoredCheckpoints(lookup.artifacts, missing.key)
    stage = importlib.import_module(f"repoloom_stages.{module_name(task.stage)}")
    stage.run(parse_params(task.stage, task.params), inputs, outputs)
    if memos:
        memos.save(outputs.memo)
    return _publish(lookup, task, missing, outputs)


def _memo_packs(lookup: Lookup, task: Task, shard: str | None) -> MemoPacks:
    """What is known of a shard, told from other repositories' shards by the pins of the task that lists it."""
    pins, lister = lookup.pins(), lookup.plan.task(task.fan_out or task.name)
    assert pins is not None  # what the task reads is there
    repositories = [git.url for one in lister.inputs if one.pin and (git := pins.pins[one.pin].git)]
    return MemoPacks(lookup.artifacts, task.stage, sha256_of("\n".join(repositories).encode()), shard)


def _fetch(lookup: Lookup, task: Task, missing: Missing, folder: Path, given: Given) -> Inputs:
    folders: dict[str, tuple[Path, ...]] = {}
    damaged: list[FileEntry] = []
    for role, views in missing.views.items():
        folders[role] = tuple(folder / role / f"{number:05d}" for number in range(len(views)))
        for target, view in zip(folders[role], views, strict=True):
            damaged += _fetch_view(lookup, view, target, wanted=role not in DIGEST_ONLY)
    if damaged:
        raise Damaged(damaged)
    pins = {one.pin for one in task.inputs if one.pin}
    reaches = lookup.plan.placements.get(task.name, Placement()).reaches

    def latest_dataset(name: str) -> str | None:
        result = latest_result(lookup.artifacts, "DatasetBuild", name)
        return result.digest if result else None

    return Inputs(
        folders=folders,
        digests={role: tuple(view.digest for view in views) for role, views in missing.views.items()},
        checkouts={pin: path for pin, path in given.checkouts.items() if task.stage == "resolve" or pin in pins},
        latest_dataset=latest_dataset,
        known_pins=given.known_pins if task.stage == "resolve" else {},
        connections=Connections(reaches, given.secrets),
    )


def _fetch_view(lookup: Lookup, view: View, target: Path, *, wanted: bool) -> list[FileEntry]:
    """Put a view's files into a folder; returns those that are damaged."""
    target.mkdir(parents=True)
    for path, data in view.inline.items():
        (target / path).write_bytes(data)
    try:
        lookup.artifacts.fetch(view.files if wanted else (), target)
    except Damaged as damage:
        return list(damage.entries)
    return []


def _discard_what_holds(lookup: Lookup, damaged: frozenset[FileEntry]) -> None:
    """Forget the artifacts of this plan that hold damaged files, so that their tasks run again.

    The same content may be in several, under other paths: it is the content that is damaged.
    """
    hashes = {entry.sha256 for entry in damaged}
    for _, _, manifest in lookup.every_found():
        if any(entry.sha256 in hashes for entry in manifest.files):
            lookup.artifacts.discard(manifest)


def _publish(lookup: Lookup, task: Task, missing: Missing, outputs: Outputs) -> Report:
    if task.stage == "resolve":
        return _publish_pins(lookup, outputs)
    if task.stage == "publish":
        return Report(digest=missing.key, cached=False)
    counts = Counts(records_in=outputs.records_in, kept=outputs.kept, dropped=dict(sorted(outputs.dropped.items())))
    outputs.file(COUNTS_FILE).write_bytes(canonical_json(counts.document()))
    manifest = lookup.artifacts.publish(
        task.stage,
        missing.key,
        code_digest(task.stage),
        {role: [view.digest for view in views] for role, views in missing.views.items()},
        outputs.folder,
        counts,
    )
    outputs.checkpoints.clear()
    return Report(
        manifest.digest,
        cached=False,
        counts=manifest.counts,
        memos_reused=outputs.memo.reused,
        memos_computed=outputs.memo.computed,
    )


def _publish_pins(lookup: Lookup, outputs: Outputs) -> Report:
    """Pins are of the run: the first to write them is right, and a retry reads what the first wrote."""
    pins = Pins.model_validate_json((outputs.folder / "pins.json").read_bytes())
    lookup.artifacts.put_if_absent(pins_name(lookup.run), pins)
    return Report(_pins_digest(lookup.pins() or pins), cached=False)


def _pins_digest(pins: Pins) -> str:
    return sha256_of(canonical_json(pins.document()))


def _publication(lookup: Lookup, task: Task, views: Views) -> Publication:
    params = parse_params(task.stage, task.params)
    assert isinstance(params, PublishParams)

    def finish(result: Result, published: bool) -> None:
        record = _record(lookup, result, published)
        lookup.artifacts.put(run_name(lookup.run), record)

    files = tuple(entry for view in views["parts"] for entry in view.files)
    return Publication(lookup.artifacts, params.kind, params.name, files, finish)


def _record(lookup: Lookup, result: Result, published: bool) -> RunRecord:
    plan, pins = lookup.plan, lookup.pins()
    assert pins is not None
    return RunRecord(
        run=lookup.run,
        kind=plan.kind,
        name=plan.name,
        spec_digest=plan.spec_digest,
        pins=pins,
        tasks=_task_records(lookup),
        result=result.digest,
        published=published,
    )


def _task_records(lookup: Lookup) -> dict[str, TaskRecord]:
    return {
        unit_name(task, shard): TaskRecord(
            stage=manifest.stage,
            key=manifest.key,
            digest=manifest.digest,
            counts=manifest.counts,
            reads=lookup.reads(task, shard),
        )
        for task, shard, manifest in lookup.every_found()
    }
