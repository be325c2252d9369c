"""How fast the operator is and how much memory it takes: `make bench` prints it, and holds it against its limits."""

import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import kubernetes
import pytest

from support.builders import Document, dataset_build
from support.cluster.cluster import Cluster
from support.operating import Nursery, Operator, Place, operating, operator_account
from support.s3_server import S3Server

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

RESOURCES = 200
ALL_SECONDS = 60
ONE_SECONDS = 1.0
RSS_MEGABYTES = 150


@pytest.fixture
def operator(cluster: Cluster, namespace: str, store: S3Server, nursery: Nursery, tmp_path: Path) -> Iterator[Operator]:
    account = operator_account(cluster, namespace)
    with operating(nursery, account.kubeconfig, tmp_path, namespace, store) as operator:
        yield operator


def test_two_hundred_resources_at_once(operator: Operator, place: Place) -> None:
    operator.start()
    resting = operator.rss_megabytes
    builds = [dataset_build(f"build-{number}") for number in range(RESOURCES)]
    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(place.create, builds))
    created = time.monotonic() - began
    wait_for_workflows(place, RESOURCES)
    took = time.monotonic() - began
    for build in builds:
        place.wait(build, lambda status: "workflow" in status, ALL_SECONDS)
    rss = operator.rss_megabytes
    raw = raw_seconds(place)
    print(
        f"{RESOURCES} resources created in {created:.1f} s, {RESOURCES} Workflows after {took:.1f} s; "
        f"one client creates as many Workflows in {raw:.1f} s: {took / raw:.1f} times; "
        f"RSS {resting:.0f} MB at rest, {rss:.0f} MB after"
    )
    assert took <= ALL_SECONDS
    assert rss <= RSS_MEGABYTES


def test_one_resource_at_a_time(operator: Operator, place: Place) -> None:
    operator.start()
    seconds = [one_seconds(place, dataset_build(f"build-{number}")) for number in range(40)]
    p95 = statistics.quantiles(seconds, n=20)[-1]
    print(f"create to Workflow: median {statistics.median(seconds):.2f} s, p95 {p95:.2f} s")
    assert p95 <= ONE_SECONDS


def one_seconds(place: Place, build: Document) -> float:
    before = len(place.workflows())
    began = time.monotonic()
    place.create(build)
    while len(place.workflows()) == before:
        assert time.monotonic() - began < ALL_SECONDS
        time.sleep(0.01)
    return time.monotonic() - began


def wait_for_workflows(place: Place, count: int) -> None:
    deadline = time.monotonic() + 3 * ALL_SECONDS
    while (found := len(place.workflows())) < count:
        assert time.monotonic() < deadline, f"{found} of {count} Workflows"
        time.sleep(0.2)


def raw_seconds(place: Place) -> float:
    """What it takes one client to create as many of the same Workflows."""
    client = kubernetes.client.CustomObjectsApi(place.cluster.client)
    specs = [one["spec"] for one in place.workflows()]
    began = time.monotonic()
    for number, spec in enumerate(specs):
        body = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": f"raw-{number}"}}
        client.create_namespaced_custom_object(
            group="argoproj.io",
            version="v1alpha1",
            namespace=place.namespace,
            plural="workflows",
            body=body | {"spec": spec},
        )
    return time.monotonic() - began
