"""A source that grows: only what changed is done again, and `gc` sweeps an older result, never the newest."""

import random
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.builders import dataset_build
from support.command import repoloom, tree_sha256, write_yaml
from support.histories import copy_of, python_module
from support.local_runs import ALL_CACHED, arguments, dataset
from support.repositories import Repository

pytestmark = pytest.mark.timeout(1200)  # a run starts a dozen processes: on a loaded machine that takes minutes


@dataclass(frozen=True)
class Grown:
    """One store after a run, a commit of three files, and a second run."""

    where: Path
    build: Path
    moved: Repository
    first: dict[str, str]
    """The dataset of the first run."""
    said: str
    """By the second."""


@pytest.fixture(scope="module")
def grown(history: Repository, tmp_path_factory: pytest.TempPathFactory) -> Grown:
    """Held out by file, so that the commit moves no cut: by time, a file may also come out of the gap."""
    where = tmp_path_factory.mktemp("grown")
    build = write_yaml(where / "build.yaml", dataset_build(refine={"split": {"byFile": {}}}))
    assert repoloom(*arguments(build, history, where)).code == 0
    first = dataset(where)
    moved = copy_of(history, where / "moved")
    changed = {f"pkg/new_{number}.py": python_module(random.Random(number)) for number in range(3)}
    moved.commit(changed, message="three files", when="2024-05-02T00:00:00")
    ended = repoloom(*arguments(build, moved, where))
    assert ended.code == 0, ended.said
    return Grown(where, build, moved, first, ended.said)


def test_after_one_more_commit_only_the_changed_files_are_indexed(grown: Grown, tmp_path: Path) -> None:
    assert " 3 files new" in grown.said
    assert repoloom(*arguments(grown.build, grown.moved, tmp_path)).code == 0
    assert dataset(grown.where) == dataset(tmp_path)


def test_gc_sweeps_an_older_result_and_keeps_all_of_the_newest(
    grown: Grown, history: Repository, tmp_path: Path
) -> None:
    shutil.copytree(grown.where / "store", tmp_path / "store")
    sweep = ["gc", "--store", tmp_path / "store", "--keep-runs", "1", "--grace-days", "0"]
    told = repoloom(*sweep, "--dry-run")
    assert "would delete" in told.out
    before = set(tree_sha256(tmp_path / "store"))
    swept = repoloom(*sweep)
    assert (swept.code, "deleted" in swept.out) == (0, True), swept.said
    after = set(tree_sha256(tmp_path / "store"))
    assert after < before
    ended = repoloom(*arguments(grown.build, grown.moved, tmp_path))
    assert re.search(ALL_CACHED, ended.out), ended.said
    assert dataset(tmp_path) == dataset(grown.where)
    assert repoloom(*arguments(grown.build, history, tmp_path)).code == 0
    assert dataset(tmp_path) == grown.first, "what was swept is made again"
