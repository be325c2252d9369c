"""Sweeps what nothing reaches any more: mark from runs and results, then delete what is unmarked and old enough.

What a run in progress has written is younger than the grace period; the datasets it is pinned to may be older, and are
marked by its pins. So a store is swept by what is in it, without a look at the cluster: its status names nothing else.

`python -m repoloom_stages.gc` is what the chart's CronJob runs, and `repoloom gc` what a person does.
"""

import argparse
import time
from collections import defaultdict
from dataclasses import dataclass, field

from pydantic import ValidationError

from repoloom_api.artifacts import (
    LATEST,
    RESULT_MANIFEST,
    Manifest,
    blob_name,
    candidate_prefix,
    manifest_name,
    memo_prefix,
    pins_name,
    published_prefix,
    run_name,
)
from repoloom_api.runs import Pins, Result, RunRecord
from repoloom_stages.runtime.artifact_store import ArtifactStore
from repoloom_stages.runtime.kept import Saved
from repoloom_stages.runtime.store import StoredObject, open_store

DAY_SECONDS = 86_400.0
CANDIDATE_DAYS = 14.0
"""How long a refused result is kept."""
UNFINISHED_DAYS = 30.0
"""How long a run may take before it counts as given up."""


@dataclass
class Sweep:
    """What a collection deleted, or would have."""

    objects: int = 0
    bytes: int = 0
    by_folder: dict[str, int] = field(default_factory=lambda: defaultdict(int))


def collect(artifacts: ArtifactStore, *, keep_runs: int, grace_days: float, dry_run: bool) -> Sweep:
    """Keep what the newest `keep_runs` runs of each resource made and published, every resource's newest result, and
    whatever is younger than `grace_days` (refused results: 14 days), and what runs of the last 30 days that are not
    finished are pinned to; delete the rest.
    """
    objects = list(artifacts.list(""))
    now = time.time()
    before = now - grace_days * DAY_SECONDS
    marks = _Marks()
    _mark_runs(artifacts, objects, keep_runs, marks)
    _mark_unfinished(artifacts, objects, now - UNFINISHED_DAYS * DAY_SECONDS, marks)
    _mark_young(artifacts, objects, before, now - max(grace_days, CANDIDATE_DAYS) * DAY_SECONDS, marks)
    sweep = Sweep()
    for one in objects:
        if one.modified > before or marks.holds(one.name):
            continue
        sweep.objects += 1
        sweep.bytes += one.bytes
        sweep.by_folder[one.name.split("/")[0]] += 1
        if not dry_run:
            artifacts.delete(one.name)
    return sweep


class _Marks:
    """Names to keep, and folders to keep whole."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.folders: set[str] = set()

    def holds(self, name: str) -> bool:
        parts = name.split("/")
        return name in self.names or any(
            "/".join(parts[:depth]) + "/" in self.folders for depth in range(1, len(parts))
        )

    def result(self, prefix: str, result: Result) -> None:
        self.names |= {blob_name(entry.sha256) for entry in result.files}
        self.folders.add(f"{prefix}{result.digest}/")

    def manifest(self, manifest: Manifest) -> None:
        self.names.add(manifest_name(manifest.stage, manifest.key))
        self.names |= {blob_name(entry.sha256) for entry in manifest.files}
        self.folders.add(memo_prefix(manifest.stage, manifest.code))


def _mark_runs(artifacts: ArtifactStore, objects: list[StoredObject], keep_runs: int, marks: _Marks) -> None:
    """The newest runs of each resource with all they made, and the results that stand."""
    records = [(one, artifacts.get(one.name)) for one in objects if run_record_name(one.name)]
    runs: dict[tuple[str, str], list[RunRecord]] = defaultdict(list)
    for _, data in sorted(records, key=lambda pair: (pair[0].modified, pair[0].name), reverse=True):
        if data:
            record = RunRecord.model_validate_json(data)
            runs[record.kind, record.name].append(record)
    for (kind, name), found in runs.items():
        for record in found[:keep_runs]:
            _mark_run(artifacts, record, marks)
        _mark_latest(artifacts, kind, name, marks)


def run_record_name(name: str) -> bool:
    """Whether an object is a run's record."""
    return name.startswith("runs/") and name.count("/") == 1


def _mark_run(artifacts: ArtifactStore, record: RunRecord, marks: _Marks) -> None:
    marks.names |= {run_name(record.run), pins_name(record.run)}
    for task in record.tasks.values():
        manifest = artifacts.manifest(task.stage, task.key)
        if manifest:
            marks.manifest(manifest)
    # A dataset that a kept run was trained on is part of what explains it.
    _mark_datasets(artifacts, record.pins, marks)
    if record.published:
        _mark_result(artifacts, published_prefix(record.kind, record.name), record.result, marks)


def _mark_unfinished(artifacts: ArtifactStore, objects: list[StoredObject], since: float, marks: _Marks) -> None:
    """Pins without a record beside them: the run is at work, or was given up."""
    finished = {one.name for one in objects if run_record_name(one.name)}
    for one in objects:
        folder, _, run = one.name.removesuffix("/pins.json").rpartition("/")
        if folder != "runs" or one.name != pins_name(run) or one.modified < since or run_name(run) in finished:
            continue
        marks.names.add(one.name)
        _mark_datasets(artifacts, Pins.model_validate_json(artifacts.get(one.name) or b'{"pins":{}}'), marks)


def _mark_datasets(artifacts: ArtifactStore, pins: Pins, marks: _Marks) -> None:
    for pin in pins.pins.values():
        if pin.dataset:
            _mark_result(artifacts, published_prefix("DatasetBuild", pin.dataset.name), pin.dataset.digest, marks)


def _mark_latest(artifacts: ArtifactStore, kind: str, name: str, marks: _Marks) -> None:
    prefix = published_prefix(kind, name)
    data = artifacts.get(prefix + LATEST)
    if data:
        marks.names.add(prefix + LATEST)
        marks.result(prefix, Result.model_validate_json(data))


def _mark_result(artifacts: ArtifactStore, prefix: str, digest: str, marks: _Marks) -> None:
    data = artifacts.get(f"{prefix}{digest}/{RESULT_MANIFEST}")
    if data:
        marks.result(prefix, Result.model_validate_json(data))


def _mark_young(
    artifacts: ArtifactStore, objects: list[StoredObject], before: float, candidates_before: float, marks: _Marks
) -> None:
    """What young manifests, checkpoints and refused results name, however old the blobs are."""
    for one in objects:
        if one.name.startswith("manifests/") and one.modified > before:
            _mark_parsed(artifacts, one.name, marks)
        elif one.name.startswith("checkpoints/") and one.modified > before:
            saved = Saved.model_validate_json(artifacts.get(one.name) or b'{"files":[]}')
            marks.names |= {blob_name(entry.sha256) for entry in saved.files}
        elif one.name.startswith("candidates/") and one.modified > candidates_before:
            _, name, digest, *_ = one.name.split("/")
            _mark_result(artifacts, candidate_prefix(name), digest, marks)


def _mark_parsed(artifacts: ArtifactStore, name: str, marks: _Marks) -> None:
    try:
        marks.manifest(Manifest.model_validate_json(artifacts.get(name) or b""))
    except ValidationError:
        return  # unreadable: of no use to anyone, swept once it is old


def main() -> None:
    """Sweep one namespace of a store and say what went."""
    parser = argparse.ArgumentParser(prog="repoloom_stages.gc", description="Delete what nothing reaches any more.")
    parser.add_argument("--store", required=True, help="folder, or s3://bucket/prefix")
    parser.add_argument("--namespace", required=True, help="namespace in the store")
    parser.add_argument("--keep-runs", type=int, required=True, help="runs of each resource to keep")
    parser.add_argument("--grace-days", type=float, required=True, help="whatever is younger stays")
    options = parser.parse_args()
    artifacts = ArtifactStore(open_store(options.store), options.namespace)
    sweep = collect(artifacts, keep_runs=options.keep_runs, grace_days=options.grace_days, dry_run=False)
    print(f"deleted {sweep.objects} objects, {sweep.bytes} bytes: {dict(sorted(sweep.by_folder.items()))}")


if __name__ == "__main__":
    main()
