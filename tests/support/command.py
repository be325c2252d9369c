"""The `repoloom` command as a user has it: a process of its own."""

import hashlib
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml

from support.builders import Document


@dataclass(frozen=True)
class Ended:
    """What a command left."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        return self.out + self.err


def command(*arguments: str | Path) -> list[str]:
    """The command line of a call."""
    return [sys.executable, "-m", "repoloom", *map(str, arguments)]


def repoloom(*arguments: str | Path, cwd: Path | None = None, timeout: float = 1000) -> Ended:
    """Call the command and wait."""
    environment = os.environ | {"COLUMNS": "160"}
    done = subprocess.run(
        command(*arguments), cwd=cwd, env=environment, capture_output=True, text=True, timeout=timeout, check=False
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def write_yaml(path: Path, *documents: Document) -> Path:
    """Write a file of resources."""
    path.write_text(yaml.safe_dump_all(documents, sort_keys=False))
    return path


def tree_sha256(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
