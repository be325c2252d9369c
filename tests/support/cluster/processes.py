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
        self._pid_file.write_text(str(process.pid))

    def running(self) -> bool:
        pid = self._pid()
        if pid is None:
            return False
        with suppress(ChildProcessError):  # started by another process
            os.waitpid(pid, os.WNOHANG)
        return _alive(pid)

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
            if self.running():
                os.kill(int(self._pid_file.read_text()), request)
            while self.running() and time.monotonic() < deadline:
                time.sleep(0.02)
        self._pid_file.unlink(missing_ok=True)

    def _pid(self) -> int | None:
        return int(self._pid_file.read_text()) if self._pid_file.exists() else None


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


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
