"""How fast the operator is and how much memory it takes: `make bench` prints it, and holds it against its limits.

Latency is a matter of an idle machine, so the load is printed beside it.
"""

import os
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import kubernetes
import pytest

from support.builders import Document, dataset_build
from support.cluster.api_proxy import Request
from support.cluster.cluster import Cluster
from support.operating import Place, operating, operator_account, pod_node
from support.operator_process import Nursery, Operator
from support.rig import Rig
from support.s3_server import S3Server

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

RESOURCES = 200
ALL_SECONDS = 60
ONE_AT_A_TIME = 60
ONE_SECONDS = 1.0
RSS_MEGABYTES = 150
WRITES = 12
PROGRESS_SECONDS = 150
PROGRESS_TWICE_SECONDS = 60


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
    side_by_side(place.create, builds)
    created = time.monotonic() - began
    wait_for_workflows(place, RESOURCES)
    took = time.monotonic() - began
    finish_all(place, builds)
    rss, writes = operator.rss_megabytes, written(operator) / RESOURCES
    raw = raw_seconds(place, builds)
    print(
        f"{RESOURCES} resources created in {created:.1f} s, {RESOURCES} Workflows after {took:.1f} s; "
        f"one client creates as many Workflows in {raw:.1f} s: {took / raw:.1f} times; "
        f"RSS {resting:.0f} MB at rest, {rss:.0f} MB when all were published; "
        f"{writes:.1f} writes in the life of a resource; {load()}"
    )
    assert took <= ALL_SECONDS
    assert rss <= RSS_MEGABYTES
    assert writes <= WRITES


def finish_all(place: Place, builds: list[Document]) -> None:
    """Have every build published."""

    def finish(build: Document) -> None:
        run = place.wait(build, lambda status: "workflow" in status, ALL_SECONDS)["workflow"]
        place.finish(build, run)
        place.wait_condition(build, "Ready", "True Published", ALL_SECONDS)

    side_by_side(finish, builds)


def side_by_side(do: Callable[[Document], Any], builds: list[Document]) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(do, builds))


def written(operator: Operator) -> float:
    """Requests of the operator that change something, answered or not."""
    return operator.measured("repoloom_operator_api_requests_total", 'verb="(POST|PATCH)"')


def load() -> str:
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


def test_one_resource_at_a_time(operator: Operator, place: Place) -> None:
    operator.start()
    before = load()
    seconds = [one_seconds(place, dataset_build(f"build-{number}")) for number in range(ONE_AT_A_TIME)]
    p95 = statistics.quantiles(seconds, n=20)[-1]
    print(f"create to Workflow: median {statistics.median(seconds):.2f} s, p95 {p95:.2f} s; {before} before, {load()}")
    assert p95 <= ONE_SECONDS


def one_seconds(place: Place, build: Document) -> float:
    """How long one resource takes; then rest, until the operator has nothing to do."""
    began = time.monotonic()
    place.create(build)
    while not place.workflows(of=build):
        assert time.monotonic() - began < ALL_SECONDS
        time.sleep(0.01)
    took = time.monotonic() - began
    place.wait(build, lambda status: "workflow" in status)
    return took


def test_progress_is_written_twice_a_minute_at_most(rig: Rig) -> None:
    times: list[float] = []

    def note(request: Request) -> None:
        if request.write:
            times.append(time.monotonic())

    rig.operator.start()
    build = dataset_build()
    rig.place.create(build)
    run = rig.place.wait_run(build)
    rig.proxy.intercept = note
    for number in range(PROGRESS_SECONDS):
        node = pod_node("Running", str(number), progress=f"{number}/{PROGRESS_SECONDS}")
        rig.place.nodes(run, {"n1": node})
        time.sleep(1)
    # That a pod is at work is no progress but news, and is told at once.
    apart = [later - earlier for earlier, later in pairwise(times[1:])]
    twice = [one + other for one, other in pairwise(apart)]
    print(
        f"progress each second for {PROGRESS_SECONDS} s: {len(times)} writes, apart {[round(one) for one in apart]} s"
    )
    assert len(times) >= 4, "progress is not written at all"
    assert min(twice) >= PROGRESS_TWICE_SECONDS


def wait_for_workflows(place: Place, count: int) -> None:
    deadline = time.monotonic() + 3 * ALL_SECONDS
    while (found := len(place.workflows())) < count:
        assert time.monotonic() < deadline, f"{found} of {count} Workflows"
        time.sleep(0.2)


def raw_seconds(place: Place, builds: list[Document]) -> float:
    """What it takes one client to create as many of the same Workflows."""
    client = kubernetes.client.CustomObjectsApi(place.cluster.client)
    specs = [place.workflows(of=build)[0]["spec"] for build in builds]
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
