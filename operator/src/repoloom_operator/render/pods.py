"""What a step's pod runs and sees: the command line of `repoloom-stage`, environment and mounts, as plain values.

Whatever a user wrote freely travels in the plan, which is mounted; here are names of tasks, of the run and of what the
cluster's owner set up. `workflow` writes all this into Argo's types.
"""

from dataclasses import dataclass
from typing import Final

from repoloom_api.settings import ObjectStore, SettingsConfig
from repoloom_operator.render.steps import Kind, Step

PLAN_FOLDER: Final = "/etc/repoloom/plan"
PLAN_FILE: Final = "plan.json"
PINS_FILE: Final = "pins.json"
CONNECTIONS_FOLDER: Final = "/etc/repoloom/connections"
SCRATCH_FOLDER: Final = "/tmp"  # noqa: S108 - the pod's own, an emptyDir
SHARD_GROUPS_FILE: Final = f"{SCRATCH_FOLDER}/shard-groups.json"
MISSING_FILE: Final = f"{SCRATCH_FOLDER}/missing"
RESULT_FILE: Final = "/dev/termination-log"
"""Kubernetes puts what is written there, up to 4,096 bytes, into the pod's status, and Argo into the node's message."""

SHARDS_PARAMETER: Final = "shards"
MISSING_PARAMETER: Final = "missing"


@dataclass(frozen=True)
class SecretFolder:
    """A connection's Secret as a folder of files."""

    volume: str
    secret: str
    folder: str


def command(step: Step, steps: tuple[Step, ...], run: str, store: ObjectStore) -> list[str]:
    """The command line of a step's pods."""
    words = ["--plan", f"{PLAN_FOLDER}/{PLAN_FILE}", "--known-pins", f"{PLAN_FOLDER}/{PINS_FILE}"]
    words += ["--run", run, "--store", store.url]
    words += [word for task in step.tasks for word in ("--task", task)]
    if step.kind is Kind.SHARDS:
        words += ["--shards", f"{{{{inputs.parameters.{SHARDS_PARAMETER}}}}}"]
    for other in steps:
        if other.name == step.prepares:
            words += _look_ahead(other)
    if step.credentials:
        words += ["--connections", CONNECTIONS_FOLDER]
    return [*words, "--result", RESULT_FILE]


def _look_ahead(prepared: Step) -> list[str]:
    among = [word for task in prepared.tasks for word in ("--among", task)]
    if prepared.kind is Kind.SHARDS:
        return ["--list-shards", SHARD_GROUPS_FILE, "--shard-groups", str(prepared.pods), *among]
    return ["--missing", MISSING_FILE, *among]


def secret_folders(step: Step, settings: SettingsConfig) -> tuple[SecretFolder, ...]:
    """The Secrets of the connections that a step uses, each in the folder of its connection's name."""
    return tuple(
        SecretFolder(f"connection-{one.name}", one.secret_name, f"{CONNECTIONS_FOLDER}/{one.name}")
        for one in settings.connections or ()
        if one.secret_name and one.name in step.credentials
    )
