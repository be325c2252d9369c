"""The operator's process in tests: started from a nursery, killed, probed, measured, and its log read."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from support.builders import Document
from support.s3_server import free_port

START_SECONDS = 60
STOP_SECONDS = 30
UNEXPECTED = frozenset({"warn", "error", "fatal"})


class Nursery:
    """Where operators are born; see `support.nursery`."""

    def __init__(self, folder: Path) -> None:
        with (folder / "nursery.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, Path(__file__).with_name("nursery.py")],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self._lock = threading.Lock()

    def launch(self, arguments: list[str], environment: Mapping[str, str], log: Path) -> int:
        """Start an operator, and return its process's id."""
        assert self._process.stdin
        assert self._process.stdout
        asked = {"arguments": arguments, "environment": dict(environment), "log": str(log)}
        with self._lock:
            self._process.stdin.write(json.dumps(asked) + "\n")
            self._process.stdin.flush()
            return int(self._process.stdout.readline())

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()


class Operator:
    """The operator's process. It may be killed and started again."""

    def __init__(
        self, nursery: Nursery, kubeconfig: Path, settings: Path, namespace: str, environment: Mapping[str, str]
    ) -> None:
        self._nursery = nursery
        self._kubeconfig = kubeconfig
        self._settings = settings
        self._namespace = namespace
        self._environment = environment
        self._pid: int | None = None
        self.log = settings.parent / "operator.log"
        self.health_port = free_port()
        self.metrics_port = free_port()
        self.starts = 0
        self.expected: list[str] = []
        """Patterns of what a test provokes it to complain about."""

    def start(self) -> None:
        """Start it, and wait until it knows what there is."""
        self.launch()
        self.wait_until(lambda: self.probe("readyz") == 200, START_SECONDS)

    def launch(self) -> None:
        arguments = ["--settings", str(self._settings), "--namespace", self._namespace]
        arguments += [f"--health-port={self.health_port}", f"--metrics-port={self.metrics_port}"]
        environment = {**self._environment, "KUBECONFIG": str(self._kubeconfig)}
        self._pid = self._nursery.launch(arguments, environment, self.log)
        self.starts += 1

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not ready():
            assert self.running, f"the operator ended:\n{self.log.read_text()[-3000:]}"
            assert time.monotonic() < deadline, f"not within {seconds} s:\n{self.log.read_text()[-3000:]}"
            time.sleep(0.05)

    def probe(self, path: str) -> int:
        """HTTP status of a probe; 0 where nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.health_port}/{path}", timeout=5) as answer:
                status: int = answer.status
        except urllib.error.HTTPError as error:
            status = error.code
        except OSError:
            status = 0
        return status

    def metrics(self) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=5) as answer:
            content: bytes = answer.read()
        return content.decode()

    def measured(self, name: str, of: str = "") -> float:
        """A metric, summed over its labels; `of` is a pattern of those that count."""
        lines = (line for line in self.metrics().splitlines() if line.startswith((f"{name} ", f"{name}{{")))
        return sum(float(line.rpartition(" ")[2]) for line in lines if re.search(of, line))

    def queued(self) -> float:
        """Resources that wait to be looked at."""
        return self.measured("repoloom_operator_queue_length")

    @property
    def running(self) -> bool:
        return self._pid is not None and Path(f"/proc/{self._pid}").exists()

    @property
    def pid(self) -> int:
        assert self._pid is not None
        return self._pid

    def kill(self) -> None:
        """As when a node is lost."""
        self._signal(signal.SIGKILL)

    def stop(self) -> None:
        """As when a pod is deleted."""
        self._signal(signal.SIGTERM)

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            if self.running:
                os.kill(self.pid, number)
        deadline = time.monotonic() + STOP_SECONDS
        while self.running:
            assert time.monotonic() < deadline, f"the operator did not end on {number.name}"
            time.sleep(0.005)

    def unexpected(self) -> list[Document]:
        """What it complained about, but for what was expected."""
        expected = [re.compile(pattern, re.DOTALL) for pattern in self.expected]
        complaints = (line for line in self._lines() if line["severity"] in UNEXPECTED)
        return [line for line in complaints if not any(one.search(json.dumps(line)) for one in expected)]

    def _lines(self) -> Iterator[Document]:
        """Lines of its log. What is no JSON is one traceback, and an error."""
        raw: list[str] = []
        for line in [*(self.log.read_text().splitlines() if self.log.exists() else ()), "{}"]:
            try:
                parsed = json.loads(line)
            except ValueError:
                raw.append(line)
                continue
            if raw:
                yield {"severity": "error", "message": "\n".join(raw)}
                raw.clear()
            if parsed:
                yield parsed

    @property
    def rss_megabytes(self) -> float:
        status = Path(f"/proc/{self.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024
