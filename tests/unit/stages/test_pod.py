"""`repoloom-stage` as both runners start it: several tasks and shards in a process, and what it leaves behind."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from repoloom_api.artifacts import Manifest, below, blob_name
from repoloom_api.plan import plan
from repoloom_api.resources import parse_resource
from repoloom_api.runs import GitPin, Pin, Pins, SplitMode, TinyPin
from repoloom_api.settings import LOCAL
from repoloom_api.tasks import Plan, Task
from repoloom_api.v1alpha1.conditions import Reason
from repoloom_stages.errors import BadInput, StageError, Stopped, TryAgain, says_disk_full
from repoloom_stages.record_files import read_records
from repoloom_stages.runtime.artifact_store import ArtifactStore
from repoloom_stages.runtime.execute import Given, Report, execute
from repoloom_stages.runtime.handover import shard_groups
from repoloom_stages.runtime.lookup import Found, Lookup
from repoloom_stages.runtime.process import Process, parse_shards
from repoloom_stages.runtime.progress import Progress
from repoloom_stages.runtime.result import MOST_BYTES, failure, success
from repoloom_stages.runtime.sigterm import Sigterm
from repoloom_stages.runtime.stage import PROGRESS_SECONDS, Outputs
from repoloom_stages.runtime.store import FolderStore
from support.builders import dataset_build
from support.repositories import Repository

COLLECT = ("resolve-1", "fetch-model-1", "snapshot-1")
SHARDS = ("index-code-1", "code-units-1")
FILES = 8
PIN = "source/example"


@dataclass(frozen=True)
class World:
    """A plan whose source has a few shards, and a store to run it in."""

    plan: Plan
    repository: Repository
    folder: Path
    run: str = "run-1"

    @property
    def lookup(self) -> Lookup:
        """The plan seen through the store as it is now."""
        return Lookup(self.plan, self.run, ArtifactStore(FolderStore(self.folder / "store"), self.plan.namespace))

    @property
    def given(self) -> Given:
        return Given(checkouts={PIN: self.repository.folder})

    def shards(self) -> list[str]:
        """Names of the snapshot's shards, as `--shards` takes them."""
        listed = self.lookup.shards(self.plan.task("index-code-1"))
        assert listed is not None
        return [f"snapshot-1/{shard}" for shard in listed]

    def do(
        self, *tasks: str, shards: list[str] | None = None, known: dict[str, Pin] | None = None
    ) -> dict[str, Report]:
        """Run tasks here, in the test's process."""
        process = Process(self.lookup, replace(self.given, known_pins=known or {}), tasks, shards, None)
        process.run(lambda: None)
        return process.reports

    def call(self, *arguments: str | Path, path: Path | None = None) -> "Ended":
        """Run `repoloom-stage` in a process of its own."""
        with self.started(*arguments, path=path) as process:
            said = process.communicate(timeout=200)[0]
        return Ended(process.returncode, said, json.loads((self.folder / "result").read_bytes()))

    def started(self, *arguments: str | Path, path: Path | None = None) -> subprocess.Popen[str]:
        """Start `repoloom-stage`; `path` is a folder of programs that come first."""
        self.folder.joinpath("plan.json").write_text(self.plan.model_dump_json(by_alias=True))
        self.folder.joinpath("tmp").mkdir(exist_ok=True)
        environment = os.environ | {
            "TMPDIR": str(self.folder / "tmp"),
            "ARGO_PROGRESS_FILE": str(self.folder / "progress"),
            "PATH": f"{path or self.folder}{os.pathsep}{os.environ['PATH']}",
        }
        command = [sys.executable, "-m", "repoloom_stages", "--run", "run-1"]
        command += ["--plan", str(self.folder / "plan.json"), "--store", str(self.folder / "store")]
        command += ["--result", str(self.folder / "result"), "--checkout", f"{PIN}={self.repository.folder}"]
        return subprocess.Popen(
            [*command, *map(str, arguments)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


@dataclass(frozen=True)
class Ended:
    code: int
    said: str
    result: dict[str, Any]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    made = Repository(tmp_path_factory.mktemp("repository") / "code")
    made.commit({f"pkg/part_{one}.py": f"def number_{one}():\n    return {one}\n" * 20 for one in range(FILES)})
    return made


@pytest.fixture
def world(repository: Repository, tmp_path: Path) -> World:
    planned = plan(parse_resource(dataset_build(refine={"split": {"byFile": {}}})), LOCAL)
    tasks = tuple(_in_small_shards(task) for task in planned.tasks)
    return World(planned.model_copy(update={"tasks": tasks}), repository, tmp_path)


def _in_small_shards(task: Task) -> Task:
    if task.stage != "snapshot":
        return task
    return task.model_copy(update={"params": task.params | {"shardBytes": 2000}})


def git_pin(commit: str, head: str | None = None, **windows: str) -> Pin:
    mode = SplitMode.TIME if windows else SplitMode.FILE
    url = "https://example.org/owner/example"
    return Pin(git=GitPin(url=url, head=head or commit, train=commit, commits=0, mode=mode, reason="known", **windows))


def options(*tasks: str) -> list[str]:
    return [word for task in tasks for word in ("--task", task)]


# ---- tasks and shards


def test_a_process_does_its_tasks_in_order_and_a_second_one_finds_them_done(world: World) -> None:
    first = world.call(*options(*COLLECT))
    assert first.code == 0, first.said
    assert {name: unit["cached"] for name, unit in first.result["tasks"].items()} == dict.fromkeys(COLLECT, False)
    assert (world.folder / "progress").read_text() == "300/300"
    second = world.call(*options(*COLLECT))
    assert {name: unit["cached"] for name, unit in second.result["tasks"].items()} == dict.fromkeys(COLLECT, True)
    digests = [{name: unit["digest"] for name, unit in one.result["tasks"].items()} for one in (first, second)]
    assert digests[0] == digests[1]


def test_a_fan_out_runs_for_the_shards_of_its_lister_that_are_named(world: World) -> None:
    world.do(*COLLECT)
    one, other, *rest = world.shards()
    assert rest, "the repository is cut into more than two"
    mixed = json.dumps([one, other])
    ended = world.call(*options(*SHARDS), "--shards", mixed)
    assert ended.code == 0, ended.said
    names = [name.partition("/")[2] for name in (one, other)]
    assert list(ended.result["tasks"]) == sorted(f"{task}/{name}" for task in SHARDS for name in names)
    assert (world.folder / "progress").read_text() == "400/400"
    task = world.plan.task("code-units-1")
    assert not any(isinstance(world.lookup.find(task, name.partition("/")[2]), Found) for name in rest)


def test_without_shards_a_fan_out_runs_for_all(world: World) -> None:
    done = world.do(*COLLECT, "index-code-1")
    assert [name for name in done if name.startswith("index")] == [
        f"index-code-1/{name.partition('/')[2]}" for name in world.shards()
    ]


@pytest.mark.parametrize(
    ("task", "shards", "message"),
    [
        ("weave-1", "[]", "no task weave-1"),
        ("index-code-1", '["snapshot-7/00"]', "no task snapshot-7"),
        ("index-code-1", '["snapshot-1/zz"]', "lists no shard zz"),
        ("index-code-1", "snapshot-1/00", "--shards is no JSON"),
        ("index-code-1", "{}", "--shards is no list"),
    ],
)
def test_names_that_the_plan_does_not_have_are_bad_input(world: World, task: str, shards: str, message: str) -> None:
    world.do(*COLLECT)
    with pytest.raises(BadInput, match=message):
        world.do(task, shards=parse_shards(shards))


def test_a_fan_out_before_its_list_is_there_is_tried_again(world: World) -> None:
    with pytest.raises(TryAgain, match="list of its shards"):
        world.do("index-code-1")


@pytest.mark.parametrize("moving", ["head", "cut"])
def test_a_commit_that_changes_one_file_runs_the_shard_of_that_file_alone(
    repository: Repository, world: World, tmp_path: Path, moving: str
) -> None:
    """Held out by file, the newest commit is trained on; by time, a later cut takes one more commit into training."""
    moved = repository.copy(tmp_path / "moved")
    first = moved.head
    changed, validation, test = (
        moved.commit({f"pkg/part_{number}.py": f"def new_{number}():\n    return {number} * 7\n" * 20})
        for number in (3, 5, 6)
    )
    known = {
        "head": [git_pin(first), git_pin(changed)],
        "cut": [git_pin(commit, validation=validation, test=test, head=test) for commit in (first, changed)],
    }[moving]
    world = replace(world, repository=moved)
    world.do(*COLLECT, *SHARDS, known={PIN: known[0]})
    again = replace(world, run="run-2").do(*COLLECT, *SHARDS, known={PIN: known[1]})
    (shard,) = shards_of(world, again["snapshot-1"].digest, "pkg/part_3.py")
    assert {name for name, report in again.items() if not report.cached} == {
        *("resolve-1", "snapshot-1"),
        *(f"{task}/{shard}" for task in SHARDS),
    }


def shards_of(world: World, digest: str, path: str) -> list[str]:
    """Names of the shards of a snapshot that have a file of that path."""
    artifacts = world.lookup.artifacts
    manifests = (json.loads(artifacts.get(one.name) or b"") for one in artifacts.list("manifests/snapshot/"))
    (files,) = (Manifest.model_validate(one).files for one in manifests if one["digest"] == digest)
    artifacts.fetch(files, world.folder / digest)
    shards = (world.folder / digest / "shards").iterdir()
    return [one.name for one in shards if path in {file["path"] for file in read_records(one / "files.jsonl.zst")}]


# ---- what later processes need to know


def among(*tasks: str) -> list[str]:
    return [word for task in tasks for word in ("--among", task)]


def groups_of(world: World, most: int) -> list[list[str]]:
    return shard_groups(world.lookup, [world.plan.task(name) for name in SHARDS], most)


def test_shards_are_dealt_into_groups_of_about_as_many_bytes_each(world: World) -> None:
    groups_file = world.folder / "groups"
    ended = world.call(*options(*COLLECT), "--list-shards", groups_file, "--shard-groups", "3", *among(*SHARDS))
    assert ended.code == 0, ended.said
    groups = json.loads(groups_file.read_text())
    assert groups == groups_of(world, 3), "the same store gives the same groups"
    assert len(groups) == 3
    assert sorted(name for group in groups for name in group) == world.shards()
    sizes = [len(group) for group in groups]
    assert max(sizes) - min(sizes) <= 1, "the files are equally large, nearly"
    assert len(groups_of(world, 100)) == len(world.shards())


def test_no_group_has_a_shard_with_nothing_left_to_do(world: World) -> None:
    world.do(*COLLECT)
    one, *rest = world.shards()
    world.do(*SHARDS, shards=[one])
    assert [name for group in groups_of(world, 2) for name in sorted(group)] != []
    assert sorted(name for group in groups_of(world, 2) for name in group) == rest
    world.do("index-code-1", shards=rest)
    assert sorted(name for group in groups_of(world, 2) for name in group) == rest, "units are not cut yet"
    world.do(*SHARDS, shards=rest)
    assert groups_of(world, 2) == []


def test_a_process_says_whether_a_task_is_missing(world: World) -> None:
    file = world.folder / "missing"
    ended = world.call(*options(*COLLECT), "--missing", file, "--among", "fetch-model-1", "--among", "index-code-1")
    assert (ended.code, file.read_text()) == (0, "true"), ended.said
    world.do("index-code-1")
    ended = world.call(*options(*COLLECT), "--missing", file, "--among", "fetch-model-1", "--among", "index-code-1")
    assert (ended.code, file.read_text()) == (0, "false"), ended.said


# ---- pins that are known


def test_known_pins_are_taken_as_they_are_and_the_rest_is_resolved(world: World) -> None:
    known = Pins(pins={PIN: git_pin("a" * 40), "data/other": git_pin("b" * 40)})
    (world.folder / "pins.json").write_text(json.dumps(known.document()))
    ended = world.call(*options("resolve-1"), "--known-pins", world.folder / "pins.json")
    assert ended.code == 0, ended.said
    pins = world.lookup.pins()
    assert pins is not None
    assert pins.pins.keys() == {PIN, "tokenizer"}
    assert pins.pins[PIN] == git_pin("a" * 40)
    assert isinstance(pins.pins["tokenizer"].tiny, TinyPin)


def test_a_run_whose_known_pins_changed_between_attempts_is_refused(world: World) -> None:
    execute(world.lookup, "resolve-1", given=Given(known_pins={PIN: git_pin("a" * 40)}))
    with pytest.raises(BadInput, match="is not what this run pinned") as caught:
        execute(world.lookup, "resolve-1", given=Given(known_pins={PIN: git_pin("b" * 40)}))
    assert (caught.value.exit_code, caught.value.reason) == (64, Reason.DATASET_CHANGED)


# ---- results


def test_a_failure_names_task_shard_stage_reason_and_exit_code(world: World) -> None:
    world.do(*COLLECT)
    whole, damaged, *_ = world.shards()
    shard = damaged.partition("/")[2]
    snapshot = world.lookup.find(world.plan.task("snapshot-1"))
    assert isinstance(snapshot, Found)
    for entry in below(snapshot.manifest.files, f"shards/{shard}/"):
        world.lookup.artifacts.delete(blob_name(entry.sha256))
    ended = world.call(*options(*SHARDS), "--shards", json.dumps([whole, damaged]))
    assert ended.code == 75, ended.said
    error = ended.result.pop("error")
    assert error in ended.said
    assert "missing or damaged" in error
    stage = {"task": "index-code-1", "shard": shard, "stage": "index-code"}
    assert ended.result == stage | {"reason": "StageFailed", "exitCode": 75}
    assert (world.folder / "progress").read_text() == "100/400"


def test_a_fault_of_ours_is_in_the_result_too(world: World) -> None:
    (world.folder / "pins.json").write_text("no JSON")
    ended = world.call(*options("resolve-1"), "--known-pins", world.folder / "pins.json")
    assert (ended.code, ended.result["exitCode"], ended.result["reason"]) == (1, 1, "StageFailed")
    assert "Traceback" in ended.said


@pytest.mark.parametrize("message", ["ä" * 9000, '"\n' * 9000, "short"])
def test_no_result_is_longer_than_kubernetes_keeps(world: World, message: str) -> None:
    written = failure((world.plan.task("index-code-1"), "00"), BadInput(message))
    assert len(written) <= MOST_BYTES
    said = json.loads(written)["error"]
    assert said == message or (said.endswith("…") and message.startswith(said[:-1]) and len(said) > 1000)


def test_results_of_many_units_are_counted_instead() -> None:
    reports = {f"index-code-1/{number:02x}": Report("0" * 64, cached=number % 2 == 0) for number in range(64)}
    assert json.loads(success(reports)) == {"units": 64, "cached": 32}
    few = dict(list(reports.items())[:2])
    assert json.loads(success(few))["tasks"].keys() == few.keys()


# ---- memos


def test_only_the_changed_file_of_a_shard_is_read_anew_and_shards_of_other_repositories_are_not_looked_at(
    world: World, tmp_path: Path
) -> None:
    changing = Repository(tmp_path / "changing")
    old = changing.commit({f"part_{one}.py": f"number = {one}\n" for one in range(FILES)})
    new = changing.commit({"part_0.py": "number = -1\n"})

    def files_read(run: str, commit: str, url: str) -> int:
        at = replace(world, repository=changing, run=run)
        pin = Pin(git=GitPin(url=url, head=commit, train=commit, commits=1, mode=SplitMode.FILE, reason="known"))
        return sum(one.memos_computed for one in at.do(*COLLECT, "index-code-1", known={PIN: pin}).values())

    here, elsewhere = "https://example.org/owner/here", "https://example.org/owner/elsewhere"
    assert files_read("run-1", old, here) == FILES
    assert files_read("run-2", new, here) == 1
    assert files_read("run-3", old, elsewhere) == FILES


# ---- progress


def test_progress_counts_every_unit_and_the_stages_own_part(tmp_path: Path) -> None:
    file = tmp_path / "progress"
    progress = Progress(file, 4)
    seen = []
    for step in (lambda: progress.part(1, 3), progress.unit, lambda: progress.grow(2), lambda: progress.part(1, 2)):
        step()
        seen.append(file.read_text())
    assert seen == ["33/400", "100/400", "100/400", "150/600"]


def test_a_unit_alone_shows_its_stages_own_numbers(tmp_path: Path) -> None:
    progress = Progress(tmp_path / "progress", 1)
    progress.part(7, 2000)
    assert (tmp_path / "progress").read_text() == "7/2000"


def test_a_stage_that_speaks_of_each_file_is_heard_now_and_then_and_at_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[tuple[int, int]] = []
    outputs = Outputs(tmp_path, tell=lambda done, total: heard.append((done, total)))
    monkeypatch.setattr(time, "monotonic", iter(number * PROGRESS_SECONDS / 8 for number in range(18)).__next__)
    for number in range(18):
        outputs.progress(number, 17)
    assert heard == [(0, 17), (8, 17), (16, 17), (17, 17)]


# ---- SIGTERM and a full disk


def a_git_that(folder: Path, script: str) -> Path:
    """A folder with a program `git`."""
    folder.mkdir()
    (folder / "git").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "git").chmod(0o755)
    return folder


def test_sigterm_ends_a_process_with_75_and_leaves_nothing_behind(world: World, tmp_path: Path) -> None:
    began = tmp_path / "began"
    slow = a_git_that(tmp_path / "bin", f"touch {began}; exec sleep 60")
    with world.started(*options("resolve-1", "fetch-model-1"), path=slow) as process:
        _wait_for(began.exists)
        process.terminate()
        process.communicate(timeout=200)
    assert process.returncode == 75
    result = json.loads((world.folder / "result").read_bytes())
    assert (result["exitCode"], result["task"], "SIGTERM" in result["error"]) == (75, "resolve-1", True)
    assert list((world.folder / "tmp").iterdir()) == []


def _wait_for(there: Callable[[], bool], seconds: float = 200) -> None:
    end = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize("name", ["resolve-1", "snapshot-1", "index-code-1", "code-units-1"])
def test_sigterm_in_the_middle_of_a_stage_publishes_nothing(
    world: World, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [task.name for task in world.plan.tasks]
    before = [one for one in names[: names.index(name)] if one != name]
    world.do(*before)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    shard = world.shards()[0].partition("/")[2] if world.plan.task(name).fan_out else None
    handler = signal.getsignal(signal.SIGTERM)
    try:
        sigterm = Sigterm()
        with pytest.raises(Stopped):
            execute(world.lookup, name, shard, world.given, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
        with pytest.raises(Stopped):
            sigterm.check()
    finally:
        signal.signal(signal.SIGTERM, handler)
    assert list(scratch.iterdir()) == []
    assert not isinstance(world.lookup.find(world.plan.task(name), shard), Found)
    assert not world.do(name)[f"{name}/{shard}" if shard else name].cached


def test_a_full_disk_is_tried_again_and_has_its_reason(world: World) -> None:
    ended = world.call(*options(*COLLECT), "--list-shards", "/dev/full", *among(*SHARDS))
    assert (ended.code, ended.result["reason"]) == (75, "StageDiskFull")


def test_what_git_says_of_a_full_disk_is_understood(world: World, tmp_path: Path) -> None:
    full = a_git_that(tmp_path / "bin", "echo 'fatal: write error: No space left on device' >&2; exit 128")
    ended = world.call(*options("resolve-1"), path=full)
    assert (ended.code, ended.result["reason"], ended.result["task"]) == (75, "StageDiskFull", "resolve-1")


def test_a_full_disk_is_found_behind_any_error() -> None:
    full = OSError(28, os.strerror(28), "/tmp/x")
    wrapped = StageError("cannot write")
    wrapped.__cause__ = RuntimeError("while saving")
    wrapped.__cause__.__context__ = full
    assert says_disk_full(wrapped)
    assert not says_disk_full(BadInput("a disk that is not full"))
