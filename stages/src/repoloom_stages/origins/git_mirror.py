"""What is read of a repository: commits, trees, changes, contents.

A `Mirror` is a bare repository in a temporary folder, made for one task. `git` says how objects come into it; what is
left out, and what bytes mean, is `snapshot`'s to decide.
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from repoloom_stages.errors import BadInput, UnsafeInput
from repoloom_stages.origins.git_blobs import Blobs
from repoloom_stages.origins.git_process import Git
from repoloom_stages.origins.references import checked_name

_FILE_MODE, _SYMLINK_MODE = "100", "120"
"""How modes begin in trees: what follows are permissions, of which old versions of git wrote more than two kinds."""

MAX_PATHS = 1_000_000
"""Trees can name each other so that a few kilobytes hold more paths than there are atoms."""

MAX_CHANGES = 10_000_000

_END_OF_TIME = 253_402_300_799
"""The last second of the year 9999."""


@dataclass(frozen=True)
class Commit:
    """A commit on the first-parent line."""

    sha: str
    seconds: int
    """Committer's time since 1970, UTC."""


@dataclass(frozen=True)
class Entry:
    """A path in a tree."""

    mode: str
    """Octal."""
    blob: str
    """Name of its content."""
    size: int | None
    """Bytes of its content; None for what is no file, or not here."""
    path: bytes

    @property
    def is_file(self) -> bool:
        """Whether it is neither a symlink nor a submodule."""
        return self.mode.startswith(_FILE_MODE)

    @property
    def is_symlink(self) -> bool:
        """Whether its content is the path of something else."""
        return self.mode.startswith(_SYMLINK_MODE)


@dataclass(frozen=True)
class Change:
    """What a commit did to a path, compared with its first parent."""

    commit: str
    path: bytes
    old: str | None
    """Name of the content before; None where there was no file."""
    new: str | None
    """Name of the content after; None where there is no file."""


class Mirror:
    """A bare repository to read from. Every method raises BadInput where the repository lacks or garbles something."""

    def __init__(self, folder: Path, name: str, protocol: str) -> None:
        self.name = name
        """What messages call the repository."""
        self._repository = folder / "mirror.git"
        self._git = Git(self._repository, name, protocol)

    @property
    def shallow(self) -> bool:
        """Whether older commits may exist that are not here."""
        return (self._repository / "shallow").exists()

    def find(self, revision: str) -> str:
        """The commit that a branch, tag or (abbreviated) commit names, with the history of first parents at hand."""
        raise NotImplementedError

    def bring(self, commit: str, commits: int) -> None:
        """See to it that trees and files are at hand for so many commits from that one back; for all, if 0."""
        raise NotImplementedError

    def first_parents(self, head: str, after: str | None = None) -> list[Commit]:
        """Commits on the first-parent line, newest first, down to the root or to the one after `after`."""
        wanted = [checked_name(head), *([f"^{checked_name(after)}"] if after else [])]
        lines = self._git.run("log", "--first-parent", "--format=%H %ct %P", *wanted).decode("ascii").splitlines()
        parents = [head]
        found = []
        for line in lines:
            sha, seconds, *parents = line.split(" ")
            found.append(Commit(sha, _seconds(seconds)))
        if after and parents[0] != after:
            raise BadInput(f"{self.name}: {after} is not on the first-parent line of {head}")
        return found

    def commit(self, sha: str) -> Commit:
        """That commit's facts."""
        output = self._git.run("log", "--max-count=1", "--format=%ct", checked_name(sha))
        return Commit(sha, _seconds(output.decode("ascii").strip()))

    def tree(self, commit: str) -> Iterator[Entry]:
        """Every path in a commit's tree, sorted as git sorts them."""
        with self._git.reading("ls-tree", "-r", "-l", "-z", "--full-tree", checked_name(commit)) as output:
            for number, row in enumerate(_until_nul(output)):
                if number == MAX_PATHS:
                    raise UnsafeInput(f"{self.name}: commit {commit} has more than {MAX_PATHS:,} paths")
                facts, _, path = row.partition(b"\t")
                mode, _, blob, size = facts.decode("ascii").split()
                yield Entry(mode, blob, int(size) if size.isdigit() else None, path)

    def changes(self, after: str, head: str) -> Iterator[Change]:
        """What each commit on the first-parent line changed, newest first; renames are a removal and an addition."""
        arguments = ("--first-parent", "-m", "--raw", "-z", "--no-abbrev", "--no-renames", "--format=%H")
        with self._git.reading("log", *arguments, checked_name(head), f"^{checked_name(after)}") as output:
            rows = _until_nul(output)
            commit, number = "", 0
            for row in rows:
                text = row.decode("ascii").lstrip("\n")
                if not text.startswith(":"):
                    commit = text or commit
                    continue
                number += 1
                if number > MAX_CHANGES:
                    raise UnsafeInput(f"{self.name}: {after}..{head} changes more than {MAX_CHANGES:,} paths")
                old_mode, new_mode, old, new, _ = text[1:].split(" ")
                yield Change(commit, next(rows), _file(old_mode, old), _file(new_mode, new))

    @contextmanager
    def blobs(self) -> Iterator[Blobs]:
        """Read contents by name, any number of them."""
        with self._git.process("cat-file", "--batch", stdin=subprocess.PIPE) as process:
            yield Blobs(self.name, process)

    def _commit(self, name: str) -> str | None:
        """The commit a full reference or object name leads to, through tags."""
        try:
            output = self._git.run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
        except BadInput:
            return None
        # Git before 2.30 prints --end-of-options too.
        return output.decode("ascii").split()[-1]


def _until_nul(stream: IO[bytes]) -> Iterator[bytes]:
    rest = b""
    while chunk := stream.read(1 << 16):
        *rows, rest = (rest + chunk).split(b"\0")
        yield from rows
    if rest:
        yield rest


def _file(mode: str, blob: str) -> str | None:
    return blob if mode.startswith(_FILE_MODE) else None


def _seconds(text: str) -> int:
    """A committer's time within the years that a date can have; git shows one it cannot read as 0."""
    return min(max(int(text or 0), 0), _END_OF_TIME)
