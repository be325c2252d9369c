"""A small Rust workspace, written for these tests: `ferry`, which sells tickets for ferries.

It has seven crates with traits and their implementors, re-exports, renamed dependencies, generics, async functions,
macros by example, tests of both kinds, tables of diesel, conversions, and two crates that need each other in tests.
"""

import shutil
from pathlib import Path

FERRY = Path(__file__).parent / "ferry"
"""The workspace as files."""


def rust_workspace(folder: Path) -> Path:
    """Write the workspace into `folder`, which must not exist; returns it."""
    return shutil.copytree(FERRY, folder)


def workspace_files() -> dict[str, str]:
    """Texts of the workspace's files by path, to commit or to index as they are."""
    paths = (path for path in sorted(FERRY.rglob("*")) if path.is_file())
    return {path.relative_to(FERRY).as_posix(): path.read_text() for path in paths}
