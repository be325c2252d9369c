"""What became of a pod that failed, read from the message that Argo keeps of it.

Argo 3.7 (`inferFailedReason` in its controller) fills the message of a node of the type `Pod`:

- `pod.status.message` where there is one: an eviction, a node that shut down;
- otherwise the first container that ended badly, `init` before `main` before `wait`, as
  `main: Error (exit code 64): TEXT`, with TEXT what the container left at its termination path: of ours, JSON (see
  `repoloom_stages`); the kernel's kill for want of memory is `main: OOMKilled (exit code 137)`, without a text;
- `pod deleted` where it is gone.

Nodes of the type `Retry` do not repeat it: theirs is `No more retries left` or `retryStrategy.expression evaluated to
false`. So ask about the last child of a Retry node, in phase Failed or Error.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

from repoloom_api.v1alpha1.conditions import Reason

_CONTAINER = re.compile(r"(?P<name>[a-z0-9-]+): (?P<why>\w*) \(exit code (?P<code>\d+)\)(?:: (?P<text>.*))?", re.DOTALL)
_DISK_FULL = re.compile(r"Usage of EmptyDir volume|ephemeral local storage usage|exceeded its local ephemeral storage")
_BOOKKEEPING = re.compile(
    r"No more retries left|retryStrategy\.expression evaluated|Backoff for |Max duration limit|Backoff would exceed"
    r"|omitted: |when '|Skipped, |child '|Stopped with strategy|workflow shutdown with strategy"
)


@dataclass(frozen=True)
class Failure:
    """Why a pod failed."""

    reason: Reason
    message: str
    """For people; of a stage's own failure, it names the field or file, and what to do."""
    exit_code: int | None = None
    """Of the container; none where no container ended, as when the pod was taken away."""
    task: str | None = None
    """The task that failed, if that is known."""
    shard: str | None = None
    stage: str | None = None


def failure(node_message: str) -> Failure | None:
    """What the message of a failed pod's node says; None if it is Argo's bookkeeping and of no pod."""
    if not node_message or _BOOKKEEPING.match(node_message):
        return None
    if _DISK_FULL.search(node_message.partition(": {")[0]):
        return Failure(Reason.STAGE_DISK_FULL, f"{node_message.rstrip('. ')}; give its pool more scratch")
    container = _CONTAINER.fullmatch(node_message)
    if container is None:
        return Failure(Reason.STAGE_FAILED, node_message)
    code = int(container["code"])
    if container["why"] == "OOMKilled":
        return Failure(Reason.STAGE_OOM_KILLED, "it needs more memory than its pool gives a pod", code)
    told = _told(container["text"] or "") if container["name"] == "main" else None
    return _stage_failure(told, code) if told else Failure(Reason.STAGE_FAILED, node_message, code)


def _told(text: str) -> dict[str, Any] | None:
    """What a stage left, if it came that far. Others write to the same place: Argo's emissary, in plain words."""
    try:
        told = json.loads(text)
    except ValueError:
        return None
    return told if isinstance(told, dict) and isinstance(told.get("error"), str) else None


def _stage_failure(told: dict[str, Any], code: int) -> Failure:
    return Failure(
        reason=_reason(told.get("reason")),
        message=told["error"],
        exit_code=code,
        task=_text(told.get("task")),
        shard=_text(told.get("shard")),
        stage=_text(told.get("stage")),
    )


def _reason(word: Any) -> Reason:
    try:
        return Reason(word)
    except ValueError:
        return Reason.STAGE_FAILED


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
