"""Pods taken away at work without a warning, as where their node is lost, and what Argo remembers of it."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import kubernetes

from support.builders import Document
from support.cluster.cluster import Cluster
from support.cluster.services import ARGO_NAMESPACE
from support.installation import OPERATOR_NAMESPACE, Installation, selector
from support.waiting import until

START_SECONDS = 300
OPERATOR = "app.kubernetes.io/component=operator"
ARGO_CONTROLLER = "app=workflow-controller"


def wait_at_work(installation: Installation, document: Document, step: str) -> dict[str, str]:
    """The pods of a resource's step, once one's stage runs: names, and the uids that tell two of one name apart."""

    def at_work() -> dict[str, str]:
        pods = _pods(installation.cluster, installation.namespace, selector(document, step=step))
        return _uids(pods) if any(_runs(pod, "main") for pod in pods) else {}

    return until(at_work, START_SECONDS, lambda: f"no pod of {step} runs", pause=0.05)


def wait_again(installation: Installation, document: Document, step: str, gone: Mapping[str, str]) -> None:
    """Wait until a step whose pods are gone has another. One that was young, Argo makes again by its old name."""

    def again() -> bool:
        pods = _pods(installation.cluster, installation.namespace, selector(document, step=step))
        return not set(_uids(pods).values()) <= set(gone.values())

    until(again, START_SECONDS, lambda: f"{step} has no other pod than {gone}", pause=0.05)


def take_away(cluster: Cluster, namespace: str, pods: Iterable[str]) -> None:
    """Delete pods as `kubectl delete --grace-period=0 --force` does."""
    for name in pods:
        _core(cluster).delete_namespaced_pod(name, namespace, grace_period_seconds=0)


def take_operator_away(cluster: Cluster) -> None:
    """Take the operator's pod away; its Deployment makes another."""
    _take_matching_away(cluster, OPERATOR_NAMESPACE, OPERATOR)


def take_argo_away(cluster: Cluster) -> None:
    """Take the pod of Argo's controller away; its Deployment makes another."""
    _take_matching_away(cluster, ARGO_NAMESPACE, ARGO_CONTROLLER)


def attempts(installation: Installation, run: str) -> Counter[tuple[str, str]]:
    """How many pods of each step ended how."""
    return Counter((pod["templateName"], pod["phase"]) for pod in installation.pods(run))


def _take_matching_away(cluster: Cluster, namespace: str, labels: str) -> None:
    names = [pod.metadata.name for pod in _pods(cluster, namespace, labels)]
    assert names, f"no pod in {namespace} has {labels}"
    take_away(cluster, namespace, names)


def _pods(cluster: Cluster, namespace: str, labels: str) -> list[Any]:
    found: list[Any] = _core(cluster).list_namespaced_pod(namespace, label_selector=labels).items
    return found


def _uids(pods: list[Any]) -> dict[str, str]:
    return {pod.metadata.name: pod.metadata.uid for pod in pods}


def _runs(pod: Any, container: str) -> bool:
    statuses = pod.status.container_statuses or ()
    return any(one.name == container and one.state.running is not None for one in statuses)


def _core(cluster: Cluster) -> Any:
    return kubernetes.client.CoreV1Api(cluster.client)
