"""The only module that starts git. A `Mirror` is a bare repository in a temporary folder, made for one task.

Repositories are data, hostile until shown otherwise. Nothing is ever checked out, so no hook, filter, submodule or
symlink has an occasion to act; git runs with an environment and a configuration of our own; a checkout at hand lends
its objects and nothing else. What is left out, and what bytes mean, is `snapshot`'s to decide.
"""

import hashlib
import os
import subprocess
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from repoloom_stages.errors import BadInput, StageError, UnsafeInput
from repoloom_stages.origins.git_network import NoSuchReference, check_url, credential, network_error, pinned_address
from repoloom_stages.origins.references import ABBREVIATED_COMMIT, COMMIT, CheckoutFiles, meanings
from repoloom_stages.runtime.connections import Connection

_FILE_MODE, _SYMLINK_MODE = "100", "120"
"""How modes begin in trees: what follows are permissions, of which old versions of git wrote more than two kinds."""

MAX_PATHS = 1_000_000
"""Trees can name each other so that a few kilobytes hold more paths than there are atoms."""

MAX_CHANGES = 10_000_000

REQUESTS_AHEAD = 200
"""Contents asked for before the first is read, so that git and we need not wait in turn. Their names (41 bytes each)
must fit into a pipe's 64 KiB: git reads none of them while it waits for us to read its answer."""

STALL_SECONDS = 60
"""A server that sends less than 1,000 bytes per second for so long is given up."""

MAX_MESSAGE_CHARACTERS = 300

# transfer.fsckObjects stays off: what it looks for harms a work tree, which there is none of, and it refuses many an
# old repository for its modes and dates. Hashes are checked in any case, names by `eligibility`.
_CONFIG = {
    "core.hooksPath": os.devnull,
    "core.bigFileThreshold": "16m",
    "gc.auto": "0",
    "http.followRedirects": "false",
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": str(STALL_SECONDS),
    "maintenance.auto": "false",
}

_PASSED_ON = ("PATH", "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY")
"""All that git gets to see of our environment."""

_END_OF_TIME = 253_402_300_799
"""The last second of the year 9999."""

_PUBLIC_REFERENCES = ("refs/heads", "refs/tags")
_WANTED = "refs/repoloom/wanted"
_EVERYTHING = ("+HEAD:refs/repoloom/head", "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")


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
        self._git_dir = folder / "mirror.git"
        self._environment = _environment(folder, protocol)
        self._run("init", "--quiet", "--bare", "--template=", str(self._git_dir))

    @property
    def shallow(self) -> bool:
        """Whether older commits may exist that are not here."""
        return (self._git_dir / "shallow").exists()

    def find(self, revision: str) -> str:
        """The commit that a branch, tag or (abbreviated) commit names, with the history of first parents at hand."""
        raise NotImplementedError

    def bring(self, commit: str, commits: int) -> None:
        """See to it that trees and files are at hand for so many commits from that one back; for all, if 0."""
        raise NotImplementedError

    def first_parents(self, head: str, after: str | None = None) -> list[Commit]:
        """Commits on the first-parent line, newest first, down to the root or to the one after `after`."""
        wanted = [_checked(head), *([f"^{_checked(after)}"] if after else [])]
        lines = self._run("log", "--first-parent", "--format=%H %ct %P", *wanted).decode("ascii").splitlines()
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
        output = self._run("log", "--max-count=1", "--format=%ct", _checked(sha))
        return Commit(sha, _seconds(output.decode("ascii").strip()))

    def tree(self, commit: str) -> Iterator[Entry]:
        """Every path in a commit's tree, sorted as git sorts them."""
        with self._reading("ls-tree", "-r", "-l", "-z", "--full-tree", _checked(commit)) as output:
            for number, row in enumerate(_until_nul(output)):
                if number == MAX_PATHS:
                    raise UnsafeInput(f"{self.name}: commit {commit} has more than {MAX_PATHS:,} paths")
                facts, _, path = row.partition(b"\t")
                mode, _, blob, size = facts.decode("ascii").split()
                yield Entry(mode, blob, int(size) if size.isdigit() else None, path)

    def changes(self, after: str, head: str) -> Iterator[Change]:
        """What each commit on the first-parent line changed, newest first; renames are a removal and an addition."""
        arguments = ("--first-parent", "-m", "--raw", "-z", "--no-abbrev", "--no-renames", "--format=%H")
        with self._reading("log", *arguments, _checked(head), f"^{_checked(after)}") as output:
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
    def blobs(self) -> Iterator["Blobs"]:
        """Read contents by name, any number of them."""
        with self._process("cat-file", "--batch", stdin=subprocess.PIPE) as process:
            yield Blobs(self.name, process)

    def _commit(self, name: str) -> str | None:
        """The commit a full reference or object name leads to, through tags."""
        try:
            output = self._run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
        except BadInput:
            return None
        # Git before 2.30 prints --end-of-options too.
        return output.decode("ascii").split()[-1]

    def _unreadable(self, message: str) -> StageError:
        return BadInput(f"{self.name}: git cannot read the repository, which may be damaged or incomplete: {message}")

    def _run(
        self,
        *arguments: str,
        config: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
        failure: Callable[[str], StageError] | None = None,
    ) -> bytes:
        with self._process(*arguments, config=config, environment=environment, failure=failure) as process:
            return _output(process).read()

    @contextmanager
    def _reading(self, *arguments: str) -> Iterator[IO[bytes]]:
        with self._process(*arguments) as process:
            yield _output(process)

    @contextmanager
    def _process(
        self,
        *arguments: str,
        stdin: int = subprocess.DEVNULL,
        config: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
        failure: Callable[[str], StageError] | None = None,
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Git at work, ended when the block is left. If git fails, raises what `failure` makes of its message."""
        settings = {**_CONFIG, **(config or {})}.items()
        options = [part for key, value in settings for part in ("-c", f"{key}={value}")]
        command = ["git", f"--git-dir={self._git_dir}", *options, *arguments]
        with tempfile.TemporaryFile() as errors:
            sees = {**self._environment, **(environment or {})}
            process = _started(command, stdin, errors, sees, self._git_dir.parent)
            with process:
                try:
                    yield process
                except BaseException:
                    process.kill()
                    if process.stdin:
                        with suppress(BrokenPipeError):  # Of requests that were not sent yet.
                            process.stdin.close()
                    raise
            if process.returncode:
                errors.seek(0)
                raise (failure or self._unreadable)(_printable(errors.read()))


class Blobs:
    """Contents by name, from a git that waits for requests."""

    def __init__(self, name: str, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None  # Mirror.blobs asks for it
        self._name = name
        self._requests, self._answers = process.stdin, _output(process)
        self._waiting: deque[str] = deque()

    def read(self, blob: str, max_bytes: int) -> bytes | None:
        """A content, or None if it is larger. Raises BadInput if the repository lacks it."""
        (content,) = self.read_all([blob], max_bytes)
        return content

    def read_all(self, blobs: Iterable[str], max_bytes: int) -> Iterator[bytes | None]:
        """Contents in the order of their names, as `read` gives each. Nothing else can be read before the last one."""
        if self._waiting:
            raise RuntimeError("contents asked for before were not all read")
        for blob in blobs:
            self._waiting.append(_checked(blob))
            self._requests.write(f"{blob}\n".encode())
            if len(self._waiting) == REQUESTS_AHEAD:
                yield self._answer(max_bytes)
        while self._waiting:
            yield self._answer(max_bytes)

    def _answer(self, max_bytes: int) -> bytes | None:
        blob = self._waiting.popleft()
        try:
            self._requests.flush()
        except BrokenPipeError as error:
            raise self._damaged(blob) from error
        header = self._answers.readline().split()
        if len(header) != 3 or header[1] != b"blob":
            raise self._damaged(blob)
        left = int(header[2])
        content = self._answers.read(left) if left <= max_bytes else None
        while content is None and left > 0 and (skipped := self._answers.read(min(left, 1 << 20))):
            left -= len(skipped)
        if self._answers.read(1) != b"\n" or (content is not None and _blob_name(content) != blob):
            raise self._damaged(blob)
        return content

    def _damaged(self, blob: str) -> BadInput:
        return BadInput(f"{self._name}: the content {blob} is missing or damaged; is it a partial or broken clone?")


class _Remote(Mirror):
    """What is fetched from a URL."""

    def __init__(self, folder: Path, url: str, connection: Connection) -> None:
        parts = check_url(url, private_addresses=connection.private_addresses)
        self._connection = connection
        self._credential = credential(parts, connection.token)
        self._config = {"remote.origin.url": url}
        if not connection.private_addresses:
            self._config |= pinned_address(parts)
        super().__init__(folder, url, protocol=parts.scheme)

    def find(self, revision: str) -> str:
        # Commits alone: trees and files of a long history are many times as large, and `resolve` reads none.
        only_commits = "--filter=tree:0"
        commit = None
        if any(self._fetch([f"+{name}:{_WANTED}"], only_commits) for name in meanings(revision, *_PUBLIC_REFERENCES)):
            commit = self._commit(_WANTED)
        elif ABBREVIATED_COMMIT.fullmatch(revision) and self._fetch(_EVERYTHING, only_commits):
            commit = self._commit(revision)
        if commit is None:
            raise _unknown(self.name, revision)
        return commit

    def bring(self, commit: str, commits: int) -> None:
        depth = [f"--depth={commits}"] if commits else []
        # Some servers give no commit by its name, only what branches and tags lead to.
        if not self._fetch([f"+{_checked(commit)}:{_WANTED}"], *depth):
            self._fetch(_EVERYTHING)
        if self._commit(commit) is None:
            raise _unknown(self.name, commit)

    def _fetch(self, names: Sequence[str], *options: str) -> bool:
        """Fetch references; false if the server lacks one. A server that cannot filter sends everything."""
        fixed = ("fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--update-shallow")
        try:
            self._run(
                *(*fixed, *options, "origin", *names),
                config=self._config,
                environment=self._credential,
                failure=self._unreachable,
            )
        except NoSuchReference:
            return False
        return True

    def _unreachable(self, message: str) -> StageError:
        return network_error(self.name, message, self._connection)


class _Checkout(Mirror):
    """The objects of a clone at hand, borrowed. Its configuration, hooks, index and work tree are never looked at.

    `git clone` would copy them, and run `upload-pack` under the clone's own configuration.
    """

    def __init__(self, folder: Path, checkout: Path) -> None:
        self._files = CheckoutFiles(checkout)
        super().__init__(folder, str(checkout), protocol="none")
        (self._git_dir / "objects" / "info" / "alternates").write_bytes(os.fsencode(self._files.objects) + b"\n")
        if shallow := self._files.shallow:
            (self._git_dir / "shallow").write_bytes(shallow)

    def find(self, revision: str) -> str:
        names = meanings(revision, "refs/heads", "refs/remotes/origin", "refs/tags")
        targets = [name if COMMIT.fullmatch(name) else self._files.target(name) for name in names]
        if ABBREVIATED_COMMIT.fullmatch(revision):
            targets.append(revision)
        commit = next((commit for target in targets if target and (commit := self._commit(target))), None)
        if commit is None:
            raise _unknown(self.name, revision)
        return commit

    def bring(self, commit: str, commits: int) -> None:  # noqa: ARG002 - a clone has what it has
        if self._commit(_checked(commit)) is None:
            raise BadInput(f"{self.name} has no commit {commit}: fetch it there, or run without --source for it")


@contextmanager
def open_mirror(url: str, checkout: Path | None, connection: Connection) -> Iterator[Mirror]:
    """A mirror of a URL, or of the checkout that stands in for it; gone when the block ends.

    Raises UnsafeInput for an address that must not be reached, TryAgain while the network fails, and BadInput for all
    else that a person must change.
    """
    with tempfile.TemporaryDirectory(prefix="repoloom-git-") as folder:
        yield _Checkout(Path(folder), checkout) if checkout else _Remote(Path(folder), url, connection)


def _environment(home: Path, protocol: str) -> dict[str, str]:
    """What git sees: no configuration but ours, one protocol, and no way to ask anyone anything."""
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return passed_on | {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home),
        "LC_ALL": "C",
        "GIT_ALLOW_PROTOCOL": protocol,
        "GIT_ASKPASS": "true",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_TERMINAL_PROMPT": "0",
    }


def _started(
    command: list[str], stdin: int, errors: IO[bytes], environment: dict[str, str], folder: Path
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            command, stdin=stdin, stdout=subprocess.PIPE, stderr=errors, env=environment, cwd=folder
        )
    except FileNotFoundError as error:
        raise StageError("git is not installed, or not in PATH") from error


def _output(process: subprocess.Popen[bytes]) -> IO[bytes]:
    assert process.stdout is not None  # _started asks for it
    return process.stdout


def _until_nul(stream: IO[bytes]) -> Iterator[bytes]:
    rest = b""
    while chunk := stream.read(1 << 16):
        *rows, rest = (rest + chunk).split(b"\0")
        yield from rows
    if rest:
        yield rest


def _blob_name(content: bytes) -> str:
    """What git calls a content. It does not look again when it reads, and a clone may have been tampered with."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _file(mode: str, blob: str) -> str | None:
    return blob if mode.startswith(_FILE_MODE) else None


def _seconds(text: str) -> int:
    """A committer's time within the years that a date can have; git shows one it cannot read as 0."""
    return min(max(int(text or 0), 0), _END_OF_TIME)


def _checked(commit: str) -> str:
    if not COMMIT.fullmatch(commit):
        raise BadInput(f"{commit!r} is no commit: 40 hexadecimal digits are needed")
    return commit


def _unknown(name: str, revision: str) -> BadInput:
    return BadInput(f"{name} has no branch, tag or commit {revision!r}: name one that exists as the source's revision")


def _printable(message: bytes) -> str:
    """What git complains about, without control characters: the server has a say in it."""
    lines = message.decode(errors="replace").splitlines()
    said = [line for line in lines if line.startswith(("fatal:", "error:", "remote:"))] or lines[-1:]
    text = "; ".join("".join(one if one.isprintable() else "?" for one in line) for line in said)
    return text[:MAX_MESSAGE_CHARACTERS] or "it gave no reason"
