"""The Dockerfiles agree with each other, with the lock file's workspace, and with what pods are told."""

import re
import tomllib
from pathlib import Path

import pytest

from repoloom_operator.render.workflow import USER

ROOT = Path(__file__).parents[3]
IMAGES = sorted((ROOT / "images").glob("*/Dockerfile"))

each = pytest.mark.parametrize("dockerfile", IMAGES, ids=lambda path: path.parent.name)


def last_stage(text: str) -> str:
    return text[text.rindex("\nFROM ") :]


def test_there_are_three_images() -> None:
    assert [path.parent.name for path in IMAGES] == ["operator", "stages", "train"]


@each
def test_uv_is_the_makefiles(dockerfile: Path) -> None:
    pinned = re.search(r"^UV_VERSION := (\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert pinned
    assert f"ARG UV_VERSION={pinned[1]}\n" in dockerfile.read_text()


@each
def test_dependencies_come_from_the_lock_file_of_the_whole_workspace(dockerfile: Path) -> None:
    stage = last_stage(dockerfile.read_text())
    for member in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]["workspace"]["members"]:
        assert f"COPY {member}/pyproject.toml {member}/\n" in stage
    assert "uv sync --frozen --no-dev --no-install-workspace --package " in stage


@each
def test_what_runs_is_no_root_and_has_no_build_tools(dockerfile: Path) -> None:
    stage = last_stage(dockerfile.read_text())
    assert f"\nUSER {USER}:{USER}\n" in stage
    installed = re.search(r"apt-get install -y --no-install-recommends ([\w -]+?) \\", stage)
    assert installed
    assert set(installed[1].split()) <= {"ca-certificates", "git", "python3"}


def test_only_the_train_image_has_torch() -> None:
    assert [path.parent.name for path in IMAGES if "--extra train" in path.read_text()] == ["train"]


def test_the_build_context_holds_what_is_copied_and_no_more() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {
        source.split("/")[0]
        for path in IMAGES
        for line in re.findall(r"^COPY (?!--from)(.+)$", path.read_text(), re.MULTILINE)
        for source in line.split()[:-1]
    }
    assert copied == kept
