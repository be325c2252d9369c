"""The chart on a real API server: every object is taken as it is, pods pass `restricted`, and Helm leaves no trace."""

import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import kubernetes
import pytest

from support.builders import dataset_build
from support.chart import CHART, helm_template
from support.cluster.cluster import Cluster, Refused
from support.operating import RULES, Place, operating
from support.operator_process import Nursery
from support.rendering import IMAGES

TRIAL = CHART / "ci" / "trial-values.yaml"
PRODUCTION = CHART / "ci" / "production-values.yaml"


@pytest.fixture
def values(namespace: str) -> dict[str, Any]:
    """A release in which everything is in the test's namespace."""
    return {
        "operator.image": "example.com/operator:1",
        "operator.namespaces": [namespace],
        "runNamespaces": [namespace],
        "config.images": IMAGES,
        "config.objectStore": {"endpoint": "http://s3.example.com:9000", "bucket": "bucket"},
    }


@pytest.fixture
def release(cluster: Cluster, helm: Path, namespace: str, values: dict[str, Any]) -> Iterator[str]:
    """An installed release, named like its namespace."""
    upgrade(cluster, helm, namespace, values)
    yield namespace
    if namespace in cluster.run(helm, "list", "--short", f"--namespace={namespace}").split():
        cluster.run(helm, "uninstall", namespace, f"--namespace={namespace}")


def upgrade(cluster: Cluster, helm: Path, release: str, values: dict[str, Any]) -> None:
    options = [f"--set-json={key}={json.dumps(value)}" for key, value in values.items()]
    # The CRDs are there: tests share a cluster, and with it them.
    options += [f"--namespace={release}", "--take-ownership", "--force-conflicts"]
    cluster.run(helm, "upgrade", "--install", release, CHART, *options)


@pytest.mark.parametrize("file", [TRIAL, PRODUCTION], ids=["trial", "production"])
def test_the_api_server_takes_every_object_as_it_is(cluster: Cluster, helm: Path, namespace: str, file: Path) -> None:
    values = {"runNamespaces": [namespace], "operator.namespaces": [namespace], "serviceMonitor.enabled": False}
    documents = helm_template(helm, file, values).documents
    for each in documents:
        if each["metadata"].get("namespace") == "repoloom":
            each["metadata"]["namespace"] = namespace
    options = ("--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict", "--filename=-")
    taken = cluster.kubectl(
        "apply", *options, written=json.dumps({"kind": "List", "apiVersion": "v1", "items": documents})
    )
    assert len(taken.splitlines()) == len(documents)


@pytest.mark.parametrize("file", [TRIAL, PRODUCTION], ids=["trial", "production"])
def test_every_pod_is_admitted_at_the_level_restricted(
    cluster: Cluster, helm: Path, namespace: str, file: Path
) -> None:
    for name, template in helm_template(helm, file).pod_templates():
        pod = {"apiVersion": "v1", "kind": "Pod", "spec": template["spec"] | {"serviceAccountName": "default"}}
        pod["metadata"] = {"name": "example", "namespace": namespace}
        said = cluster.kubectl(
            "create", "--dry-run=server", "--validate=strict", "--filename=-", written=json.dumps(pod)
        )
        assert said.startswith("pod/example created"), name


def test_a_second_upgrade_changes_nothing(cluster: Cluster, helm: Path, release: str, values: dict[str, Any]) -> None:
    def versions() -> dict[str, str]:
        kinds = "deployments,services,configmaps,roles,rolebindings,cronjobs,serviceaccounts"
        found = cluster.get(kinds, f"--namespace={release}", f"--selector=app.kubernetes.io/instance={release}")
        return {
            f"{one['kind']} {one['metadata']['name']}": one["metadata"]["resourceVersion"] for one in found["items"]
        }

    before = versions()
    assert {kind.split()[0] for kind in before} >= {"Deployment", "Service", "ConfigMap", "Role", "CronJob"}
    upgrade(cluster, helm, release, values)
    assert versions() == before


def test_uninstalling_leaves_the_crds_and_with_them_every_resource(
    cluster: Cluster, helm: Path, release: str, namespace: str
) -> None:
    cluster.run(helm, "uninstall", release, f"--namespace={namespace}")
    left = cluster.get("all,roles,rolebindings,cronjobs", f"--namespace={namespace}")["items"]
    assert left == []
    assert len(cluster.get("crds", "datasetbuilds.repoloom.dev", "finetunes.repoloom.dev")["items"]) == 2


def test_a_release_that_is_uninstalled_and_installed_again_mid_run_goes_on(
    cluster: Cluster, helm: Path, release: str, values: dict[str, Any], place: Place, nursery: Nursery, tmp_path: Path
) -> None:
    """The operator runs here beside the release, under its service account, and ends as its pod would."""
    account = cluster.as_service_account(release, f"{release}-repoloom")
    with operating(nursery, account.kubeconfig, tmp_path, release, place.store) as operator:
        operator.start()
        build = dataset_build()
        place.create(build)
        run = place.wait_run(build)
        operator.stop()
    cluster.run(helm, "uninstall", release, f"--namespace={release}")
    kinds = "crds,datasetbuilds,workflows,all,roles,rolebindings,cronjobs,serviceaccounts"
    found = cluster.get(kinds, f"--namespace={release}")["items"]
    assert [one["metadata"]["name"] for one in found if "deletionTimestamp" in one["metadata"]] == []
    names = {one["metadata"]["name"] for one in found}
    assert {"datasetbuilds.repoloom.dev", "finetunes.repoloom.dev", "example", run} <= names
    assert place.status(build)["workflow"] == run
    upgrade(cluster, helm, release, values)
    account = cluster.as_service_account(release, f"{release}-repoloom")
    with operating(nursery, account.kubeconfig, tmp_path, release, place.store) as operator:
        place.finish(build, run)
        operator.start()
        place.wait_condition(build, "Ready", "True Published")
    assert [one["metadata"]["name"] for one in place.workflows()] == [run]


def test_the_operators_account_may_serve_its_namespace_and_read_no_secret(
    cluster: Cluster, release: str, namespace: str
) -> None:
    account = cluster.as_service_account(namespace, f"{release}-repoloom")
    for verb, resource in (("list", "datasetbuilds"), ("create", "workflows"), ("create", "configmaps")):
        assert may(account, verb, resource, namespace), (verb, resource)
    for verb, resource in (("get", "secrets"), ("list", "pods"), ("patch", "datasetbuilds"), ("delete", "workflows")):
        assert not may(account, verb, resource, namespace), (verb, resource)
    assert not may(account, "list", "datasetbuilds", "default")
    with pytest.raises(Refused, match="cannot list resource"):
        account.kubectl("get", "secrets", f"--namespace={namespace}")


def test_the_operators_rights_are_those_listed_and_no_others(cluster: Cluster, release: str, namespace: str) -> None:
    account = cluster.as_service_account(namespace, f"{release}-repoloom")
    nobody = cluster.as_service_account(namespace, "default")
    listed = {
        (group, resource, verb)
        for rule in RULES
        for group, resource, verb in product(rule["apiGroups"], rule["resources"], rule["verbs"])
    }
    assert rights(account, namespace) - rights(nobody, namespace) == listed
    assert rights(account, "default") == rights(nobody, "default")
    assert not any("secrets" in resource for _, resource, _ in rights(account, namespace))


def rights(account: Cluster, namespace: str) -> set[tuple[str, str, str]]:
    """What the API server says an account may do in a namespace."""
    asked = {"spec": {"namespace": namespace}}
    answer = kubernetes.client.AuthorizationV1Api(account.client).create_self_subject_rules_review(asked)
    assert not answer.status.incomplete
    return {
        right for one in answer.status.resource_rules for right in product(one.api_groups, one.resources, one.verbs)
    }


def may(account: Cluster, verb: str, resource: str, namespace: str) -> bool:
    try:
        account.kubectl("auth", "can-i", "--quiet", verb, resource, f"--namespace={namespace}")
    except Refused:
        return False
    return True
