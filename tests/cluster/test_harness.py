"""The harness itself: who may do what, what a namespace admits, and a proxy whose faults the client feels."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import kubernetes
import pytest
from urllib3.exceptions import HTTPError

from support.builders import dataset_build
from support.cluster.api_proxy import ApiProxy, Fault
from support.cluster.cluster import Cluster, Refused


@pytest.fixture
def through(cluster: Cluster, api_proxy: ApiProxy) -> Cluster:
    """The cluster behind the proxy."""
    return Cluster(api_proxy.kubeconfig(of=cluster.kubeconfig), cluster.folder)


def test_a_users_rights_are_those_of_their_group(
    cluster: Cluster, namespace: str, user: Callable[..., Cluster]
) -> None:
    rights = ("--verb=get,list", "--resource=datasetbuilds.repoloom.dev")
    cluster.kubectl("create", "role", "reader", *rights, f"-n{namespace}")
    cluster.kubectl("create", "rolebinding", "readers", "--role=reader", "--group=readers", f"-n{namespace}")
    cluster.apply(build(namespace))
    reader, stranger = user("anna", ("readers",)), user("berta")
    assert names(reader, namespace) == ["example"]
    with pytest.raises(Refused, match='User "berta" cannot list resource'):
        names(stranger, namespace)
    with pytest.raises(Refused, match='User "anna" cannot patch resource'):
        reader.apply(build(namespace))


def test_a_service_account_is_itself(cluster: Cluster, namespace: str) -> None:
    account = cluster.as_service_account(namespace, "default")
    said = json.loads(account.kubectl("auth", "whoami", "--output=json"))
    assert said["status"]["userInfo"]["username"] == f"system:serviceaccount:{namespace}:default"
    with pytest.raises(Refused, match="cannot list resource"):
        names(account, namespace)


def test_a_namespace_admits_restricted_pods_only(cluster: Cluster, namespace: str) -> None:
    admitted = {
        "runAsNonRoot": True,
        "runAsUser": 8737,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    cluster.kubectl("create", "--dry-run=server", "--filename=-", written=json.dumps(pod(namespace, admitted)))
    root = admitted | {"runAsNonRoot": False, "runAsUser": 0}
    with pytest.raises(Refused, match="violates PodSecurity"):
        cluster.kubectl("create", "--dry-run=server", "--filename=-", written=json.dumps(pod(namespace, root)))


def test_the_proxy_counts_what_is_written(through: Cluster, api_proxy: ApiProxy, namespace: str) -> None:
    through.apply(build(namespace))
    assert names(through, namespace) == ["example"]
    written = f"/apis/repoloom.dev/v1alpha1/namespaces/{namespace}/datasetbuilds/example"
    assert [(request.method, request.path, request.write) for request in api_proxy.writes] == [("PATCH", written, 1)]
    assert len(api_proxy.requests) > len(api_proxy.writes)


@pytest.mark.parametrize("cut", ["before", "after"])
def test_the_client_dies_before_or_after_a_write(
    through: Cluster, cluster: Cluster, api_proxy: ApiProxy, namespace: str, cut: Any
) -> None:
    died: list[int] = []
    api_proxy.intercept = lambda request: (
        Fault(cut=cut, call=lambda: died.append(request.write)) if request.write == 2 else None
    )
    create(through, namespace, "first")
    with pytest.raises(HTTPError):
        create(through, namespace, "second", retries=0)
    assert died == [2]
    assert names(cluster, namespace) == (["first"] if cut == "before" else ["first", "second"])


@pytest.mark.parametrize("status", [403, 404, 429, 503])
def test_the_proxy_answers_in_the_servers_place(
    through: Cluster, api_proxy: ApiProxy, namespace: str, status: int
) -> None:
    api_proxy.intercept = lambda request: Fault(status=status, retry_after_seconds=1) if request.write else None
    with pytest.raises(kubernetes.client.ApiException) as refusal:
        create(through, namespace, "example", retries=0)
    assert refusal.value.status == status
    assert refusal.value.headers["Retry-After"] == "1"
    assert names(through, namespace) == []


def test_a_list_is_served_as_it_was(through: Cluster, api_proxy: ApiProxy, namespace: str) -> None:
    create(through, namespace, "first")
    create(through, namespace, "second")
    api_proxy.intercept = lambda request: Fault(revisions_back=1) if request.method == "GET" else None
    listed = custom_objects(through).list_namespaced_custom_object(**address(namespace))
    assert [item["metadata"]["name"] for item in listed["items"]] == ["first"]


def test_events_of_a_watch_are_dropped_and_held_back(through: Cluster, api_proxy: ApiProxy, namespace: str) -> None:
    def decide(event: dict[str, Any]) -> float | None:
        return {"dropped": None, "late": 1.0}.get(event["object"]["metadata"]["name"], 0.0)

    api_proxy.intercept = lambda request: Fault(events=decide) if request.watches else None
    create(through, namespace, "first")
    seen = watch(through, namespace)
    assert next(seen) == "first"  # and the watch is open
    began = time.monotonic()
    for name in ("prompt", "dropped", "late"):
        create(through, namespace, name)
    assert [next(seen), next(seen)] == ["prompt", "late"]
    assert time.monotonic() - began >= 1


def test_a_cut_ends_the_watches_that_are_open(through: Cluster, api_proxy: ApiProxy, namespace: str) -> None:
    create(through, namespace, "first")
    seen = watch(through, namespace)
    assert next(seen) == "first"
    threading.Timer(0.2, api_proxy.cut_all).start()
    with pytest.raises((HTTPError, StopIteration)):
        next(seen)


def watch(cluster: Cluster, namespace: str) -> Iterator[str]:
    """The names that a watch sees, which opens when the first is asked for."""
    listed = custom_objects(cluster).list_namespaced_custom_object
    events = kubernetes.watch.Watch().stream(listed, **address(namespace), timeout_seconds=60)
    return (event["object"]["metadata"]["name"] for event in events)


def create(cluster: Cluster, namespace: str, name: str, retries: int = 3) -> None:
    cluster.client.configuration.retries = retries
    custom_objects(cluster).create_namespaced_custom_object(**address(namespace), body=dataset_build(name))


def custom_objects(cluster: Cluster) -> kubernetes.client.CustomObjectsApi:
    return kubernetes.client.CustomObjectsApi(cluster.client)


def address(namespace: str) -> dict[str, str]:
    return {"group": "repoloom.dev", "version": "v1alpha1", "namespace": namespace, "plural": "datasetbuilds"}


def names(cluster: Cluster, namespace: str) -> list[str]:
    return [item["metadata"]["name"] for item in cluster.get("datasetbuilds", f"-n{namespace}")["items"]]


def build(namespace: str) -> dict[str, Any]:
    document = dataset_build()
    document["metadata"]["namespace"] = namespace
    return document


def pod(namespace: str, context: dict[str, Any]) -> dict[str, Any]:
    container = {"name": "main", "image": "example.org/image:1", "securityContext": context}
    spec = {"containers": [container], "automountServiceAccountToken": False}
    metadata = {"name": "example", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
