"""What a process leaves in its result file: in a pod the termination message, of which Kubernetes keeps 4096 bytes."""

from collections.abc import Mapping

from repoloom_api.artifacts import canonical_json
from repoloom_stages.errors import StageError, Stopped
from repoloom_stages.runtime.execute import Report
from repoloom_stages.runtime.process import Unit

MOST_BYTES = 4096


def success(reports: Mapping[str, Report]) -> bytes:
    """What became of each unit, by its name; where that is too long, how many there were and were found done."""
    whole = canonical_json({"tasks": {name: _said(report) for name, report in reports.items()}})
    if len(whole) <= MOST_BYTES:
        return whole
    return canonical_json({"units": len(reports), "cached": sum(report.cached for report in reports.values())})


def failure(unit: Unit | None, error: BaseException) -> bytes:
    """What failed and why, the message cut to fit."""
    document: dict[str, str | int]
    if isinstance(error, StageError | Stopped):
        document = {"reason": error.reason, "error": str(error), "exitCode": error.exit_code}
    else:
        document = {"reason": StageError.reason, "error": f"{type(error).__name__}: {error}", "exitCode": 1}
    if unit:
        task, shard = unit
        document |= {"task": task.name, "stage": task.stage} | ({"shard": shard} if shard else {})
    message = str(document["error"])
    while len(canonical_json(document)) > MOST_BYTES:
        message = message[: len(message) * 9 // 10]
        document["error"] = f"{message}…"
    return canonical_json(document)


def _said(report: Report) -> dict[str, str | int]:
    memos = {"memosReused": report.memos_reused, "memosComputed": report.memos_computed}
    return {"cached": report.cached, "digest": report.digest, **{name: count for name, count in memos.items() if count}}
