"""The operator as a process in one namespace of a real API server, with the tests in Argo's place.

Argo and its pods are played here by what they leave: a Workflow's status, a run's record in the object store. Nothing
of the operator is replaced.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import boto3
import kubernetes
import yaml

from repoloom_api.artifacts import RESULT_MANIFEST, canonical_json, published_prefix, sha256_of
from support.builders import Document
from support.cluster.cluster import Cluster
from support.rendering import IMAGES
from support.s3_server import BUCKET, S3Server, free_port

PLURALS = {"DatasetBuild": "datasetbuilds", "FineTune": "finetunes"}
START_SECONDS = 60
STOP_SECONDS = 30
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


class Nursery:
    """Where operators are born; see `support.nursery`."""

    def __init__(self, folder: Path) -> None:
        with (folder / "nursery.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, Path(__file__).with_name("nursery.py")],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self._lock = threading.Lock()

    def launch(self, arguments: list[str], environment: Mapping[str, str], log: Path) -> int:
        """Start an operator, and return its process's id."""
        assert self._process.stdin
        assert self._process.stdout
        asked = {"arguments": arguments, "environment": dict(environment), "log": str(log)}
        with self._lock:
            self._process.stdin.write(json.dumps(asked) + "\n")
            self._process.stdin.flush()
            return int(self._process.stdout.readline())

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()


class Operator:
    """The operator's process. It may be killed and started again."""

    def __init__(
        self, nursery: Nursery, kubeconfig: Path, settings: Path, namespace: str, environment: Mapping[str, str]
    ) -> None:
        self._nursery = nursery
        self._kubeconfig = kubeconfig
        self._settings = settings
        self._namespace = namespace
        self._environment = environment
        self._pid: int | None = None
        self.log = settings.parent / "operator.log"
        self.health_port = free_port()
        self.metrics_port = free_port()
        self.starts = 0

    def start(self) -> None:
        """Start it, and wait until it knows what there is."""
        self.launch()
        self.wait_until(lambda: self.probe("readyz") == 200, START_SECONDS)

    def launch(self) -> None:
        arguments = ["--settings", str(self._settings), "--namespace", self._namespace]
        arguments += [f"--health-port={self.health_port}", f"--metrics-port={self.metrics_port}"]
        environment = {**self._environment, "KUBECONFIG": str(self._kubeconfig)}
        self._pid = self._nursery.launch(arguments, environment, self.log)
        self.starts += 1

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not ready():
            assert self.running, f"the operator ended:\n{self.log.read_text()[-3000:]}"
            assert time.monotonic() < deadline, f"not within {seconds} s:\n{self.log.read_text()[-3000:]}"
            time.sleep(0.05)

    def probe(self, path: str) -> int:
        """HTTP status of a probe; 0 where nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.health_port}/{path}", timeout=5) as answer:
                status: int = answer.status
        except urllib.error.HTTPError as error:
            status = error.code
        except OSError:
            status = 0
        return status

    def metrics(self) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=5) as answer:
            content: bytes = answer.read()
        return content.decode()

    def measured(self, name: str) -> float:
        """A metric, summed over its labels."""
        lines = self.metrics().splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith((f"{name} ", f"{name}{{")))

    def queued(self) -> float:
        """Resources that wait to be looked at."""
        return self.measured("repoloom_operator_queue_length")

    @property
    def running(self) -> bool:
        return self._pid is not None and Path(f"/proc/{self._pid}").exists()

    @property
    def pid(self) -> int:
        assert self._pid is not None
        return self._pid

    def kill(self) -> None:
        """As when a node is lost."""
        self._signal(signal.SIGKILL)

    def stop(self) -> None:
        """As when a pod is deleted."""
        self._signal(signal.SIGTERM)

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            if self.running:
                os.kill(self.pid, number)
        deadline = time.monotonic() + STOP_SECONDS
        while self.running:
            assert time.monotonic() < deadline, f"the operator did not end on {number.name}"
            time.sleep(0.005)

    def said(self, *levels: str) -> list[Document]:
        """Lines of its log of these levels; one that is no JSON is a traceback, and an error."""
        return [line for line in self._lines() if line["severity"] in levels]

    def _lines(self) -> Iterator[Document]:
        for line in self.log.read_text().splitlines() if self.log.exists() else ():
            try:
                yield json.loads(line)
            except ValueError:
                yield {"severity": "error", "message": line}

    @property
    def rss_megabytes(self) -> float:
        status = Path(f"/proc/{self.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024


class Place:
    """A namespace in which the operator works: what it sees, and what others do there."""

    def __init__(self, cluster: Cluster, namespace: str, store: S3Server) -> None:
        self.cluster = cluster
        self.namespace = namespace
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

    def delete(self, document: Document) -> None:
        name = document["metadata"]["name"]
        self._objects.delete_namespaced_custom_object(**self._ours(document["kind"]), name=name)

    # What there is.

    def get(self, document: Document) -> Document:
        found: Document = self._objects.get_namespaced_custom_object(
            **self._ours(document["kind"]), name=document["metadata"]["name"]
        )
        return found

    def status(self, document: Document) -> Document:
        status: Document = self.get(document).get("status") or {}
        return status

    def workflows(self) -> list[Document]:
        found = self._objects.list_namespaced_custom_object(**self._argo())["items"]
        return sorted(found, key=lambda one: str(one["metadata"]["creationTimestamp"]))

    def workflow(self, name: str) -> Document:
        found: Document = self._objects.get_namespaced_custom_object(**self._argo(), name=name)
        return found

    def delete_workflow(self, name: str) -> None:
        self._objects.delete_namespaced_custom_object(**self._argo(), name=name)

    def config_maps(self) -> list[Document]:
        listed = self.cluster.get("configmaps", f"--namespace={self.namespace}")["items"]
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
        node = {
            "id": "n1",
            "name": "n1",
            "type": "Pod",
            "templateName": "collect",
            "phase": "Failed",
            "message": message,
        }
        self.nodes(run, {"n1": node}, phase="Failed", message="child 'n1' failed")

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


def message(status: Document, type_: str) -> str:
    return next(str(one["message"]) for one in status["conditions"] if one["type"] == type_)


def operator_account(cluster: Cluster, namespace: str) -> Cluster:
    """The cluster as the operator's service account sees it, with no more rights than the operator needs."""
    metadata = {"name": "repoloom-operator", "namespace": namespace}
    subject = {"kind": "ServiceAccount", "name": "repoloom-operator", "namespace": namespace}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "repoloom-operator"}
    rbac = "rbac.authorization.k8s.io/v1"
    cluster.apply(
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
        {"apiVersion": rbac, "kind": "Role", "metadata": metadata, "rules": RULES},
        {"apiVersion": rbac, "kind": "RoleBinding", "metadata": metadata, "subjects": [subject], "roleRef": role},
    )
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
    """An operator that is not started yet, gone when the block ends."""
    settings = write_settings(folder, store, **config)
    operator = Operator(nursery, kubeconfig, settings, namespace, store.environment)
    try:
        yield operator
    finally:
        operator.kill()
