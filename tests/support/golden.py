"""Golden files: whole documents that a reviewer can read. A missing one fails; only `--update-golden` writes one."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml

GOLDEN = Path(__file__).parents[1] / "golden"


def cases(kind: str) -> list[Path]:
    """Folders of cases, each with an `input.yaml`."""
    return sorted(path for path in (GOLDEN / kind).iterdir() if path.is_dir())


def compare(documents: Iterable[Any], golden: Path, config: pytest.Config) -> None:
    """The documents as YAML, against the file or into it."""
    compare_text(yaml.safe_dump_all(documents, sort_keys=False, width=120), golden, config)


def compare_text(text: str, golden: Path, config: pytest.Config) -> None:
    """A text against the file or into it."""
    if config.getoption("--update-golden"):
        golden.write_text(text)
    assert golden.exists(), f"{golden} is missing; write it with --update-golden"
    assert text == golden.read_text()
