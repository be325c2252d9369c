"""`repoloom-stage`: tasks of a plan in a process of its own, started by the local runner or in a pod by Argo."""

import argparse
import ctypes
import json
import os
import signal
import sys
from pathlib import Path

from repoloom_api.runs import Pins
from repoloom_api.tasks import Plan
from repoloom_stages.errors import DiskFull, StageError, Stopped, says_disk_full
from repoloom_stages.runtime.artifact_store import ArtifactStore
from repoloom_stages.runtime.execute import Given
from repoloom_stages.runtime.handover import is_missing, shard_groups
from repoloom_stages.runtime.lookup import Lookup
from repoloom_stages.runtime.process import Process, parse_shards, task_of
from repoloom_stages.runtime.result import failure, success
from repoloom_stages.runtime.sigterm import Sigterm
from repoloom_stages.runtime.store import open_store

PR_SET_PDEATHSIG = 1


def main() -> int:
    """Run the tasks; the exit code says what became of them (0, 64, 65, 66, 75, or 1 for a fault of ours)."""
    sigterm = Sigterm()
    arguments = _arguments()
    # Torch's threads spin while they wait, and starve each other when tasks share cores: training took 5 times the time
    # beside another process. OpenMP reads this when torch is loaded, which is later.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if arguments.die_with_parent:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    process = None
    try:
        lookup = _lookup(arguments)
        process = _process(arguments, lookup)
        process.run(sigterm.check)
        _hand_over(arguments, lookup)
    except BaseException as raised:
        error = _explained(raised)
        _write(arguments.result, failure(process.at if process else None, error))
        if not isinstance(error, StageError | Stopped):
            raise
        return _end(error)
    _write(arguments.result, success(process.reports))
    return 0


def _lookup(arguments: argparse.Namespace) -> Lookup:
    plan = Plan.model_validate_json(arguments.plan.read_bytes())
    return Lookup(plan, arguments.run, ArtifactStore(open_store(arguments.store), plan.namespace))


def _process(arguments: argparse.Namespace, lookup: Lookup) -> Process:
    known = Pins.model_validate_json(arguments.known_pins.read_bytes()).pins if arguments.known_pins else {}
    checkouts = {pin: Path(path) for pin, _, path in (one.partition("=") for one in arguments.checkout)}
    shards = None if arguments.shards is None else parse_shards(arguments.shards)
    progress = os.environ.get("ARGO_PROGRESS_FILE")
    given = Given(checkouts, arguments.connections, known)
    return Process(lookup, given, arguments.task, shards, Path(progress) if progress else None)


def _hand_over(arguments: argparse.Namespace, lookup: Lookup) -> None:
    among = [task_of(lookup, name) for name in arguments.among]
    if arguments.list_shards:
        arguments.list_shards.write_text(json.dumps(shard_groups(lookup, among, arguments.shard_groups)))
    if arguments.missing:
        arguments.missing.write_text(json.dumps(is_missing(lookup, among)))


def _explained(error: BaseException) -> BaseException:
    if says_disk_full(error):
        return DiskFull(f"the disk is full; free some of it, or give the task's pool more scratch: {error}")
    return error


def _end(error: StageError | Stopped) -> int:
    print(error, file=sys.stderr, flush=True)
    if isinstance(error, Stopped):
        sys.stdout.flush()
        # A transfer's threads may wait for a server for minutes, and Python for them.
        os._exit(error.exit_code)
    return error.exit_code


def _write(path: Path | None, result: bytes) -> None:
    if path:
        path.write_bytes(result)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="repoloom-stage", description="Run tasks of a plan.")
    add = parser.add_argument
    add("--plan", type=Path, required=True, help="the plan, as JSON")
    add("--run", required=True, help="name of the run, whose pins hold")
    add("--store", required=True, help="folder, or s3://bucket/prefix")
    add("--task", action="append", required=True, help="name of a task; several run in this order")
    add("--shards", metavar="JSON", help='those a fan-out runs for, like ["snapshot-1/00"]; left out, all')
    add("--known-pins", type=Path, metavar="FILE", help="what `resolve` takes as it is, as JSON")
    add("--checkout", action="append", default=[], metavar="PIN=DIR", help="clone that stands in")
    add("--connections", type=Path, metavar="DIR", help="credentials, as CONNECTION/KEY; left out, the environment's")
    add("--list-shards", type=Path, metavar="FILE", help="where to write groups of the shards that are left to do")
    add("--shard-groups", type=_count, default=1, metavar="N", help="how many groups at most")
    add("--missing", type=Path, metavar="FILE", help="where to write whether a task is not in the store yet")
    add(
        "--among", action="append", default=[], metavar="TASK", help="a task that --list-shards or --missing asks about"
    )
    add("--result", type=Path, metavar="FILE", help="where to write what became of it, as JSON")
    add("--die-with-parent", action="store_true", help="end at once when the starting process does")
    return parser.parse_args()


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


if __name__ == "__main__":
    sys.exit(main())
