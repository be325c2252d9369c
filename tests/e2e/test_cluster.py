"""The harness itself: pods, names, Argo, artifacts in the object store, and the pool's one accelerator."""

import secrets
import time
from collections.abc import Iterator
from typing import Any

import pytest

from support.builders import Document
from support.cluster.cluster import Cluster
from support.cluster.images import TRAIN
from support.cluster.layout import ACCELERATOR
from support.cluster.services import BUCKET, NAMESPACE, STORE_CREDENTIAL, TRUSTING, pool_nodes

pytestmark = pytest.mark.timeout(3600)
"""The first test waits for images to be built."""

WORKFLOW_SECONDS = 180
REPORTS = "--resource=workflowtaskresults.argoproj.io"
SECRET = "store"
RESTRICTED = {
    "runAsNonRoot": True,
    "runAsUser": 65532,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace in which Argo's own containers may run as they are, and report, and reach the store."""
    name = f"harness-{secrets.token_hex(3)}"
    cluster.make_namespace(name, "baseline")
    cluster.kubectl("create", "role", "reports", "--verb=create,patch", REPORTS, f"--namespace={name}")
    account = f"--serviceaccount={name}:default"
    cluster.kubectl("create", "rolebinding", "reports", "--role=reports", account, f"--namespace={name}")
    metadata = {"name": SECRET, "namespace": name}
    cluster.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": STORE_CREDENTIAL})
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false")


def test_a_workflow_hands_an_artifact_on_through_the_object_store(cluster: Cluster, namespace: str) -> None:
    key = f"harness/{namespace}"
    write = step("write", "echo woven > /tmp/said", outputs={"artifacts": [artifact(key)]})
    read = step("read", "grep woven /tmp/said", inputs={"artifacts": [artifact(key)]})
    phase, nodes = run(cluster, namespace, steps(write, read))
    assert phase == "Succeeded", nodes
    assert not {node.get("hostNodeName") for node in nodes} & set(pool_nodes(cluster))


def test_what_asks_for_an_accelerator_runs_in_the_pool(cluster: Cluster, namespace: str) -> None:
    tolerated = [{"key": ACCELERATOR, "operator": "Exists"}]
    asks = step("asks", "true", TRAIN.name, tolerations=tolerated)
    asks["container"]["resources"] = {"limits": {ACCELERATOR: "1"}}
    phase, nodes = run(cluster, namespace, steps(asks))
    assert phase == "Succeeded", nodes
    assert {node["hostNodeName"] for node in nodes if node["type"] == "Pod"} == set(pool_nodes(cluster))


def step(name: str, script: str, image: str = TRUSTING, **fields: Any) -> Document:
    container = {"image": image, "command": ["sh", "-c", script], "securityContext": RESTRICTED}
    volumes = {"volumes": [{"name": "tmp", "emptyDir": {}}]}
    container["volumeMounts"] = [{"name": "tmp", "mountPath": "/tmp"}]
    return {"name": name, "container": container, **volumes, **fields}


def artifact(key: str) -> Document:
    login = {
        "accessKeySecret": {"name": SECRET, "key": "AWS_ACCESS_KEY_ID"},
        "secretKeySecret": {"name": SECRET, "key": "AWS_SECRET_ACCESS_KEY"},
    }
    store = {"endpoint": f"minio.{NAMESPACE}.svc:9000", "bucket": BUCKET, "insecure": True, "key": key}
    return {"name": "said", "path": "/tmp/said", "s3": store | login}


def steps(*templates: Document) -> Document:
    order = [[{"name": template["name"], "template": template["name"]}] for template in templates]
    return {"entrypoint": "all", "templates": [{"name": "all", "steps": order}, *templates]}


def run(cluster: Cluster, namespace: str, spec: Document) -> tuple[str, list[Document]]:
    """How a Workflow ended, and its nodes."""
    metadata = {"name": "harness", "namespace": namespace}
    cluster.apply({"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": metadata, "spec": spec})
    deadline = time.monotonic() + WORKFLOW_SECONDS
    while True:
        status = cluster.get("workflow", "harness", f"--namespace={namespace}").get("status", {})
        if status.get("finishedAt"):
            return status["phase"], list(status["nodes"].values())
        assert time.monotonic() < deadline, status
        time.sleep(0.5)
