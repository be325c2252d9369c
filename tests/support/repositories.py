"""Tiny git repositories: every commit's author, date and content are given, so its name is the same everywhere.

Commits are made without a work tree; there is nothing on disk but `.git`.
"""

import copy
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

START = datetime(2024, 1, 1, tzinfo=UTC)
"""When a repository's first commit is made, if nothing else is said; each later one is a day after the one before."""

_WHO = "Ada <ada@example.com>"
_ENVIRONMENT = {
    "PATH": os.environ.get("PATH", os.defpath),
    "LC_ALL": "C",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.com",
    "GIT_AUTHOR_DATE": "1704067200 +0000",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.com",
    "GIT_COMMITTER_DATE": "1704067200 +0000",
}


@dataclass(frozen=True)
class Special:
    """An entry that is no plain file: a symlink, a submodule, an executable."""

    mode: str
    data: bytes


def symlink(target: str) -> Special:
    """A symbolic link."""
    return Special("120000", target.encode())


def submodule(commit: str) -> Special:
    """A commit of another repository."""
    return Special("160000", commit.encode())


Content = str | bytes | Special | None
"""What a path is to hold; None removes it."""


class Repository:
    """A repository that grows by `commit`, on the branch `main`."""

    def __init__(self, folder: Path, *, bare: bool = False) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.git("init", "--quiet", "--template=", *(["--bare"] if bare else []), ".")
        self.git_dir = folder if bare else folder / ".git"
        (self.git_dir / "HEAD").write_text("ref: refs/heads/main\n")
        self.head: str | None = None
        """The newest commit made here."""
        self._when = START - timedelta(days=1)

    def commit(
        self,
        files: Mapping[str, Content],
        message: str = "change",
        when: datetime | str | None = None,
        *,
        branch: str = "main",
        parent: str | None = None,
        merge: str | None = None,
    ) -> str:
        """Commit changes of files, given by path, on top of the newest commit (or of `parent`); the commit's name."""
        if when:
            self._when = _time(when) - timedelta(days=1)
        (self.head,) = self._import([(files, message)], branch, parent or self.head, merge)
        return self.head

    def commits(self, changes: Sequence[Mapping[str, Content]]) -> list[str]:
        """Commit several changes, each a day after the one before: as `commit` for each, but in one process."""
        made = self._import([(files, "change") for files in changes], "main", self.head, None)
        self.head = made[-1]
        return made

    def _import(
        self,
        changes: Sequence[tuple[Mapping[str, Content], str]],
        branch: str,
        parent: str | None,
        merge: str | None,
    ) -> list[str]:
        stream = []
        for number, (files, message) in enumerate(changes, start=1):
            self._when += timedelta(days=1)
            stamp = f"{_WHO} {int(self._when.timestamp())} +0000"
            text = message.encode()
            stream += [
                f"commit refs/heads/{branch}\nmark :{number}\nauthor {stamp}\ncommitter {stamp}\n".encode(),
                f"data {len(text)}\n".encode() + text + b"\n",
                f"from {parent}\n".encode() if parent else b"",
                f"merge {merge}\n".encode() if merge else b"",
                *(_change(path, content) for path, content in files.items()),
                f"get-mark :{number}\n".encode(),
            ]
            parent = f":{number}"
        return self.git("fast-import", "--quiet", "--force", stdin=b"".join(stream)).split()

    def tree(self, entries: list[tuple[str, bytes, str]]) -> str:
        """Write a tree as it is given: (mode, name, object), however odd; the tree's name."""
        raw = b"".join(mode.encode() + b" " + name + b"\0" + bytes.fromhex(sha) for mode, name, sha in entries)
        return self.git("hash-object", "-t", "tree", "-w", "--literally", "--stdin", stdin=raw).strip()

    def blob(self, content: bytes) -> str:
        """Write a content; its name."""
        return self.git("hash-object", "-w", "--stdin", stdin=content).strip()

    def commit_tree(self, tree: str) -> str:
        """Commit a tree on `main`, in place of what was there; the commit's name."""
        parents = ["-p", self.head] if self.head else []
        self.head = self.git("commit-tree", tree, *parents, "-m", "tree").strip()
        self.git("update-ref", "refs/heads/main", self.head)
        return self.head

    def copy(self, folder: Path) -> "Repository":
        """The same repository in another folder, to go on from; quicker than making it again."""
        shutil.copytree(self.folder, folder, symlinks=True)
        other = copy.copy(self)
        other.folder, other.git_dir = folder, folder / self.git_dir.relative_to(self.folder)
        return other

    def git(self, *arguments: str, stdin: bytes = b"") -> str:
        """Run git in the repository; its output."""
        environment = _ENVIRONMENT | {"HOME": str(self.folder)}
        done = subprocess.run(
            ["git", *arguments], cwd=self.folder, env=environment, input=stdin, capture_output=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"git {' '.join(arguments)}: {done.stderr.decode(errors='replace')}")
        return done.stdout.decode()


def _change(path: str, content: Content) -> bytes:
    quoted = b'"' + b"".join(b"\\%03o" % byte for byte in os.fsencode(path)) + b'"'
    if content is None:
        return b"D " + quoted + b"\n"
    special = content if isinstance(content, Special) else Special("100644", _bytes(content))
    if special.mode == "160000":
        return b"M 160000 " + special.data + b" " + quoted + b"\n"
    size = str(len(special.data)).encode()
    return b"M " + special.mode.encode() + b" inline " + quoted + b"\ndata " + size + b"\n" + special.data + b"\n"


def _bytes(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content


def _time(when: datetime | str) -> datetime:
    moment = datetime.fromisoformat(when) if isinstance(when, str) else when
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
