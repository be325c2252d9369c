"""Git at work on a repository of our own; no other module starts it.

Repositories are data, hostile until shown otherwise. Nothing is ever checked out, so no hook, filter, submodule or
symlink has an occasion to act, and git runs with an environment and a configuration of our own.
"""

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from repoloom_stages.errors import BadInput, StageError

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


class Git:
    """Git on one bare repository, which it makes. Raises BadInput where the repository lacks or garbles something."""

    def __init__(self, repository: Path, name: str, protocol: str) -> None:
        """`name` is what messages call the repository; fetching is by that protocol alone."""
        self._repository, self._name = repository, name
        self._environment = _environment(repository.parent, protocol)
        self.run("init", "--quiet", "--bare", "--template=", str(repository))

    def run(
        self,
        *arguments: str,
        config: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
        failure: Callable[[str], StageError] | None = None,
    ) -> bytes:
        """What git writes."""
        with self.process(*arguments, config=config, environment=environment, failure=failure) as process:
            return output_of(process).read()

    @contextmanager
    def reading(self, *arguments: str) -> Iterator[IO[bytes]]:
        """What git writes, while it works."""
        with self.process(*arguments) as process:
            yield output_of(process)

    @contextmanager
    def process(
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
        command = ["git", f"--git-dir={self._repository}", *options, *arguments]
        with tempfile.TemporaryFile() as errors:
            sees = {**self._environment, **(environment or {})}
            process = _started(command, stdin, errors, sees, self._repository.parent)
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

    def _unreadable(self, message: str) -> StageError:
        return BadInput(f"{self._name}: git cannot read the repository, which may be damaged or incomplete: {message}")


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


def output_of(process: subprocess.Popen[bytes]) -> IO[bytes]:
    """What a git that was started here writes."""
    assert process.stdout is not None  # _started asks for it
    return process.stdout


def _printable(message: bytes) -> str:
    """What git complains about, without control characters: the server has a say in it."""
    lines = message.decode(errors="replace").splitlines()
    said = [line for line in lines if line.startswith(("fatal:", "error:", "remote:"))] or lines[-1:]
    text = "; ".join("".join(one if one.isprintable() else "?" for one in line) for line in said)
    return text[:MAX_MESSAGE_CHARACTERS] or "it gave no reason"
