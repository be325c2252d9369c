"""The local runner: orders tasks, expands fan-outs, retries. What a task does is `execute`'s business.

Level-triggered, like the operator: after every event it looks at what the store has and starts what can start. Nothing
it remembers matters, so killing it costs only the tasks that were running.
"""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from repoloom_api.catalogue import CATALOGUE
from repoloom_api.runs import Pins
from repoloom_api.tasks import Task
from repoloom_stages.errors import StageError
from repoloom_stages.runtime.connections import ENVIRONMENT_KEYS
from repoloom_stages.runtime.lookup import Found, Lookup, Missing, unit_name

TRIES = 4
"""Attempts at a task that says to try again."""
FIRST_WAIT_SECONDS = 1.0
"""Before the second attempt; it doubles with each further one."""
POLL_SECONDS = 0.05
STOP_SECONDS = 30.0
"""Time that running tasks have to save their state after Ctrl-C."""

Unit = tuple[str, str | None]
"""A task, and the shard of it."""


class TaskFailed(StageError):
    """A task failed for good."""

    def __init__(self, task: Task, shard: str | None, message: str, exit_code: int, log: Path) -> None:
        label = f" ({task.label})" if task.label else ""
        super().__init__(f"{unit_name(task, shard)}{label}: {message}\n  log: {log}")
        self.exit_code = exit_code
        self.task = task.name


class Progress(Protocol):
    """What shows how a run goes."""

    def begin(self, unit: Unit, task: Task) -> None:
        """A unit started."""
        ...

    def advance(self, unit: Unit, done: int, total: int) -> None:
        """A unit has done so much."""
        ...

    def end(self, unit: Unit, task: Task, *, cached: bool, failed: bool = False) -> None:
        """A unit ended, or was found done."""
        ...

    def say(self, message: str) -> None:
        """Something a person should know."""
        ...


@dataclass
class TaskSummary:
    """What became of a task over all its shards."""

    task: Task
    units: int = 0
    cached: int = 0
    records_in: int = 0
    kept: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    memos_reused: int = 0
    memos_computed: int = 0
    seconds: float = 0.0

    def add(self, counts: dict[str, Any]) -> None:
        """Add a unit's counts."""
        self.records_in += counts.get("recordsIn", 0)
        self.kept += counts.get("kept", 0)
        for reason, number in counts.get("dropped", {}).items():
            self.dropped[reason] = self.dropped.get(reason, 0) + number


@dataclass
class _Running:
    process: subprocess.Popen[bytes]
    unit: Unit
    folder: Path
    started: float


class Runner:
    """Runs one plan."""

    def __init__(
        self,
        lookup: Lookup,
        *,
        jobs: int,
        known_pins: Pins,
        checkouts: dict[str, Path],
        logs: Path,
        scratch: Path,
        progress: Progress,
    ) -> None:
        self.lookup = lookup
        self.jobs = jobs
        self.known_pins = known_pins
        self.checkouts = checkouts
        self.logs = logs
        self.scratch = scratch
        self.progress = progress
        self.summaries = {task.name: TaskSummary(task) for task in lookup.plan.tasks}
        self._done: set[Unit] = set()
        self._tries: dict[Unit, int] = {}
        self._not_before: dict[Unit, float] = {}
        self._running: dict[Unit, _Running] = {}
        self._finished: set[str] = set()

    def run(self) -> dict[str, TaskSummary]:
        """Do every task. Raises TaskFailed after the first that fails for good; what was running is stopped."""
        self.logs.mkdir(parents=True, exist_ok=True)
        (self.logs / "plan.json").write_text(self.lookup.plan.model_dump_json(by_alias=True))
        (self.logs / "pins.json").write_text(json.dumps(self.known_pins.document()))
        try:
            while len(self._finished) < len(self.lookup.plan.tasks):
                free = self.jobs - len(self._running)
                for unit in self._startable(free) if free else ():
                    self._start(unit)
                self._wait()
        finally:
            self._stop()
        return self.summaries

    def _startable(self, most: int) -> list[Unit]:
        """So many units that can run now; those found done are noted on the way.

        It looks no further than that: what waits for a process would be asked of the store again at every turn.
        """
        ready: list[Unit] = []
        for task in self.lookup.plan.tasks:
            if task.name in self._finished or not set(self.lookup.plan.needs(task)) <= self._finished:
                continue
            shards = self.lookup.shards(task)
            if shards is None:  # what lists them was done, and has turned out damaged
                self._look_again()
                return []
            for shard in shards:
                if len(ready) == most:
                    return ready
                self._look_at((task.name, shard), task, ready)
            if all((task.name, shard) in self._done for shard in shards):
                self._finished.add(task.name)
                return self._startable(most)
        return ready

    def _look_at(self, unit: Unit, task: Task, ready: list[Unit]) -> None:
        if unit in self._done or unit in self._running:
            return
        if task.stage == "resolve" and self.lookup.pins() is not None:
            self._note(unit, task, cached=True, counts={})
            return
        found = self.lookup.find(task, unit[1])
        if isinstance(found, Found):
            self._note(unit, task, cached=True, counts=found.manifest.counts.document())
        elif isinstance(found, Missing) and time.monotonic() >= self._not_before.get(unit, 0):
            ready.append(unit)

    def _note(self, unit: Unit, task: Task, *, cached: bool, counts: dict[str, Any]) -> None:
        self._done.add(unit)
        summary = self.summaries[task.name]
        summary.units += 1
        summary.cached += cached
        summary.add(counts)
        self.progress.end(unit, task, cached=cached)

    def _start(self, unit: Unit) -> None:
        name, shard = unit
        task = self.lookup.plan.task(name)
        folder = self.logs / (f"{name}-{shard}" if shard else name)
        folder.mkdir(exist_ok=True)
        (folder / "progress").unlink(missing_ok=True)
        command = [sys.executable, "-m", "repoloom_stages", "--die-with-parent"]
        command += ["--plan", str(self.logs / "plan.json"), "--task", name, "--run", self.lookup.run]
        command += ["--known-pins", str(self.logs / "pins.json")]
        command += ["--store", self.lookup.artifacts.store.url, "--result", str(folder / "result.json")]
        command += ["--shards", json.dumps([f"{task.fan_out}/{shard}"])] if shard else []
        for pin, path in self.checkouts.items():
            command += ["--checkout", f"{pin}={path}"]
        with (folder / "log").open("ab") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C reaches the runner alone, which then stops its tasks in order
                env=_environment(task) | {"ARGO_PROGRESS_FILE": str(folder / "progress"), "TMPDIR": str(self.scratch)},
            )
        self._running[unit] = _Running(process, unit, folder, time.monotonic())
        self.progress.begin(unit, task)

    def _wait(self) -> None:
        """Until something ended, or for a moment while retries wait."""
        time.sleep(POLL_SECONDS)
        for running in list(self._running.values()):
            self._show(running)
            if running.process.poll() is not None:
                del self._running[running.unit]
                self._ended(running)

    def _show(self, running: _Running) -> None:
        try:
            done, _, total = (running.folder / "progress").read_text().partition("/")
            self.progress.advance(running.unit, int(done), int(total))
        except (FileNotFoundError, ValueError):
            pass

    def _ended(self, running: _Running) -> None:
        task = self.lookup.plan.task(running.unit[0])
        summary = self.summaries[task.name]
        summary.seconds += time.monotonic() - running.started
        result = _result(running.folder / "result.json")
        code = running.process.returncode
        if code == 0:
            said = result.get("tasks", {}).get(unit_name(task, running.unit[1]), {})
            summary.memos_reused += said.get("memosReused", 0)
            summary.memos_computed += said.get("memosComputed", 0)
            found = self.lookup.find(task, running.unit[1])
            counts = found.manifest.counts.document() if isinstance(found, Found) else {}
            self._note(running.unit, task, cached=False, counts=counts)
            return
        message = result.get("error") or _died(code)
        tries = self._tries[running.unit] = self._tries.get(running.unit, 0) + 1
        self.progress.end(running.unit, task, cached=False, failed=True)
        if code != 75 or tries >= TRIES:
            raise TaskFailed(task, running.unit[1], message, code if code > 0 else 1, running.folder / "log")
        wait = FIRST_WAIT_SECONDS * 2 ** (tries - 1)
        self._not_before[running.unit] = time.monotonic() + wait
        self._look_again()
        self.progress.say(f"{task.name}: {message}; trying again in {wait:.0f} s")

    def _look_again(self) -> None:
        """After a failed read nothing that was found is certain: what is damaged was forgotten and runs again."""
        self.lookup.forget()
        run_bound = {task.name for task in self.lookup.plan.tasks if CATALOGUE[task.stage].run_bound}
        self._done = {unit for unit in self._done if unit[0] in run_bound}
        self._finished &= run_bound
        for name, summary in self.summaries.items():
            if name not in run_bound:
                self.summaries[name] = TaskSummary(summary.task, seconds=summary.seconds)

    def _stop(self) -> None:
        """End what still runs: training saves its state on SIGTERM, the rest has nothing to save."""
        for running in self._running.values():
            running.process.send_signal(signal.SIGTERM)
        end = time.monotonic() + STOP_SECONDS
        for running in self._running.values():
            try:
                running.process.wait(max(0.1, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                running.process.kill()
                running.process.wait()
        self._running.clear()


def _environment(task: Task) -> dict[str, str]:
    """What a task's process sees: credentials of sources only where it reaches sources."""
    kept_back = () if CATALOGUE[task.stage].network else ENVIRONMENT_KEYS
    return {name: value for name, value in os.environ.items() if name not in kept_back}


def _result(path: Path) -> dict[str, Any]:
    try:
        result = json.loads(path.read_text())
        path.unlink()
    except (FileNotFoundError, ValueError):
        return {}
    return result if isinstance(result, dict) else {}


def _died(code: int) -> str:
    if code < 0:
        name = signal.Signals(-code).name
        return f"was killed by {name}" + ("; is the machine out of memory?" if name == "SIGKILL" else "")
    return f"ended with exit code {code}; see its log"
