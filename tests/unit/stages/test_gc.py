"""What keeps a result that is not the newest: a run that was pinned to it and is not finished. What keeps memos."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from repoloom_api.artifacts import (
    LATEST,
    RESULT_MANIFEST,
    Counts,
    FileEntry,
    blob_name,
    memo_prefix,
    pins_name,
    published_prefix,
    run_name,
    sha256_of,
)
from repoloom_api.runs import DatasetPin, Pin, Pins, Result, RunRecord, TaskRecord
from repoloom_stages.runtime.artifact_store import ArtifactStore
from repoloom_stages.runtime.store import open_store

DATASET = published_prefix("DatasetBuild", "code")
OLD, NEW = "a" * 64, "b" * 64


@pytest.fixture
def artifacts(tmp_path: Path) -> ArtifactStore:
    """A store with two results of one dataset, of which a run that has not finished is pinned to the older."""
    store = ArtifactStore(open_store(str(tmp_path)), "default")
    for digest in (OLD, NEW):
        content = digest.encode()
        entry = FileEntry(path="data.jsonl", sha256=sha256_of(content), bytes=len(content))
        result = Result(kind="DatasetBuild", name="code", digest=digest, files=(entry,))
        store.store.put(store.name(blob_name(entry.sha256)), content)
        store.put(f"{DATASET}{digest}/{RESULT_MANIFEST}", result)
    store.put(DATASET + LATEST, result)
    store.put(run_name("code-1"), record("code-1", NEW))
    store.put(pins_name("tune-1"), Pins(pins={"data/code": Pin(dataset=DatasetPin(name="code", digest=OLD))}))
    return store


def record(run: str, digest: str, tasks: dict[str, TaskRecord] | None = None) -> RunRecord:
    return RunRecord(
        run=run,
        kind="DatasetBuild",
        name="code",
        spec_digest="c" * 64,
        pins=Pins(pins={}),
        tasks=tasks or {},
        result=digest,
        published=True,
    )


def swept(root: Path, days: float) -> set[str]:
    """What goes when all of the store is this old."""
    then = time.time() - days * 86_400
    before = {path for path in root.rglob("*") if path.is_file()}
    for path in before:
        os.utime(path, (then, then))
    options = ("--namespace=default", "--keep-runs=3", "--grace-days=7")
    command = [sys.executable, "-m", "repoloom_stages.gc", f"--store={root}", *options]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    gone = {path.relative_to(root / "default").as_posix() for path in before if not path.exists()}
    assert said.startswith(f"deleted {len(gone)} objects")
    return gone


def test_a_dataset_stays_while_a_run_that_is_pinned_to_it_is_at_work(artifacts: ArtifactStore, tmp_path: Path) -> None:
    assert swept(tmp_path, days=20) == set()


def test_a_run_that_was_given_up_keeps_nothing(artifacts: ArtifactStore, tmp_path: Path) -> None:
    blob = blob_name(sha256_of(OLD.encode()))
    assert swept(tmp_path, days=31) == {pins_name("tune-1"), f"{DATASET}{OLD}/{RESULT_MANIFEST}", blob}


def test_a_finished_run_keeps_what_its_record_says(artifacts: ArtifactStore, tmp_path: Path) -> None:
    artifacts.put(run_name("tune-1"), record("tune-1", NEW))
    assert swept(tmp_path, days=20) == {f"{DATASET}{OLD}/{RESULT_MANIFEST}", blob_name(sha256_of(OLD.encode()))}


def test_memos_stay_while_a_kept_run_was_made_by_their_code(artifacts: ArtifactStore, tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    manifest = artifacts.publish("index-code", "d" * 64, "e" * 64, {}, tmp_path / "made", Counts())
    task = TaskRecord(stage="index-code", key=manifest.key, digest=manifest.digest)
    artifacts.put(run_name("code-1"), record("code-1", NEW, {"index-code-1": task}))
    kept, old = (f"{memo_prefix('index-code', code * 64)}source/b/{'f' * 64}" for code in "e0")
    for name in (kept, old):
        artifacts.store.put(artifacts.name(name), b"a pack")
    assert swept(tmp_path, days=20) == {old}
