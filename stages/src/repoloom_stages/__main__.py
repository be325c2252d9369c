"""`repoloom-stage`: one task of a plan in a process of its own, started by the local runner or in a pod by Argo."""

import argparse
import ctypes
import json
import os
import signal
import sys
from dataclasses import asdict
from pathlib import Path

from repoloom_api.plan import Plan
from repoloom_stages.artifact_store import ArtifactStore
from repoloom_stages.errors import StageError
from repoloom_stages.execute import execute
from repoloom_stages.lookup import Lookup
from repoloom_stages.store import open_store

PR_SET_PDEATHSIG = 1


def main() -> int:
    """Run the task; the exit code says what became of it (0, 64, 65, 66, 75, or 1 for a fault of ours)."""
    arguments = _arguments()
    # Torch's threads spin while they wait, and starve each other when tasks share cores: training took 5 times the time
    # beside another process. OpenMP reads this when torch is loaded, which is later.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if arguments.die_with_parent:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    plan = Plan.model_validate_json(arguments.plan.read_bytes())
    checkouts = {pin: Path(path) for pin, _, path in (one.partition("=") for one in arguments.checkout)}
    try:
        lookup = Lookup(plan, arguments.run, ArtifactStore(open_store(arguments.store), plan.namespace))
        report = execute(lookup, arguments.task, arguments.shard, checkouts)
    except StageError as error:
        print(error, file=sys.stderr)
        _write(arguments.result, {"error": str(error), "reason": error.reason})
        return error.exit_code
    _write(arguments.result, asdict(report) | {"counts": report.counts.document()})
    return 0


def _write(path: Path | None, result: dict[str, object]) -> None:
    if path:
        path.write_text(json.dumps(result))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="repoloom-stage", description="Run one task of a plan.")
    parser.add_argument("--plan", type=Path, required=True, help="the plan, as JSON")
    parser.add_argument("--task", required=True, help="name of the task")
    parser.add_argument("--shard", help="shard, for a task that fans out")
    parser.add_argument("--store", required=True, help="folder, or s3://bucket/prefix")
    parser.add_argument("--run", required=True, help="name of the run, whose pins hold")
    parser.add_argument("--checkout", action="append", default=[], metavar="PIN=DIR", help="clone that stands in")
    parser.add_argument("--result", type=Path, help="where to write the report, as JSON")
    parser.add_argument("--die-with-parent", action="store_true", help="end at once when the starting process does")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
