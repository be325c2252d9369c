"""Servers as plain processes: started with a log and a pid file in one folder, stopped by whoever finds the folder."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

STOP_SECONDS = 10


class NotReady(Exception):
    """A server ended, or did not answer in time."""


@dataclass(frozen=True)
class Process:
    """One server by its name; what it says is in `NAME.log`."""

    folder: Path
    name: str

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    @property
    def _pid_file(self) -> Path:
        return self.folder / f"{self.name}.pid"

    def start(self, command: Sequence[str | Path], *, tied: bool = False) -> None:
        """Start it, unless it runs. Tied, it ends when the starting process does, however that happens."""
        if self.running():
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        setpriv = shutil.which("setpriv")  # of util-linux
        tie = [setpriv, "--pdeathsig", "KILL"] if tied and setpriv else []
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [*tie, *(str(part) for part in command)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._pid_file.write_text(f"{process.pid} {_began(process.pid) or ''}")

    def running(self) -> bool:
        return self._pid() is not None

    def wait_until(self, ready: Callable[[], bool], *, seconds: float) -> None:
        """Raises NotReady with the end of the log."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.running():
            if ready():
                return
            time.sleep(0.05)
        said = self.log.read_text(errors="replace")[-3000:]
        raise NotReady(f"{self.name} was not ready within {seconds} s, or ended:\n{said}")

    def stop(self) -> None:
        """Terminate it, and kill it if it stays."""
        for request in (signal.SIGTERM, signal.SIGKILL):
            deadline = time.monotonic() + STOP_SECONDS
            pid = self._pid()
            if pid is not None:
                os.kill(pid, request)
            while self.running() and time.monotonic() < deadline:
                time.sleep(0.02)
        self._pid_file.unlink(missing_ok=True)

    def _pid(self) -> int | None:
        """Its number while it runs; by its beginning it is told from a later process of that number."""
        if not self._pid_file.exists():
            return None
        pid, _, began = self._pid_file.read_text().partition(" ")
        with suppress(ChildProcessError):  # started by another process
            os.waitpid(int(pid), os.WNOHANG)
        return int(pid) if _began(int(pid)) == began else None


def call(
    *command: str | Path,
    check: bool = True,
    seconds: float = 60,
    environment: Mapping[str, str] | None = None,
) -> str:
    """What a command of the system prints. Raises RuntimeError with its complaint, unless that does not matter."""
    done = subprocess.run(
        [str(part) for part in command], env=environment, capture_output=True, text=True, timeout=seconds, check=False
    )
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}: {done.stderr.strip()[-2000:]}")
    return done.stdout


def _began(pid: int) -> str | None:
    """When a process began, in ticks since the machine did; None of one that has ended, or never was.

    Where the system does not say, it is empty, and any process of that number counts.
    """
    try:
        os.kill(pid, 0)
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (ProcessLookupError, PermissionError):  # another user's is none of ours
        return None
    except FileNotFoundError:
        return ""
    state, *numbers = stat.rpartition(") ")[2].split()  # its name, in brackets, may hold anything
    return None if state == "Z" else numbers[18]
