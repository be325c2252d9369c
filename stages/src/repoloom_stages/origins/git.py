"""Where a mirror's objects come from: a URL, or a checkout at hand, which lends its objects and nothing else."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from repoloom_stages.errors import BadInput, StageError
from repoloom_stages.origins.git_mirror import Mirror
from repoloom_stages.origins.git_network import NoSuchReference, check_url, credential, network_error, pinned_address
from repoloom_stages.origins.references import ABBREVIATED_COMMIT, COMMIT, CheckoutFiles, checked_name, meanings
from repoloom_stages.runtime.connections import Connection

_PUBLIC_REFERENCES = ("refs/heads", "refs/tags")
_WANTED = "refs/repoloom/wanted"
_EVERYTHING = ("+HEAD:refs/repoloom/head", "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")


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
        if not self._fetch([f"+{checked_name(commit)}:{_WANTED}"], *depth):
            self._fetch(_EVERYTHING)
        if self._commit(commit) is None:
            raise _unknown(self.name, commit)

    def _fetch(self, names: Sequence[str], *options: str) -> bool:
        """Fetch references; false if the server lacks one. A server that cannot filter sends everything."""
        fixed = ("fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--update-shallow")
        try:
            self._git.run(
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
        (self._repository / "objects" / "info" / "alternates").write_bytes(os.fsencode(self._files.objects) + b"\n")
        if shallow := self._files.shallow:
            (self._repository / "shallow").write_bytes(shallow)

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
        if self._commit(checked_name(commit)) is None:
            raise BadInput(f"{self.name} has no commit {commit}: fetch it there, or run without --source for it")


@contextmanager
def open_mirror(url: str, checkout: Path | None, connection: Connection) -> Iterator[Mirror]:
    """A mirror of a URL, or of the checkout that stands in for it; gone when the block ends.

    Raises UnsafeInput for an address that must not be reached, TryAgain while the network fails, and BadInput for all
    else that a person must change.
    """
    with tempfile.TemporaryDirectory(prefix="repoloom-git-") as folder:
        yield _Checkout(Path(folder), checkout) if checkout else _Remote(Path(folder), url, connection)


def _unknown(name: str, revision: str) -> BadInput:
    return BadInput(f"{name} has no branch, tag or commit {revision!r}: name one that exists as the source's revision")
