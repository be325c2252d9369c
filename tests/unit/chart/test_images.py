"""The images agree with the Makefile, with the lock file's workspace, and with what pods are told."""

import re
import tomllib
from pathlib import Path

import pytest

from repoloom_operator.render.workflow import USER

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "images" / "Dockerfile").read_text()
STAGES = {
    name: (base, instructions)
    for base, name, instructions in re.findall(
        r"^FROM (\S+) AS (\S+)\n(.*?)(?=^FROM |\Z)", TEXT, re.MULTILINE | re.DOTALL
    )
}
IMAGES = ("operator", "stages", "train")

each = pytest.mark.parametrize("image", IMAGES)


def layers(image: str) -> str:
    """Every instruction that leaves something in an image, its base's first."""
    base, instructions = STAGES[image]
    return (layers(base) if base in STAGES else "") + instructions


def test_uv_is_the_makefiles() -> None:
    pinned = re.search(r"^UV_VERSION := (\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert pinned
    assert f"ARG UV_VERSION={pinned[1]}\n" in TEXT


def test_dependencies_come_from_the_lock_file_of_the_whole_workspace() -> None:
    _, locks = STAGES["locks"]
    for member in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]["workspace"]["members"]:
        assert f"COPY {member}/pyproject.toml {member}/\n" in locks
    assert '"uv export --quiet --frozen --no-dev --no-emit-workspace --no-header"' in locks


@each
def test_what_is_installed_is_held_to_the_hashes_of_the_lock_file(image: str) -> None:
    installs = re.findall(r"uv pip (?:sync|install) (?:\\\n|.)+", layers(image))
    assert installs
    assert all("--require-hashes" in install and "/opt/lock/requirements.txt" in install for install in installs)


@each
def test_what_runs_is_no_root_and_has_no_build_tools(image: str) -> None:
    instructions = layers(image)
    assert f"\nUSER {USER}:{USER}\n" in instructions
    installed = re.findall(r"apt-get install -y --no-install-recommends ([\w -]+?) \\", instructions)
    assert {name for names in installed for name in names.split()} <= {"ca-certificates", "git", "python3"}


def test_only_the_train_image_has_torch() -> None:
    _, locks = STAGES["locks"]
    assert re.findall(r"--extra train .*/opt/lock/(\w+)/", locks) == ["train"]
    assert [image for image in IMAGES if "/opt/lock/train/" in layers(image)] == ["train"]


def test_training_adds_to_the_layers_that_the_stages_have() -> None:
    assert STAGES["stages"][0] == STAGES["train"][0]


def test_the_build_context_holds_what_is_copied_and_no_more() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {
        source.split("/")[0]
        for line in re.findall(r"^COPY (?!--from)(.+)$", TEXT, re.MULTILINE)
        for source in line.split()[:-1]
    }
    assert copied == kept
