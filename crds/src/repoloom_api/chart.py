"""The chart's values as types: `python -m repoloom_api.chart CHART` writes what the chart has of them.

That is `values.schema.json`, by which Helm refuses a misspelt value before anything is applied, and the CRDs as
templates, so that an upgrade of the chart upgrades them. Defaults that people read stand in `values.yaml`.
"""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, StringConstraints
from pydantic.json_schema import GenerateJsonSchema

from repoloom_api.base import Items, Model
from repoloom_api.schema import KINDS, crd, crd_file, to_yaml
from repoloom_api.settings import ImageName, LabelName, Labels, ObjectName, Quantity, SettingsConfig, Toleration
from repoloom_api.v1alpha1.common import Namespace, Schedule

Annotations = Annotated[dict[LabelName, Annotated[str, StringConstraints(max_length=4096)]], Field(max_length=32)]
"""Annotations as Kubernetes allows them."""

Address = Annotated[str, StringConstraints(pattern=r"^[0-9a-f.:]+/[0-9]{1,3}$", max_length=49)]
"""A block of addresses, as 10.0.0.0/8."""

Port = Annotated[int, Field(ge=1, le=65_535)]


class Crds(Model):
    """The CustomResourceDefinitions."""

    install: bool = True
    """Whether the chart brings them; false where somebody else installs them."""
    keep: bool = True
    """Whether they, and with them every DatasetBuild and FineTune, outlive the release."""
    annotations: Annotations = Field(default_factory=dict)
    """Annotations of their own, such as Argo CD's sync wave."""


class Amounts(Model):
    """CPUs and memory."""

    cpu: Quantity | None = None
    """CPUs."""
    memory: Quantity | None = None
    """Memory."""


class Resources(Model):
    """What a container asks for, and may use at most."""

    requests: Amounts = Amounts()
    """What is set aside for it."""
    limits: Amounts = Amounts()
    """What it may use."""


class PullSecret(Model):
    """A credential for a registry."""

    name: ObjectName
    """Name of the Secret."""


class Operator(Model):
    """The operator's Deployment."""

    image: ImageName
    """Its image, best by digest."""
    image_pull_secrets: Items[PullSecret] = Field(default=(), max_length=8)
    """Credentials for the registry of its image."""
    namespaces: Items[Namespace] = Field(default=(), max_length=64)
    """Namespaces whose resources it works on; empty, all. With names, its rights end there."""
    resources: Resources = Resources()
    """What it asks for and may use."""
    node_selector: Labels = Field(default_factory=dict)
    """Labels of the nodes it may run on."""
    tolerations: Items[Toleration] = Field(default=(), max_length=16)
    """Taints it accepts."""
    priority_class_name: ObjectName | None = None
    """Its priority."""


class Gc(Model):
    """A CronJob in each of `runNamespaces` that sweeps what nothing reaches any more."""

    enabled: bool = True
    """Whether there is one."""
    schedule: Schedule = "17 3 * * *"
    """When it runs."""
    keep_runs: int = Field(default=3, ge=0, le=1000)
    """Runs of each resource to keep."""
    grace_days: int = Field(default=7, ge=1, le=3650)
    """Whatever is younger stays."""


class NetworkPolicies(Model):
    """Who pods of runs and the operator may talk to. Your network plugin has to enforce them."""

    enabled: bool = False
    """Whether there are any."""
    api_server: Items[Address] = Field(default=(), max_length=32)
    """Where the API server is: `kubectl get endpoints kubernetes`."""
    api_server_ports: Items[Port] = Field(default=(443, 6443), min_length=1, max_length=8)
    """Its ports."""
    object_store: Items[Address] = Field(default=(), max_length=32)
    """Where the object store is; not needed for the bundled one."""
    object_store_ports: Items[Port] = Field(default=(443, 9000), min_length=1, max_length=8)
    """Its ports."""
    private_sources: Items[Address] = Field(default=(), max_length=32)
    """Private addresses that sources are collected from; public ones are open to the pods that collect."""


class ServiceMonitor(Model):
    """A ServiceMonitor of the Prometheus operator."""

    enabled: bool = False
    """Whether there is one."""
    interval: Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]*[sm]$", max_length=8)] = "30s"
    """How often it scrapes."""
    labels: Labels = Field(default_factory=dict)
    """Labels by which your Prometheus finds it."""


class Dashboard(Model):
    """The Grafana dashboard in a ConfigMap, for Grafana's sidecar."""

    enabled: bool = False
    """Whether there is one."""
    labels: Labels = Field(default_factory=lambda: {"grafana_dashboard": "1"})
    """Labels by which the sidecar finds it."""


class Argo(Model):
    """A bundled Argo Workflows controller, for a trial: minimal CRDs, no server, no user interface."""

    enabled: bool = False
    """Whether it is installed; false where Argo Workflows runs already."""
    controller_image: ImageName
    """The controller's image."""
    executor_image: ImageName
    """The image of the executor, which Argo adds to each pod."""


class Minio(Model):
    """A bundled MinIO, for a trial: one pod. MinIO is no longer maintained upstream; do not keep data in it."""

    enabled: bool = False
    """Whether it is installed, with its Secret in `runNamespaces` and beside the operator."""
    image: ImageName
    """Its image."""
    storage: Quantity | None = None
    """Size of a volume to claim; left out, data is gone with the pod."""
    root_user: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+$", min_length=3, max_length=64)] = "repoloom"
    """Name of its only user."""
    root_password: Annotated[str, StringConstraints(min_length=8, max_length=64)]
    """The user's password."""


class ChartValues(Model):
    """Values of the chart `repoloom`."""

    crds: Crds = Crds()
    """The CustomResourceDefinitions."""
    common_annotations: Annotations = Field(default_factory=dict)
    """Annotations of everything but the CRDs."""
    operator: Operator
    """The operator."""
    run_namespaces: Items[Namespace] = Field(default=("default",), max_length=64)
    """Namespaces that runs may take place in: each gets the service account of runs and the garbage collection."""
    gc: Gc = Gc()
    """Garbage collection of the object store."""
    network_policies: NetworkPolicies = NetworkPolicies()
    """Network policies."""
    service_monitor: ServiceMonitor = ServiceMonitor()
    """Metrics for the Prometheus operator."""
    dashboard: Dashboard = Dashboard()
    """Grafana dashboard."""
    argo: Argo
    """Argo Workflows for a trial."""
    minio: Minio
    """An object store for a trial."""
    config: SettingsConfig
    """The settings, as `repoloom run --settings` reads them too."""
    global_: dict[str, Any] = Field(default_factory=dict, alias="global")
    """Values that Helm hands to every chart; nothing here is read."""


class _Generator(GenerateJsonSchema):
    """JSON Schema of the values, with docstrings on one line."""

    def encode_default(self, dft: Any) -> Any:
        return dft.document() if isinstance(dft, Model) else super().encode_default(dft)


def values_schema() -> dict[str, Any]:
    """JSON Schema of the values: closed objects, so that a misspelt value is refused."""
    schema = ChartValues.model_json_schema(by_alias=True, mode="validation", schema_generator=_Generator)
    result: dict[str, Any] = _tidy(schema)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | result


def _tidy(node: Any) -> Any:
    if isinstance(node, list):
        return [_tidy(item) for item in node]
    if not isinstance(node, dict):
        return node
    kept = {name: _tidy(value) for name, value in node.items() if name != "title" or not isinstance(value, str)}
    if isinstance(kept.get("description"), str):
        kept["description"] = " ".join(kept["description"].split())
    return kept


GENERATED = "# Generated by `python -m repoloom_api.chart`; do not edit.\n"

_HEAD = """\
  labels: {{- include "repoloom.labels" . | nindent 4 }}
  annotations: {{- include "repoloom.crdAnnotations" . | nindent 4 }}
"""


def crd_template(document: dict[str, Any]) -> str:
    """A CRD as a template of the chart: installed if wanted, with the chart's labels and annotations."""
    text = to_yaml(document)
    if "{{" in text:
        raise ValueError("a CRD's text would be a template to Helm")
    name = f"  name: {document['metadata']['name']}\n"
    before, found, after = text.partition(name)
    if not found:
        raise ValueError(f"no name in the CRD {document['metadata']['name']}")
    return f"{{{{- if .Values.crds.install }}}}\n{before}{name}{_HEAD}{after}{{{{- end }}}}\n"


def write(chart: Path) -> list[Path]:
    """Write the schema of the values and the CRDs' templates into a chart; returns the files."""
    schema = chart / "values.schema.json"
    files = {schema: json.dumps(values_schema(), indent=2) + "\n"}
    files |= {chart / "templates" / "crds" / crd_file(kind): GENERATED + crd_template(crd(kind)) for kind in KINDS}
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return list(files)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m repoloom_api.chart CHART")
    print(*write(Path(sys.argv[1])), sep="\n")
