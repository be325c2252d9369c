"""Runs of one DatasetBuild, `example`, with a clone at hand as its source."""

from pathlib import Path

from support.command import tree_sha256
from support.repositories import Repository

ALL_CACHED = r"all \d+ tasks cached"
"""What a run says that finds everything done."""


def arguments(build: Path, history: Repository, where: Path) -> list[str | Path]:
    """The command line of a run whose store and results lie in a folder."""
    return ["run", build, "--source", f"example={history.folder}", "--store", where / "store", "--out", where / "out"]


def dataset(where: Path) -> dict[str, str]:
    """SHA-256 of the dataset's files."""
    return tree_sha256(where / "out" / "datasets" / "example")
