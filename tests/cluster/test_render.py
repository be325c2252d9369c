"""What is rendered is what Kubernetes and Argo take: every field known, every pod at the level `restricted`."""

import copy
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from repoloom.documents import read_resources, read_settings
from support.cluster.cluster import Cluster, Refused
from support.golden import cases
from support.rendering import rendered

DRY_RUN = ("apply", "--server-side", "--dry-run=server", "--validate=strict", "--field-manager=tests")


def documents(case: Path) -> Iterator[dict[str, Any]]:
    """ConfigMaps and Workflows of a case."""
    settings = read_settings(case / "settings.yaml")
    for resource in read_resources([case / "input.yaml"]):
        made = rendered(resource, settings, queue="gpus")
        yield from (made.config_map, made.workflow)


def in_namespace(document: dict[str, Any], namespace: str) -> dict[str, Any]:
    return document | {"metadata": document["metadata"] | {"namespace": namespace}}


def dry_run(cluster: Cluster, document: dict[str, Any]) -> dict[str, Any]:
    """The document as the API server would store it."""
    taken: dict[str, Any] = json.loads(
        cluster.kubectl(*DRY_RUN, "--output=json", "--filename=-", written=json.dumps(document))
    )
    return taken


every_case = pytest.mark.parametrize("case", cases("workflows"), ids=lambda path: path.name)


@every_case
def test_a_strict_dry_run_takes_every_field(cluster: Cluster, namespace: str, case: Path) -> None:
    for document in documents(case):
        dry_run(cluster, in_namespace(document, namespace))


@pytest.mark.parametrize("place", ["spec", "templates", "container", "retryStrategy", "tasks"])
def test_a_strict_dry_run_refuses_a_misspelt_field(cluster: Cluster, namespace: str, place: str) -> None:
    _, workflow = list(documents(cases("workflows")[0]))[:2]
    workflow = in_namespace(copy.deepcopy(workflow), namespace)
    dag, pod, *_ = workflow["spec"]["templates"]
    places = {
        "spec": workflow["spec"],
        "templates": pod,
        "container": pod["container"],
        "retryStrategy": pod["retryStrategy"],
        "tasks": dag["dag"]["tasks"][0],
    }
    places[place]["misspelt"] = "true"
    with pytest.raises(Refused, match="misspelt: field not declared in schema"):
        dry_run(cluster, workflow)


def lint(argo: Path, folder: Path, *workflows: dict[str, Any]) -> "subprocess.CompletedProcess[str]":
    file = folder / "workflows.yaml"
    file.write_text(yaml.safe_dump_all(workflows))
    return subprocess.run([argo, "lint", "--offline", file], capture_output=True, text=True, check=False)


@every_case
def test_argo_finds_nothing_wrong_with_it(argo: Path, tmp_path: Path, case: Path) -> None:
    linted = lint(argo, tmp_path, *(document for document in documents(case) if document["kind"] == "Workflow"))
    assert linted.returncode == 0, linted.stdout + linted.stderr
    assert "no linting errors found" in linted.stdout


def test_argo_finds_a_step_that_is_not_there(argo: Path, tmp_path: Path) -> None:
    _, workflow = list(documents(cases("workflows")[0]))[:2]
    broken = copy.deepcopy(workflow)
    broken["spec"]["templates"][0]["dag"]["tasks"][-1]["depends"] = "nothing.Succeeded"
    linted = lint(argo, tmp_path, broken)
    assert linted.returncode != 0
    assert "nothing" in linted.stdout


def pod_of(workflow: dict[str, Any], template: dict[str, Any], *, patched: bool) -> dict[str, Any]:
    """A pod of a template as Argo's controller puts it together: its own two containers, and then our patch of them."""
    executor = {"image": "quay.io/argoproj/argoexec:v3.7.4", "command": ["argoexec"]}
    patch = json.loads(workflow["spec"]["podSpecPatch"]) if patched else {}
    own = {
        name: [{"name": name, **executor} | change for change in patch.get(field, [{}])]
        for name, field in (("init", "initContainers"), ("wait", "containers"))
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": template["name"], "labels": template["metadata"]["labels"]},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": workflow["spec"]["automountServiceAccountToken"],
            "securityContext": workflow["spec"]["securityContext"],
            "volumes": template["volumes"],
            "initContainers": own["init"],
            "containers": [*own["wait"], template["container"]],
            "tolerations": template.get("tolerations", []),
            "nodeSelector": template.get("nodeSelector", {}),
        },
    }


@every_case
def test_every_pod_is_admitted_at_the_level_restricted(cluster: Cluster, namespace: str, case: Path) -> None:
    for workflow in documents(case):
        for template in workflow.get("spec", {}).get("templates", [])[1:]:
            pod = dry_run(cluster, in_namespace(pod_of(workflow, template, patched=True), namespace))
            assert carried(pod) == declared(template), "the API server gave it a token, or a credential of others"


def carried(pod: dict[str, Any]) -> set[str]:
    """Every Secret and token that a pod's containers can read."""
    sources = [source for volume in pod["spec"]["volumes"] for source in volume.get("projected", {}).get("sources", ())]
    tokens = {"a token" for source in sources if "serviceAccountToken" in source}
    mounted = {volume["secret"]["secretName"] for volume in pod["spec"]["volumes"] if "secret" in volume}
    containers = [*pod["spec"]["containers"], *pod["spec"].get("initContainers", ())]
    return tokens | mounted | {name for one in containers for name in from_environment(one)}


def declared(template: dict[str, Any]) -> set[str]:
    """The Secrets of a template; that its tasks use each of them is a matter of the unit tests."""
    mounted = {volume["secret"]["secretName"] for volume in template["volumes"] if "secret" in volume}
    return mounted | from_environment(template["container"])


def from_environment(container: dict[str, Any]) -> set[str]:
    sources = (variable.get("valueFrom", {}) for variable in container.get("env", ()))
    return {source["secretKeyRef"]["name"] for source in sources if "secretKeyRef" in source}


def test_without_the_patch_argos_own_containers_are_refused_there(cluster: Cluster, namespace: str) -> None:
    _, workflow = list(documents(cases("workflows")[0]))[:2]
    pod = pod_of(workflow, workflow["spec"]["templates"][1], patched=False)
    with pytest.raises(Refused, match=r'violates PodSecurity "restricted.*"init", "wait"'):
        dry_run(cluster, in_namespace(pod, namespace))
