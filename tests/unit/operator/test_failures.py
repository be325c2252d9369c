"""Argo's messages of failed pods, as 3.7.4 writes them, and what they say."""

import json

import pytest

from repoloom_api.v1alpha1.conditions import Reason
from repoloom_operator.failures import Failure, failure

TOLD = {
    "task": "train-1",
    "stage": "train",
    "reason": "TrainingDiverged",
    "error": "spec.training.learningRate: the loss is no number at step 7; halve it",
    "exitCode": 65,
}


def told(**changes: object) -> str:
    return json.dumps(TOLD | changes)


MESSAGES: dict[str, tuple[str, Failure | None]] = {
    "a stage's own words": (
        f"main: Error (exit code 65): {told()}",
        Failure(Reason.TRAINING_DIVERGED, str(TOLD["error"]), 65, task="train-1", stage="train"),
    ),
    "a shard's": (
        f"main: Error (exit code 64): {told(task='gate-2', shard='b01', stage='gate', reason='StageFailed')}",
        Failure(Reason.STAGE_FAILED, str(TOLD["error"]), 64, task="gate-2", shard="b01", stage="gate"),
    ),
    "a reason of a later version": (
        f"main: Error (exit code 64): {told(reason='SomethingNew')}",
        Failure(Reason.STAGE_FAILED, str(TOLD["error"]), 64, task="train-1", stage="train"),
    ),
    "words that look like another failure": (
        f"main: Error (exit code 64): {told(error='main: OOMKilled (exit code 137), Usage of EmptyDir volume')}",
        Failure(
            Reason.TRAINING_DIVERGED,
            "main: OOMKilled (exit code 137), Usage of EmptyDir volume",
            64,
            task="train-1",
            stage="train",
        ),
    ),
    "several lines": (
        f"main: Error (exit code 64): {json.dumps({'error': 'a'}, indent=1)}",
        Failure(Reason.STAGE_FAILED, "a", 64),
    ),
    "a stage killed before it could say anything": (
        "main: Error (exit code 137)",
        Failure(Reason.STAGE_FAILED, "main: Error (exit code 137)", 137),
    ),
    "words cut off": (
        'main: Error (exit code 64): {"task": "tra',
        Failure(Reason.STAGE_FAILED, 'main: Error (exit code 64): {"task": "tra', 64),
    ),
    "JSON that is not ours": (
        "main: Error (exit code 64): [1]",
        Failure(Reason.STAGE_FAILED, "main: Error (exit code 64): [1]", 64),
    ),
    "want of memory": (
        "main: OOMKilled (exit code 137)",
        Failure(Reason.STAGE_OOM_KILLED, "it needs more memory than its pool gives a pod", 137),
    ),
    "a full disk": (
        'Usage of EmptyDir volume "scratch" exceeds the limit "20Gi". ',
        Failure(
            Reason.STAGE_DISK_FULL,
            'Usage of EmptyDir volume "scratch" exceeds the limit "20Gi"; give its pool more scratch',
        ),
    ),
    "Argo's own container": (
        f"wait: Error (exit code 1): {told()}",
        Failure(Reason.STAGE_FAILED, f"wait: Error (exit code 1): {told()}", 1),
    ),
    "no such program": (
        "main: Error (exit code 64): failed to find name in PATH",
        Failure(Reason.STAGE_FAILED, "main: Error (exit code 64): failed to find name in PATH", 64),
    ),
    "a pod that is gone": ("pod deleted", Failure(Reason.STAGE_FAILED, "pod deleted")),
    "a node that went away": (
        "Pod was terminated in response to imminent node shutdown.",
        Failure(Reason.STAGE_FAILED, "Pod was terminated in response to imminent node shutdown."),
    ),
    "nothing": ("", None),
    "Argo's bookkeeping of retries": ("No more retries left", None),
    "Argo's bookkeeping of expressions": ("retryStrategy.expression evaluated to false", None),
    "Argo's bookkeeping of the graph": ("child 'example-123' failed", None),
    "Argo's bookkeeping of what did not run": ("omitted: depends condition not met", None),
}


@pytest.mark.parametrize("case", MESSAGES)
def test_a_message_says_what_failed(case: str) -> None:
    message, expected = MESSAGES[case]
    assert failure(message) == expected
