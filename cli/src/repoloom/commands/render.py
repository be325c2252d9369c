"""`repoloom render`: what the operator would apply for some resources, to read, to diff, or to apply by hand."""

from pathlib import Path

import yaml
from pydantic import ValidationError

from repoloom.commands.run import make_plan
from repoloom.documents import read_resources, read_settings
from repoloom_api.resources import InvalidResource, Resource
from repoloom_api.runs import Pins
from repoloom_api.settings import SettingsConfig
from repoloom_api.tasks import Plan
from repoloom_api.v1alpha1.common import ObjectMeta
from repoloom_operator.causes import Cause
from repoloom_operator.render import MissingSettings, Rendered
from repoloom_operator.render import render as render_run
from repoloom_operator.run import Owner, Run, run_name
from repoloom_stages.errors import BadInput


def render(files: list[Path], *, settings: Path | None, namespace: str | None) -> None:
    """Print each resource's ConfigMap and Workflow. Raises BadInput where the settings lack what a cluster needs."""
    loaded = read_settings(settings)
    plans = [make_plan(_in_namespace(resource, namespace), loaded) for resource in read_resources(files)]
    rendered = [_rendered(each, loaded) for each in plans]
    documents = [document for each in rendered for document in (each.config_map, each.workflow)]
    print(yaml.safe_dump_all(documents, sort_keys=False, width=120, allow_unicode=True), end="")


def _in_namespace(resource: Resource, namespace: str | None) -> Resource:
    """Like kubectl: the option says where resources go that name no namespace, and contradicts no other."""
    named = resource.metadata.namespace if "namespace" in resource.metadata.model_fields_set else None
    if namespace is None or named == namespace:
        return resource
    if named:
        raise BadInput(f"{resource.kind} {resource.metadata.name} is in the namespace {named}, not in {namespace}")
    try:
        metadata = ObjectMeta(name=resource.metadata.name, namespace=namespace)
    except ValidationError as error:
        raise BadInput(f"--namespace: {error.errors()[0]['msg']}") from None
    return resource.model_copy(update={"metadata": metadata})


def _rendered(plan: Plan, settings: SettingsConfig) -> Rendered:
    """As the first run of a resource that is not in a cluster: without a uid nothing owns what is rendered."""
    owner = Owner(plan.kind, plan.name, plan.namespace, uid="")
    run = Run(run_name(owner, plan.spec_digest, str(Cause())), owner, Pins(pins={}))
    try:
        return render_run(plan, run, settings)
    except MissingSettings as missing:
        raise BadInput(f"{missing}\nwrite them into the file that --settings names") from None
    except InvalidResource as error:
        raise BadInput("\n".join(f"{plan.kind} {plan.name}: {fault}" for fault in error.faults)) from None
