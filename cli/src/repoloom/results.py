"""Results out of the store: into `--out`, and back to what they came from."""

import json
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from repoloom_api.artifacts import COMMIT_FILE, RESULT_MANIFEST, Manifest, canonical_json
from repoloom_api.catalogue import CATALOGUE, RecipeParams
from repoloom_api.resources import FOLDERS
from repoloom_api.runs import Result, RunRecord
from repoloom_stages.errors import BadInput
from repoloom_stages.gc import run_record_name
from repoloom_stages.record_files import read_records
from repoloom_stages.records import text_of
from repoloom_stages.runtime.artifact_store import ArtifactStore
from repoloom_stages.runtime.publication import latest_result

RECORD_STAGES = frozenset(name for name, stage in CATALOGUE.items() if issubclass(stage.params, RecipeParams))
"""Stages whose artifacts hold samples as they were made."""


def export(artifacts: ArtifactStore, result: Result, out: Path, *, published: bool) -> Path:
    """Write a result's folder below `out`, whole or not at all; returns it. Nothing is done if it is there already."""
    parent = out / (FOLDERS[result.kind] if published else "candidates")
    target = parent / result.name
    listing = canonical_json(result.document())
    if (target / RESULT_MANIFEST).is_file() and (target / RESULT_MANIFEST).read_bytes() == listing:
        return target
    fresh = parent / f".{result.name}-{uuid.uuid4().hex}"
    try:
        fresh.mkdir(parents=True)
        artifacts.fetch(result.files, fresh)
        (fresh / RESULT_MANIFEST).write_bytes(listing)
        _replace(target, fresh)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return target


def _replace(target: Path, fresh: Path) -> None:
    """Put a folder in another's place. Between the two renames there is none; a folder cannot be swapped portably."""
    old = fresh.with_name(f"{fresh.name}-old")
    if target.exists():
        target.rename(old)
    fresh.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def find_results(artifacts: ArtifactStore, name: str, *kinds: str) -> list[Result]:
    """The newest published results of that name, of these kinds or of any. Raises BadInput if there are none."""
    found = [result for kind in kinds or FOLDERS if (result := latest_result(artifacts, kind, name))]
    if not found:
        known = sorted({"/".join(one.name.split("/")[1:3]) for one in artifacts.list("published/")})
        hint = f"published here: {', '.join(known)}" if known else "nothing is published here yet"
        raise BadInput(f"no published {' or '.join(kinds or FOLDERS)} {name} in {artifacts.store.url}; {hint}")
    return found


def run_records(artifacts: ArtifactStore) -> list[RunRecord]:
    """Finished runs, newest first."""
    objects = [one for one in artifacts.list("runs/") if run_record_name(one.name)]
    ordered = sorted(objects, key=lambda one: (one.modified, one.name), reverse=True)
    return [RunRecord.model_validate_json(data) for one in ordered if (data := artifacts.get(one.name))]


@dataclass(frozen=True)
class Explanation:
    """Where a sample is from, and what made it."""

    record: dict[str, Any]
    run: RunRecord
    lineage: list[str]
    """The task that made it, then what that read, back to the snapshot."""


def explain(artifacts: ArtifactStore, sample: str, scratch: Path) -> Explanation:
    """Find a sample by its id in the records of finished runs. Raises BadInput if no run made it."""
    for run in run_records(artifacts):
        for name, task in run.tasks.items():
            if task.stage not in RECORD_STAGES:
                continue
            manifest = artifacts.manifest(task.stage, task.key)
            record = manifest and _find_record(artifacts, manifest, sample, scratch)
            if record:
                lineage = _lineage(run, name)
                return Explanation(_with_commit(record, artifacts, run, lineage), run, lineage)
    raise BadInput(f"no finished run in {artifacts.store.url} made a sample with the id {sample}")


def _find_record(artifacts: ArtifactStore, manifest: Manifest, sample: str, scratch: Path) -> dict[str, Any] | None:
    entries = [entry for entry in manifest.files if entry.path.startswith("records/")]
    artifacts.fetch(entries, scratch)
    for entry in entries:
        for record in read_records(scratch / entry.path):
            if record["id"] == sample:
                return dict(record)
    return None


def _with_commit(
    record: dict[str, Any], artifacts: ArtifactStore, run: RunRecord, lineage: list[str]
) -> dict[str, Any]:
    """The record, with the commit of the snapshot it was made from unless it has one of its own."""
    if record["commit"]:
        return record
    (snapshot,) = (run.tasks[name] for name in lineage if run.tasks[name].stage == "snapshot")
    manifest = artifacts.manifest(snapshot.stage, snapshot.key)
    data = artifacts.read_path(manifest.files, COMMIT_FILE) if manifest else None
    if data is None:
        raise BadInput(f"the snapshot that the sample {record['id']} was made from is no longer in the store")
    return {**record, **json.loads(data)}


def _lineage(run: RunRecord, name: str) -> list[str]:
    found = [name]
    for each in found:
        found += [one for one in run.tasks[each].reads if one not in found and one in run.tasks]
    return found


def stats_of(artifacts: ArtifactStore, result: Result) -> dict[str, Any]:
    """The statistics of a published dataset."""
    data = artifacts.read_path(result.files, "stats.json")
    return dict(json.loads(data)) if data else {"outputs": {}, "dropped": []}


def sample_texts(artifacts: ArtifactStore, result: Result, number: int) -> Iterator[tuple[str, str, str]]:
    """The first few samples of each output and split, as (output, split, text)."""
    for entry in result.files:
        if not entry.path.endswith(".jsonl"):
            continue
        output, split = entry.path.removesuffix(".jsonl").split("/")
        for line in artifacts.read(entry).split(b"\n")[:number]:
            if line:
                yield output, split, text_of(json.loads(line))
