"""Rendering: a plan becomes an Argo Workflow and the ConfigMap that its pods read. Pure: no clock, no cluster.

`steps` decides which tasks share a pod, `pods` what a pod runs, `workflow` writes Argo's types, and nothing else knows
them. Whether any of it is applied is `reconcile`'s business.
"""

from dataclasses import dataclass
from typing import Any

from repoloom_api import API_VERSION
from repoloom_api.settings import SettingsConfig
from repoloom_api.tasks import Plan
from repoloom_operator import labels
from repoloom_operator.render.config_map import config_map
from repoloom_operator.render.steps import Kind, Step, steps
from repoloom_operator.render.workflow import Target, workflow
from repoloom_operator.run import Run

__all__ = ["Kind", "MissingSettings", "Rendered", "Step", "missing_settings", "render", "steps"]


class MissingSettings(ValueError):
    """The settings lack what a cluster needs; the message says what to write."""


def missing_settings(settings: SettingsConfig) -> list[str]:
    """What a cluster needs and the settings lack, each with what to write."""
    needs = []
    if settings.images is None:
        needs.append("images: {stages: …, train: …}, the containers that stages run in")
    if settings.object_store is None:
        needs.append("objectStore: {bucket: …}, where pods leave their results")
    return [f"the settings need {need}" for need in needs]


@dataclass(frozen=True)
class Rendered:
    """What a run is in a cluster."""

    config_map: dict[str, Any]
    workflow: dict[str, Any]
    steps: tuple[Step, ...]

    @property
    def pods(self) -> int:
        """How many pods it comes to at most, retries aside."""
        return sum(step.pods for step in self.steps)


def render(plan: Plan, run: Run, settings: SettingsConfig) -> Rendered:
    """Render a run of a plan. Raises MissingSettings, or InvalidResource where the plan is too large for a cluster."""
    missing = missing_settings(settings)
    if missing:
        raise MissingSettings("\n".join(missing))
    assert settings.images is not None  # or it would be missing
    assert settings.object_store is not None  # the same
    metadata = _metadata(plan, run)
    mounted = config_map(plan, run, metadata)
    fused = steps(plan, settings)
    target = Target(settings, settings.images, settings.object_store, mounted["metadata"]["name"])
    return Rendered(mounted, workflow(fused, run, _of_run(metadata, run), target), fused)


def _metadata(plan: Plan, run: Run) -> dict[str, Any]:
    """What the ConfigMap and the Workflow share. The ConfigMap is of the plan, and serves its every run."""
    result: dict[str, Any] = {
        "namespace": plan.namespace,
        "labels": {**labels.PART_OF, labels.KIND: plan.kind, labels.NAME: plan.name},
    }
    if run.owner.uid:
        result["ownerReferences"] = [
            {
                "apiVersion": API_VERSION,
                "kind": run.owner.kind,
                "name": run.owner.name,
                "uid": run.owner.uid,
                "controller": True,
                "blockOwnerDeletion": False,
            }
        ]
    return result


def _of_run(metadata: dict[str, Any], run: Run) -> dict[str, Any]:
    return metadata | {"labels": {**metadata["labels"], labels.RUN: run.name}}
