"""Repoloom as Helm installs it on a test cluster, and a namespace with all that its runs need."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import kubernetes
import yaml

from support.builders import Document, dataset_build
from support.chart import CHART
from support.cluster.cluster import Cluster
from support.cluster.images import OPERATOR, TRAIN
from support.cluster.layout import ACCELERATOR, workers
from support.cluster.services import GIT_HOST, STORE, STORE_CREDENTIAL, TRUSTING
from support.go_tools import go_tool
from support.waiting import until

RELEASE = "repoloom"
OPERATOR_NAMESPACE = "repoloom"
INSTALL_SECONDS = 300
RUN_SECONDS = 1800
LOOK_SECONDS = 120
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
    others: tuple[str, ...] = ()
    """Other namespaces that runs are in."""

    def install(self, changed: Mapping[str, Any] | None = None) -> None:
        """Install the chart, or upgrade it, and wait until the operator is ready. Raises Refused."""
        for namespace in (OPERATOR_NAMESPACE, *self._namespaces):
            self._make_namespace(namespace)
        file = self.cluster.folder / f"values-{self.namespace}.yaml"
        file.write_text(yaml.safe_dump(values(self._namespaces) | dict(changed or {})))
        release = ("upgrade", "--install", RELEASE, CHART, f"--namespace={OPERATOR_NAMESPACE}", f"--values={file}")
        options = ("--wait", f"--timeout={INSTALL_SECONDS}s")
        self.cluster.run(go_tool("helm"), *release, *options, seconds=INSTALL_SECONDS + 30)

    def uninstall(self) -> None:
        """Remove the release; what it kept in these namespaces stays. Raises Refused."""
        self.cluster.run(go_tool("helm"), "uninstall", RELEASE, f"--namespace={OPERATOR_NAMESPACE}", "--wait")

    def delete_namespaces(self) -> None:
        """Remove the runs' namespaces with all that is in them."""
        self.cluster.kubectl("delete", "namespace", *self._namespaces, "--wait=false")

    def other(self) -> "Installation":
        """The same release, seen from the next of its namespaces."""
        following, *others = self.others
        return replace(self, namespace=following, others=(*others, self.namespace))

    def apply(self, *documents: Document) -> None:
        """`kubectl apply` of resources."""
        content = yaml.safe_dump_all(documents)
        self.cluster.kubectl("apply", f"--namespace={self.namespace}", "--filename=-", written=content)

    def wait_ended(self, document: Document, seconds: float = RUN_SECONDS) -> Document:
        """Wait until a resource's newest run has ended, as a person would; the status then."""

        def ended() -> Document | None:
            found = self.resource(document)
            status: Document = found.get("status", {})
            seen = status.get("observedGeneration") == found["metadata"]["generation"]
            return status if seen and says(status, "Succeeded") not in {None, "Unknown"} else None

        return until(ended, seconds, lambda: f"has not ended: {self.status(document)}")

    def wait_succeeded(self, document: Document, seconds: float = RUN_SECONDS) -> Document:
        """Wait until a resource's newest run has ended, and well; the status then."""
        status = self.wait_ended(document, seconds)
        assert says(status, "Succeeded") == "True", status
        return status

    def wait_run(self, document: Document) -> str:
        """Wait until a resource has a run, and return its name."""

        def started() -> str | None:
            run: str | None = self.status(document).get("workflow")
            return run

        return until(started, LOOK_SECONDS, lambda: f"no run: {self.status(document)}")

    def wait_looked(self) -> None:
        """Wait until the operator has taken notice of something that is newer than all there is now."""
        newest = dataset_build(f"newest-{secrets.token_hex(3)}", suspend=True)
        self.apply(newest)
        until(lambda: self.status(newest).get("observedGeneration"), LOOK_SECONDS, lambda: "nothing is looked at")
        self.delete(newest)

    def delete(self, *documents: Document) -> None:
        """`kubectl delete` of resources."""
        self.cluster.kubectl("delete", *map(_argument, documents), f"--namespace={self.namespace}")

    def rerun(self, document: Document) -> None:
        """Have the operator start another run of the same spec."""
        note = f"repoloom.dev/rerun={secrets.token_hex(3)}"
        self.cluster.kubectl("annotate", "--overwrite", _argument(document), note, f"--namespace={self.namespace}")

    def seen(self, document: Document) -> Document:
        """All that there is of a resource: itself, its Workflows with their pods, and its events."""
        runs = [one["metadata"]["name"] for one in self.workflows(document)]
        return {
            "resource": self.resource(document),
            "pods": {run: sorted(pod["id"] for pod in self.pods(run)) for run in runs},
            "events": self.events(document),
        }

    def status(self, document: Document) -> Document:
        status: Document = self.resource(document).get("status", {})
        return status

    def resource(self, document: Document) -> Document:
        """A resource as the API server has it."""
        plural, name = f"{document['kind']}s".lower(), document["metadata"]["name"]
        found: Document = self._objects.get_namespaced_custom_object(
            "repoloom.dev", "v1alpha1", self.namespace, plural, name
        )
        return found

    def workflows(self, document: Document) -> list[Document]:
        """The Workflows of a resource, of every run, the oldest first."""
        found = self._objects.list_namespaced_custom_object(
            "argoproj.io", "v1alpha1", self.namespace, "workflows", label_selector=selector(document)
        )
        return sorted(found["items"], key=lambda one: str(one["metadata"]["creationTimestamp"]))

    def pods(self, run: str) -> list[Document]:
        """The pods of a run as Argo remembers them, for it deletes those that succeeded."""
        workflow = self._objects.get_namespaced_custom_object(
            "argoproj.io", "v1alpha1", self.namespace, "workflows", run
        )
        return [node for node in workflow.get("status", {}).get("nodes", {}).values() if node["type"] == "Pod"]

    def events(self, document: Document) -> list[tuple[str, str]]:
        """Reason and note of what the operator told of a resource, sorted."""
        name = document["metadata"]["name"]
        listed = self.cluster.get("events.events.k8s.io", f"--namespace={self.namespace}")["items"]
        ours = [
            one for one in listed if (one["regarding"]["kind"], one["regarding"]["name"]) == (document["kind"], name)
        ]
        return sorted((one["reason"], one["note"]) for one in ours)

    @property
    def _namespaces(self) -> list[str]:
        return sorted((self.namespace, *self.others))

    @cached_property
    def _objects(self) -> Any:
        return kubernetes.client.CustomObjectsApi(self.cluster.client)

    def _make_namespace(self, name: str) -> None:
        self.cluster.make_namespace(name)
        metadata = {"name": "repoloom-object-store", "namespace": name}
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": STORE_CREDENTIAL}
        self.cluster.apply(secret)


def says(status: Document, type_: str, field: str = "status") -> str | None:
    """What a condition says, if it exists."""
    return next((one[field] for one in status.get("conditions", ()) if one["type"] == type_), None)


def selector(document: Document, **labels: str) -> str:
    """Which objects of runs are a resource's, and further labels of theirs."""
    wanted = {"kind": document["kind"], "name": document["metadata"]["name"]} | labels
    return ",".join(f"repoloom.dev/{name}={value}" for name, value in wanted.items())


def _argument(document: Document) -> str:
    """A resource as kubectl's arguments name one."""
    return f"{document['kind']}.repoloom.dev/{document['metadata']['name']}".lower()
