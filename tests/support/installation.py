"""Repoloom as Helm installs it on a test cluster, and a namespace with all that its runs need."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from support.builders import Document
from support.chart import CHART
from support.cluster.cluster import Cluster
from support.cluster.images import OPERATOR, TRAIN
from support.cluster.layout import ACCELERATOR, workers
from support.cluster.services import GIT_HOST, STORE, STORE_CREDENTIAL, TRUSTING
from support.go_tools import go_tool

RELEASE = "repoloom"
OPERATOR_NAMESPACE = "repoloom"
INSTALL_SECONDS = 300
RUN_SECONDS = 1800
POOL = "accelerated"


def values(namespaces: list[str]) -> dict[str, Any]:
    """The chart's values for a test cluster whose runs are in some namespaces."""
    return {"operator": {"image": OPERATOR.name}, "runNamespaces": namespaces, "config": config()}


def config() -> dict[str, Any]:
    """Settings with the cluster's store, its git server, and its pool as kind-config.yaml describes it."""
    (pool,) = (worker for worker in workers() if worker.in_pool)
    tolerations = [{"key": taint["key"], "operator": "Exists"} for taint in pool.taints]
    return {
        "apiVersion": "config.repoloom.dev/v1alpha1",
        "kind": "Settings",
        "objectStore": STORE,
        "images": {"stages": TRUSTING, "train": TRAIN.name},
        "connections": [{"name": "git", "web": {}, "hosts": [GIT_HOST], "privateAddresses": "Allowed"}],
        "pools": [
            {"name": "small", "cpu": "100m", "memory": "2Gi", "scratch": "2Gi"},
            {
                "name": POOL,
                "accelerator": {"resourceName": ACCELERATOR},
                "nodeSelector": pool.labels,
                "tolerations": tolerations,
                "cpu": "100m",
                "memory": "6Gi",
                "scratch": "5Gi",
            },
        ],
        "defaults": {"pools": {"data": "small", "training": POOL}},
    }


@dataclass(frozen=True)
class Installation:
    """The chart as one release, and what is seen of its work in one namespace."""

    cluster: Cluster
    namespace: str

    def install(self, changed: Mapping[str, Any] | None = None) -> None:
        """Install the chart, or upgrade it, and wait until the operator is ready. Raises Refused."""
        for namespace in (OPERATOR_NAMESPACE, self.namespace):
            self._make_namespace(namespace)
        file = self.cluster.folder / f"values-{self.namespace}.yaml"
        file.write_text(yaml.safe_dump(values([self.namespace]) | dict(changed or {})))
        release = ("upgrade", "--install", RELEASE, CHART, f"--namespace={OPERATOR_NAMESPACE}", f"--values={file}")
        options = ("--wait", f"--timeout={INSTALL_SECONDS}s")
        self.cluster.run(go_tool("helm"), *release, *options, seconds=INSTALL_SECONDS + 30)

    def uninstall(self) -> None:
        """Remove the release, and the namespace with all that is in it."""
        self.cluster.run(go_tool("helm"), "uninstall", RELEASE, f"--namespace={OPERATOR_NAMESPACE}", "--wait")
        self.cluster.kubectl("delete", "namespace", self.namespace, "--wait=false")

    def apply(self, *documents: Document) -> str:
        """`kubectl apply` of resources, and what it says of each."""
        content = yaml.safe_dump_all(documents)
        return self.cluster.kubectl("apply", f"--namespace={self.namespace}", "--filename=-", written=content)

    def wait_succeeded(self, document: Document, seconds: float = RUN_SECONDS) -> Document:
        """Wait as a person would; the status then. Raises Refused after a run that failed or took longer."""
        deadline = time.monotonic() + seconds
        while (succeeded := self.condition(document, "Succeeded")) != "True":
            assert succeeded != "False", self.status(document)
            assert time.monotonic() < deadline, self.status(document)
            time.sleep(0.5)
        return self.status(document)

    def condition(self, document: Document, type_: str) -> str | None:
        conditions = self.status(document).get("conditions", ())
        return next((one["status"] for one in conditions if one["type"] == type_), None)

    def status(self, document: Document) -> Document:
        name = f"{document['kind']}.repoloom.dev/{document['metadata']['name']}".lower()
        status: Document = self.cluster.get(name, f"--namespace={self.namespace}").get("status", {})
        return status

    def pods(self, run: str) -> list[Document]:
        """The pods of a run as Argo remembers them, for it deletes those that succeeded."""
        nodes = self.cluster.get("workflow", run, f"--namespace={self.namespace}")["status"]["nodes"]
        return [node for node in nodes.values() if node["type"] == "Pod"]

    def _make_namespace(self, name: str) -> None:
        self.cluster.make_namespace(name)
        metadata = {"name": "repoloom-object-store", "namespace": name}
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": STORE_CREDENTIAL}
        self.cluster.apply(secret)
