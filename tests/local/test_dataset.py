"""A DatasetBuild end to end on this machine: same bytes whatever happens."""

import json
import random
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from support.builders import dataset_build, recipe
from support.command import command, repoloom, tree_sha256, write_yaml
from support.histories import copy_of, text_at
from support.local_runs import ALL_CACHED, arguments, dataset
from support.repositories import Repository
from support.s3_server import running_s3

pytestmark = pytest.mark.timeout(1200)  # a run starts a dozen processes: on a loaded machine that takes minutes


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    document = dataset_build(
        recipes=[
            recipe("files", chunk={"maxTokens": 256}),
            recipe("items", codeUnits={"granularities": ["function", "struct", "class"], "header": {"none": {}}}),
        ],
        refine={
            "gates": [{"name": "long-enough", "require": {"minCharacters": 40}}],
            "split": {"trainPercent": 75, "validationPercent": 5, "testPercent": 20},  # enough of 60 commits to test by
        },
        outputs=[
            {"name": "tagged", "recipes": ["files", "items"], "format": {"taggedText": {}}},
            {"name": "items", "recipes": ["items"]},
        ],
    )
    return write_yaml(tmp_path_factory.mktemp("build") / "build.yaml", document)


@pytest.fixture(scope="module")
def reference(build: Path, history: Repository, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An uninterrupted run."""
    where = tmp_path_factory.mktemp("reference")
    ended = repoloom(*arguments(build, history, where), "--jobs", "1")
    assert ended.code == 0, ended.said
    return where


def test_a_run_leaves_a_dataset_with_report_card_and_statistics(reference: Path) -> None:
    files = dataset(reference)
    wanted = {"report.html", "README.md", "stats.json", "manifest.json"}
    for output in ("tagged", "items"):
        for split in ("train", "validation", "test"):
            wanted |= {f"{output}/{split}.jsonl", f"{output}/{split}.parquet"}
    assert set(files) == wanted
    stats = json.loads((reference / "out/datasets/example/stats.json").read_text())
    assert stats["samples"] > 100
    assert stats["tokens"] > 1000


def test_every_hash_of_the_manifest_is_its_files(reference: Path) -> None:
    files = dataset(reference)
    manifest = json.loads((reference / "out/datasets/example/manifest.json").read_text())
    assert {entry["path"]: entry["sha256"] for entry in manifest["files"]} == {
        path: digest for path, digest in files.items() if path != "manifest.json"
    }


def test_held_out_by_time_nothing_of_the_future_is_in_training(reference: Path, history: Repository) -> None:
    rows = {split: read_split(reference, "items", split) for split in ("train", "validation", "test")}
    assert all(rows.values()), "the history is long enough for every split"
    newest = max(row["committed_at"] for row in rows["train"])
    assert all(row["committed_at"] > newest for row in rows["validation"] + rows["test"])
    code = {row["text"] for row in rows["train"]}
    assert not code & {row["text"] for row in rows["validation"] + rows["test"]}
    assert all(row["novel"] for row in rows["test"])
    assert not any(row["novel"] for row in rows["train"])


def test_every_sample_is_the_lines_it_says_it_is(reference: Path, history: Repository) -> None:
    rows = [row for split in ("train", "validation", "test") for row in read_split(reference, "items", split)]
    for row in random.Random(0).sample(rows, 60):
        (origin,) = row["source"]
        lines = text_at(history, row["commit"], origin["path"]).splitlines(keepends=True)
        assert "".join(lines[origin["start"] - 1 : origin["end"]]).strip() == row["text"].strip()


def test_explain_names_commit_path_lines_and_tasks(reference: Path) -> None:
    row = read_split(reference, "items", "test")[0]
    ended = repoloom("explain", row["id"], "--store", reference / "store")
    assert ended.code == 0, ended.said
    origin = row["source"][0]
    for said in (row["commit"], f"{origin['path']}:{origin['start']}-{origin['end']}", "snapshot-1", "index-code-1"):
        assert said in ended.out


def test_an_unknown_id_is_bad_input(reference: Path) -> None:
    ended = repoloom("explain", "0" * 24, "--store", reference / "store")
    assert (ended.code, "no finished run" in ended.err) == (64, True)


def test_inspect_shows_counts_drops_and_samples(reference: Path) -> None:
    ended = repoloom("inspect", "example", "--store", reference / "store")
    assert ended.code == 0, ended.said
    assert "report.html" in ended.out
    assert "tagged" in ended.out


def test_a_second_run_finds_every_task_done(reference: Path, build: Path, history: Repository) -> None:
    before = dataset(reference)
    ended = repoloom(*arguments(build, history, reference))
    assert ended.code == 0, ended.said
    assert re.search(ALL_CACHED, ended.out), ended.said
    assert dataset(reference) == before


def test_pins_repeat_a_run_after_the_source_moved_on_with_two_jobs_in_a_fresh_store(
    reference: Path, build: Path, history: Repository, tmp_path: Path
) -> None:
    moved = copy_of(history, tmp_path / "moved")
    moved.commit({"pkg/new.py": "def brand_new():\n    return 1\n"}, message="later", when="2030-01-01T00:00:00")
    ended = repoloom(*arguments(build, moved, tmp_path), "--pins", reference / "out" / "pins.json", "--jobs", "2")
    assert ended.code == 0, ended.said
    assert dataset(tmp_path) == dataset(reference)


def test_two_runs_of_one_file_at_the_same_moment_come_to_one_result(
    reference: Path, build: Path, history: Repository, tmp_path: Path
) -> None:
    calls = []
    for out in ("one", "two"):
        line = command("run", build, "--source", f"example={history.folder}", "--store", tmp_path / "store")
        calls.append(subprocess.Popen([*line, "--out", str(tmp_path / out)], stdout=subprocess.DEVNULL))
    assert [call.wait(timeout=1000) for call in calls] == [0, 0]
    for out in ("one", "two"):
        assert tree_sha256(tmp_path / out / "datasets" / "example") == dataset(reference)
    assert manifests(tmp_path) <= manifests(reference)


def manifests(where: Path) -> set[str]:
    """Names of the finished tasks' manifests."""
    return {path.name for path in (where / "store/default/manifests").rglob("*.json")}


def killed_run(build: Path, history: Repository, where: Path, done: int, seconds: float, *, stage: bool) -> bool:
    """Start a run and kill -9 the runner, or the stages it has running, some time after so many tasks are done; whether
    there was something to kill.
    """
    with subprocess.Popen(
        command(*arguments(build, history, where)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        while process.poll() is None and len(manifests(where)) < done:
            time.sleep(0.02)
        time.sleep(seconds)
        if process.poll() is not None:
            return False
        if stage:
            killed = subprocess.run(["pkill", "-9", "-P", str(process.pid)], check=False).returncode == 0
        else:
            killed = True
            process.send_signal(signal.SIGKILL)
        process.wait(timeout=120)
    return killed


def check_kills(reference: Path, build: Path, history: Repository, tmp_path: Path, seed: int, rounds: int) -> int:
    """Kill and run again, each round in a fresh store; returns how many kills came in time."""
    rng = random.Random(seed)
    tasks = len(manifests(reference))
    hits = 0
    for number in range(rounds):
        where = tmp_path / f"round-{number}"
        done, seconds = rng.randint(0, tasks), rng.uniform(0, 0.8)
        hits += killed_run(build, history, where, done, seconds, stage=number % 2 == 1)
        check_nothing_is_half_there(where)
        ended = repoloom(*arguments(build, history, where))
        assert ended.code == 0, ended.said
        assert dataset(where) == dataset(reference)
        shutil.rmtree(where)
    return hits


def check_nothing_is_half_there(where: Path) -> None:
    """Whatever has a manifest is whole."""
    root = where / "store" / "default"
    for path in (root / "manifests").rglob("*.json") if root.exists() else ():
        for entry in json.loads(path.read_text())["files"]:
            blob = root / "blobs" / entry["sha256"][:2] / entry["sha256"]
            assert blob.stat().st_size == entry["bytes"], path
    for result in (root / "published").rglob("manifest.json") if root.exists() else ():
        for entry in json.loads(result.read_text())["files"]:
            assert (result.parent / entry["path"]).stat().st_size == entry["bytes"]


def test_killed_at_random_moments_and_run_again_the_bytes_are_the_same(
    reference: Path, build: Path, history: Repository, tmp_path: Path, seed: int
) -> None:
    assert check_kills(reference, build, history, tmp_path, seed, rounds=2) >= 1


@pytest.mark.faults
@pytest.mark.timeout(3000)
def test_thirty_kills(reference: Path, build: Path, history: Repository, tmp_path: Path, seed: int) -> None:
    hits = check_kills(reference, build, history, tmp_path, seed, rounds=30)
    print(f"30 rounds of kill -9 on runner or stages, {hits} of them in mid-run: 30 datasets byte-identical")


def test_a_damaged_file_in_the_store_is_made_again(
    reference: Path, build: Path, history: Repository, tmp_path: Path
) -> None:
    shutil.copytree(reference / "store", tmp_path / "store")
    for blob in (tmp_path / "store/default/blobs").rglob("*"):
        if blob.is_file():
            blob.write_bytes(b"damaged")
    ended = repoloom(*arguments(build, history, tmp_path))
    assert ended.code == 0, ended.said
    assert dataset(tmp_path) == dataset(reference)


def test_in_a_bucket_the_bytes_are_those_of_a_folder(
    reference: Path,
    build: Path,
    history: Repository,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "server").mkdir()
    with running_s3(request.config, tmp_path / "server") as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        options = [*arguments(build, history, tmp_path), "--store", server.url("a/prefix")]
        ended = repoloom(*options)
        assert ended.code == 0, ended.said
        assert dataset(tmp_path) == dataset(reference)
        again = repoloom(*options)
        assert re.search(ALL_CACHED, again.out), again.said


def test_init_writes_resources_that_are_valid_and_run_as_they_say(history: Repository, tmp_path: Path) -> None:
    file = tmp_path / "build.yaml"
    ended = repoloom("init", history.folder, "-o", file)
    assert ended.code == 0, ended.said
    assert repoloom("validate", file).code == 0
    assert "--source" in ended.out
    assert repoloom("init", history.folder, "-o", file).code == 64, "an existing file is never overwritten"
    assert repoloom("init", "git@example.com:a/b").code == 64
    assert "url: https://example.com/team/tool" in repoloom("init", "https://example.com/team/tool").out


def test_plan_says_what_is_cached_and_what_is_not_known_yet(reference: Path, build: Path, tmp_path: Path) -> None:
    done = repoloom("plan", build, "--store", reference / "store")
    assert done.code == 0, done.said
    assert done.out.count("cached") == 14
    fresh = repoloom("plan", build, "--store", tmp_path / "none")
    assert "unknown" in fresh.out
    assert "cached" not in fresh.out
    pinned = repoloom("plan", build, "--store", tmp_path / "none", "--pins", reference / "out" / "pins.json")
    assert "to do" in pinned.out
    assert not (tmp_path / "none").exists(), "a plan writes nothing"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"--source": "other=."}, "no source is named other"),
        ({"--source": "example"}, "write it as NAME=DIR"),
        ({"--source": "example=/nonexistent"}, "is no folder"),
        ({"--pins": "/nonexistent"}, "--pins: cannot read"),
        ({"--store": "ftp://x"}, "neither a folder nor s3"),
        ({"--settings": "/nonexistent"}, "cannot be read"),
    ],
)
def test_bad_options_are_bad_input_and_nothing_is_written(
    build: Path, tmp_path: Path, change: dict[str, str], said: str
) -> None:
    options = {"--store": str(tmp_path / "store"), "--out": str(tmp_path / "out")} | change
    ended = repoloom("run", build, *(part for pair in options.items() for part in pair), cwd=tmp_path)
    assert ended.code == 64, ended.said
    assert said in ended.err
    assert not (tmp_path / "store").exists()
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_no_repository_is_bad_input(build: Path, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    ended = repoloom(
        *["run", build, "--source", f"example={tmp_path / 'plain'}"],
        *["--store", tmp_path / "store", "--out", tmp_path / "out"],
    )
    assert ended.code == 64, ended.said
    assert "resolve-1" in ended.err


def read_split(where: Path, output: str, split: str) -> list[dict]:  # type: ignore[type-arg]  # rows as they come
    path = where / "out" / "datasets" / "example" / output / f"{split}.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()]
