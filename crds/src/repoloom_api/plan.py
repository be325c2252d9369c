"""From a resource to a plan: a pure function to a DAG of tasks, equal for every machine, runner and settings file."""

from repoloom_api.artifacts import canonical_json, sha256_of
from repoloom_api.draft import Draft
from repoloom_api.plan_dataset import plan_dataset
from repoloom_api.plan_model import plan_model
from repoloom_api.resources import InvalidResource, Resource
from repoloom_api.settings import SettingsConfig
from repoloom_api.tasks import Plan, Task
from repoloom_api.v1alpha1.datasetbuild import DatasetBuild
from repoloom_api.v1alpha1.finetune import FineTune


class RefusedBySettings(InvalidResource):
    """A valid resource asks for a host or a pool that the settings do not give it."""


_OPERATION = frozenset({"schedule", "suspend"})
"""Fields that say when to run, not what."""


def spec_digest(resource: Resource) -> str:
    """Digest of what a resource asks for: its spec, without when to run.

    Defaults are left out, so that a field that a later version adds changes no digest and an upgrade runs nothing anew.
    """
    spec = resource.spec.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return sha256_of(canonical_json({name: value for name, value in spec.items() if name not in _OPERATION}))


def plan(resource: Resource, settings: SettingsConfig) -> Plan:
    """Plan a resource. Raises RefusedBySettings where the settings refuse what it asks for."""
    draft = Draft(settings)
    result = plan_dataset(resource, draft) if isinstance(resource, DatasetBuild) else plan_model(resource, draft)
    tasks = _in_order(draft.tasks)
    draft.place((*tasks, result), resource.spec.compute.pool if isinstance(resource, FineTune) else None)
    if draft.faults:
        raise RefusedBySettings(list(dict.fromkeys(draft.faults)))  # several tasks may reach one host
    return Plan(
        kind=resource.kind,
        name=resource.metadata.name,
        namespace=resource.metadata.namespace,
        spec_digest=spec_digest(resource),
        tasks=(*tasks, result),
        placements=draft.placements,
    )


def _in_order(tasks: list[Task]) -> list[Task]:
    """`resolve` first; the rest were added after what they need."""
    return sorted(tasks, key=lambda task: task.stage != "resolve")
