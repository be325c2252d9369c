"""Scenario 13: a resource is applied again and again, at work and after it, and nothing comes of it."""

import json
import time

import pytest

from support.argocd import health
from support.builders import Document, dataset_build
from support.cluster.cluster import Cluster
from support.rig import Rig, settle

ONE_IN_TEN = 10
WHOLE = 100


def check_applies(rig: Rig, applies: int) -> None:
    """Apply a build half the times while it is at work, and half of them when it is published."""
    place, cluster, build = rig.place, rig.place.cluster, dataset_build()
    build["metadata"]["namespace"] = place.namespace
    rig.operator.start()
    cluster.apply(build)
    run = place.wait_run(build)
    began = time.monotonic()
    check_settled(rig, build, applies // 2, "Progressing")
    place.finish(build, run)
    place.wait_condition(build, "Ready", "True Published")
    check_settled(rig, build, applies - applies // 2, "Healthy")
    assert [one["metadata"]["name"] for one in place.workflows()] == [run]
    assert len(place.config_maps()) == 1
    print(f"applied {applies} times: 0 changes, 1 Workflow, {time.monotonic() - began:.0f} s")


def check_settled(rig: Rig, build: Document, applies: int, healthy: str) -> None:
    settle(rig.operator)
    settled = rig.place.get(build)
    rig.proxy.forget()
    for _ in range(applies):
        rig.place.cluster.apply(build)
    assert differences(rig.place.cluster, build) == ""
    settle(rig.operator)
    found = rig.place.get(build)
    assert found["metadata"]["resourceVersion"] == settled["metadata"]["resourceVersion"], "something was written"
    assert found == settled
    assert rig.proxy.writes == []
    assert health("DatasetBuild", found)["status"] == healthy


def differences(cluster: Cluster, document: Document) -> str:
    """What another apply would change. Raises Refused where it is anything."""
    options = ("--server-side", "--field-manager=tests", "--filename=-")
    return cluster.kubectl("diff", *options, written=json.dumps(document))


def test_another_apply_changes_nothing(rig: Rig) -> None:
    check_applies(rig, ONE_IN_TEN)


@pytest.mark.faults
@pytest.mark.timeout(600)
def test_a_hundred_applies_change_nothing(rig: Rig) -> None:
    check_applies(rig, WHOLE)


def test_a_touched_resource_is_looked_at_and_left_as_it_is(rig: Rig) -> None:
    build = dataset_build()
    rig.operator.start()
    rig.place.create(build)
    run = rig.place.wait_run(build)
    rig.place.finish(build, run)
    status = rig.place.wait_condition(build, "Ready", "True Published")
    settle(rig.operator)
    rig.proxy.forget()
    rig.place.edit(build, {"metadata": {"labels": {"touched": "yes"}}})
    settle(rig.operator)
    assert any(one.path.endswith("/datasetbuilds/example") for one in rig.proxy.requests), "it was not looked at"
    assert rig.proxy.writes == []
    assert rig.place.status(build) == status
