"""The operator as a process in one namespace of a real API server, with the tests in Argo's place.

Argo and its pods are played here by what they leave: a Workflow's status, a run's record in the object store. Nothing
of the operator is replaced.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import kubernetes
import yaml

from repoloom_api.artifacts import RESULT_MANIFEST, canonical_json, published_prefix, sha256_of
from repoloom_operator import labels
from support.builders import Document
from support.cluster.cluster import Cluster
from support.operator_process import Nursery, Operator
from support.rendering import IMAGES
from support.s3_server import BUCKET, S3Server

PLURALS = {"DatasetBuild": "datasetbuilds", "FineTune": "finetunes"}
CONVERGE_SECONDS = 30
COMMIT = "c" * 40

RULES = [
    {"apiGroups": ["repoloom.dev"], "resources": ["datasetbuilds", "finetunes"], "verbs": ["get", "list", "watch"]},
    {
        "apiGroups": ["repoloom.dev"],
        "resources": ["datasetbuilds/status", "finetunes/status"],
        "verbs": ["patch"],
    },
    {"apiGroups": ["argoproj.io"], "resources": ["workflows"], "verbs": ["get", "list", "watch", "create", "patch"]},
    {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create"]},
    {"apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["create"]},
    {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"]},
]
"""What the operator is allowed in a namespace, and nothing anywhere else."""


class Place:
    """A namespace in which the operator works: what it sees, and what others do there."""

    def __init__(self, cluster: Cluster, namespace: str, store: S3Server) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.store = store
        self.patience_seconds: float = CONVERGE_SECONDS
        self._objects = kubernetes.client.CustomObjectsApi(cluster.client)
        self._core = kubernetes.client.CoreV1Api(cluster.client)
        session = boto3.session.Session(store.access_key, store.secret_key, region_name="us-east-1")
        self._s3 = session.client("s3", endpoint_url=store.endpoint)

    # What users do.

    def create(self, document: Document) -> Document:
        kind = document["kind"]
        created: Document = self._objects.create_namespaced_custom_object(**self._ours(kind), body=document)
        return created

    def edit(self, document: Document, change: Document) -> Document:
        """Change a resource, as `kubectl patch --type=merge`."""
        name = document["metadata"]["name"]
        changed: Document = self._objects.patch_namespaced_custom_object(
            **self._ours(document["kind"]), name=name, body=change
        )
        return changed

    def delete(self, document: Document, *, foreground: bool = False) -> None:
        """Delete a resource; foreground, it stays until its children are gone."""
        address, policy = self._ours(document["kind"]), "Foreground" if foreground else "Background"
        self._objects.delete_namespaced_custom_object(
            **address, name=document["metadata"]["name"], propagation_policy=policy
        )

    # What there is.

    def get(self, document: Document) -> Document:
        found: Document = self._objects.get_namespaced_custom_object(
            **self._ours(document["kind"]), name=document["metadata"]["name"]
        )
        return found

    def status(self, document: Document) -> Document:
        status: Document = self.get(document).get("status") or {}
        return status

    def workflows(self, of: Document | None = None) -> list[Document]:
        """Workflows by age; those of one resource, or all."""
        selector = f"{labels.KIND}={of['kind']},{labels.NAME}={of['metadata']['name']}" if of else ""
        found = self._objects.list_namespaced_custom_object(**self._argo(), label_selector=selector)["items"]
        return sorted(found, key=lambda one: str(one["metadata"]["creationTimestamp"]))

    def workflow(self, name: str) -> Document:
        found: Document = self._objects.get_namespaced_custom_object(**self._argo(), name=name)
        return found

    def delete_workflow(self, name: str) -> None:
        self._objects.delete_namespaced_custom_object(**self._argo(), name=name)

    def config_maps(self) -> list[Document]:
        found = self._core.list_namespaced_config_map(self.namespace).items
        listed: list[Document] = self.cluster.client.sanitize_for_serialization(found)
        return [one for one in listed if one["metadata"]["name"].startswith("repoloom-")]

    def events(self) -> list[Document]:
        listed: list[Document] = self.cluster.get("events", f"--namespace={self.namespace}")["items"]
        return listed

    def wait(self, document: Document, so: Callable[[Document], Any], seconds: float | None = None) -> Document:
        """Wait until status is so, and return it."""
        seconds = seconds or self.patience_seconds
        deadline = time.monotonic() + seconds
        while True:
            status = self.status(document)
            if so(status):
                return status
            assert time.monotonic() < deadline, f"status after {seconds} s: {json.dumps(status, indent=1)}"
            time.sleep(0.05)

    def wait_condition(self, document: Document, type_: str, said: str, seconds: float | None = None) -> Document:
        """Wait for a condition's `Status Reason` at the resource's present generation."""
        generation = self.get(document)["metadata"]["generation"]

        def so(status: Document) -> bool:
            return status.get("observedGeneration") == generation and conditions(status).get(type_) == said

        return self.wait(document, so, seconds)

    def wait_run(self, document: Document, other_than: str | None = None) -> str:
        """Wait for a run, and return its name."""
        status = self.wait(document, lambda status: status.get("workflow") not in {None, other_than})
        name: str = status["workflow"]
        return name

    # What Argo and its pods do.

    def nodes(self, run: str, nodes: Document, phase: str = "Running", message: str = "") -> None:
        """Give a Workflow's status nodes."""
        status = {"phase": phase, "message": message, "nodes": nodes}
        self._objects.patch_namespaced_custom_object(**self._argo(), name=run, body={"status": status})

    def finish(self, document: Document, run: str, *, verdict: Document | None = None) -> str:
        """End a run well, with a result that is told from all others by the run's name; returns its digest."""
        digest = sha256_of(run.encode())
        self.leave_result(document, run, digest, verdict)
        self.nodes(run, {}, phase="Succeeded")
        return digest

    def fail(self, run: str, message: str) -> None:
        """End a run badly, with what Argo keeps of a pod's last words."""
        self.nodes(run, {"n1": pod_node("Failed", message)}, phase="Failed", message="child 'n1' failed")

    def leave_result(self, document: Document, run: str, digest: str, verdict: Document | None = None) -> None:
        """What the last task of a run leaves in the store."""
        kind, name = document["kind"], document["metadata"]["name"]
        published = verdict is None or verdict["outcome"] == "Accepted"
        facts = {"verdict": verdict} if verdict else {"samples": 12, "tokens": 3456}
        result = {"kind": kind, "name": name, "digest": digest, "files": [], "facts": facts}
        folder = published_prefix(kind, name) if published else f"candidates/{name}/"
        self.put(f"{folder}{digest}/{RESULT_MANIFEST}", result)
        git = {"url": "https://x.org/y", "head": COMMIT, "train": COMMIT, "commits": 0, "mode": "file", "reason": "-"}
        record = {"run": run, "kind": kind, "name": name, "specDigest": digest, "result": digest, "tasks": {}}
        pins = {"source/example": {"git": git}} if kind == "DatasetBuild" else self.known_pins(run)
        self.put(f"runs/{run}.json", record | {"pins": {"pins": pins}, "published": published})

    def known_pins(self, run: str) -> Document:
        """What a run was started with, as its pods read it."""
        volumes = [volume for one in self.workflow(run)["spec"]["templates"] for volume in one.get("volumes", ())]
        name = next(volume["configMap"]["name"] for volume in volumes if "configMap" in volume)
        found = self._core.read_namespaced_config_map(name, self.namespace)
        pins: Document = json.loads(found.data["pins.json"])["pins"]
        return pins

    def put(self, name: str, document: Document) -> None:
        key = f"repoloom/{self.namespace}/{name}"
        self._s3.put_object(Bucket=BUCKET, Key=key, Body=canonical_json(document))

    def _ours(self, kind: str) -> dict[str, str]:
        return self._address("repoloom.dev", PLURALS[kind])

    def _argo(self) -> dict[str, str]:
        return self._address("argoproj.io", "workflows")

    def _address(self, group: str, plural: str) -> dict[str, str]:
        return {"group": group, "version": "v1alpha1", "namespace": self.namespace, "plural": plural}


def conditions(status: Document) -> dict[str, str]:
    """Each condition as `Status Reason`."""
    return {one["type"]: f"{one['status']} {one['reason']}" for one in status.get("conditions", ())}


def pod_node(phase: str, message: str = "", **fields: str) -> Document:
    """The node of a Workflow's first pod."""
    node = {"id": "n1", "name": "n1", "type": "Pod", "templateName": "collect", "phase": phase, "message": message}
    return node | fields


def message(status: Document, type_: str) -> str:
    return next(str(one["message"]) for one in status["conditions"] if one["type"] == type_)


def operator_account(cluster: Cluster, namespace: str) -> Cluster:
    """The cluster as the operator's service account sees it, with no more rights than the operator needs."""
    metadata = {"name": "repoloom-operator"}
    subject = {"kind": "ServiceAccount", "name": "repoloom-operator", "namespace": namespace}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "repoloom-operator"}
    rbac = kubernetes.client.RbacAuthorizationV1Api(cluster.client)
    kubernetes.client.CoreV1Api(cluster.client).create_namespaced_service_account(namespace, {"metadata": metadata})
    rbac.create_namespaced_role(namespace, {"metadata": metadata, "rules": RULES})
    binding = {"metadata": metadata, "subjects": [subject], "roleRef": role}
    rbac.create_namespaced_role_binding(namespace, binding)
    return cluster.as_service_account(namespace, "repoloom-operator")


def write_settings(folder: Path, store: S3Server, **config: Any) -> Path:
    """A settings file for the operator."""
    document = {
        "apiVersion": "config.repoloom.dev/v1alpha1",
        "kind": "Settings",
        "images": IMAGES,
        "objectStore": {"endpoint": store.endpoint, "bucket": BUCKET},
    }
    path = folder / "settings.yaml"
    path.write_text(yaml.safe_dump(document | config))
    return path


@contextmanager
def operating(
    nursery: Nursery, kubeconfig: Path, folder: Path, namespace: str, store: S3Server, **config: Any
) -> Iterator[Operator]:
    """An operator that is not started yet, gone when the block ends. Its log has to be clean then."""
    settings = write_settings(folder, store, **config)
    operator = Operator(nursery, kubeconfig, settings, namespace, store.environment)
    try:
        yield operator
    finally:
        operator.kill()
    complaints = operator.unexpected()
    assert not complaints, json.dumps(complaints[:5], indent=1)
