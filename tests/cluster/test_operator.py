"""The operator against a real API server: what it makes of resources, and that it makes it once.

Tests stand in for Argo and its pods; see `support.operating`.
"""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from support.builders import data, dataset_build, fine_tune, recipe
from support.cluster.api_proxy import proxied
from support.cluster.cluster import Cluster
from support.fault_proxy import faulty
from support.observed import VERDICT
from support.operating import Place, conditions, message, operating, operator_account, pod_node
from support.operator_process import Nursery, Operator
from support.s3_server import S3Server


@pytest.fixture
def operator(cluster: Cluster, namespace: str, store: S3Server, nursery: Nursery, tmp_path: Path) -> Iterator[Operator]:
    """An operator that serves this test's namespace."""
    account = operator_account(cluster, namespace)
    with operating(nursery, account.kubeconfig, tmp_path, namespace, store) as operator:
        operator.start()
        yield operator


def test_a_build_becomes_a_run_and_its_result_becomes_status(operator: Operator, place: Place) -> None:
    build = dataset_build()
    created = place.create(build)
    run = place.wait_run(build)
    (workflow,), (config_map,) = place.workflows(), place.config_maps()
    assert workflow["metadata"]["name"] == run
    for child in (workflow, config_map):
        (owner,) = child["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["name"], owner["uid"]) == ("DatasetBuild", "example", created["metadata"]["uid"])
        assert "finalizers" not in child["metadata"]
    assert conditions(place.status(build)) == {
        "Ready": "False Building",
        "Succeeded": "Unknown Building",
        "Reconciling": "True Building",
    }
    digest = place.finish(build, run)
    status = place.wait_condition(build, "Ready", "True Published")
    assert conditions(status) == {"Ready": "True Published", "Succeeded": "True Published"}
    assert status["current"]["digest"] == digest
    assert status["current"]["uri"].endswith(f"/published/datasetbuild/example/{digest}/")
    assert (status["current"]["samples"], status["current"]["tokens"]) == (12, 3456)
    total = status["progress"]["tasks"].partition("/")[2]
    assert status["progress"]["tasks"] == f"{total}/{total}"
    assert {event["reason"] for event in place.events()} == {"Planned", "Published"}


def test_the_operator_leaves_no_trace_on_the_resource_but_status(operator: Operator, place: Place) -> None:
    build = dataset_build()
    place.create(build)
    place.finish(build, place.wait_run(build))
    place.wait_condition(build, "Ready", "True Published")
    metadata = place.get(build)["metadata"]
    assert "finalizers" not in metadata
    assert "annotations" not in metadata
    ours = [one for one in metadata["managedFields"] if one["manager"] == "repoloom-operator"]
    assert [(one["operation"], one.get("subresource")) for one in ours] == [("Apply", "status")]


def test_a_changed_spec_stops_the_old_run_and_starts_the_new(operator: Operator, place: Place) -> None:
    build = dataset_build()
    place.create(build)
    first = place.wait_run(build)
    place.edit(build, {"spec": {"recipes": [recipe("functions", codeUnits={"granularities": ["function"]})]}})
    second = place.wait_run(build, other_than=first)
    assert {one["metadata"]["name"] for one in place.workflows()} == {first, second}
    assert place.workflow(first)["spec"]["shutdown"] == "Terminate"
    assert "shutdown" not in place.workflow(second)["spec"]
    place.nodes(first, {}, phase="Failed", message="Stopped with strategy 'Terminate'")
    place.finish(build, second)
    status = place.wait_condition(build, "Ready", "True Published")
    assert status["workflow"] == second


def test_suspension_stops_a_run_and_resumption_goes_on(operator: Operator, place: Place) -> None:
    build = dataset_build()
    place.create(build)
    first = place.wait_run(build)
    place.edit(build, {"spec": {"suspend": True}})
    status = place.wait_condition(build, "Ready", "False Suspended")
    assert conditions(status) == {"Ready": "False Suspended", "Succeeded": "Unknown Suspended"}
    assert place.workflow(first)["spec"]["shutdown"] == "Terminate"
    place.nodes(first, {}, phase="Failed")
    place.edit(build, {"spec": {"suspend": False}})
    second = place.wait_run(build, other_than=first)
    place.finish(build, second)
    place.wait_condition(build, "Ready", "True Published")
    assert len(place.workflows()) == 2


def test_a_schedule_runs_at_its_tick_and_never_beside_another_run(operator: Operator, place: Place) -> None:
    build = dataset_build(schedule="* * * * *")
    place.create(build)
    first = place.wait_run(build)
    until_past_a_minute = 61 - time.time() % 60
    time.sleep(until_past_a_minute)  # a tick that falls into the run
    assert len(place.workflows()) == 1
    place.finish(build, first)
    status = place.wait(build, lambda status: status["workflow"] != first, seconds=90)
    assert status["cause"].startswith("tick=")
    assert conditions(status)["Ready"] == "True Published"  # of the same spec
    assert len(place.workflows()) == 2


def test_the_first_result_of_a_run_that_is_repeated_stays_what_it_was(operator: Operator, place: Place) -> None:
    build = dataset_build()
    place.create(build)
    first = place.wait_run(build)
    place.finish(build, first)
    place.wait_condition(build, "Ready", "True Published")
    place.edit(build, {"metadata": {"annotations": {"repoloom.dev/rerun": "once more"}}})
    second = place.wait_run(build, other_than=first)
    place.fail(second, 'main: Error (exit code 64): {"task": "resolve-1", "error": "no such revision"}')
    status = place.wait_condition(build, "Succeeded", "False StageFailed")
    assert message(status, "Succeeded") == "resolve-1: no such revision"
    assert status["current"]["uri"].endswith("/")
    warnings = [event["message"] for event in place.events() if event["type"] == "Warning"]
    assert warnings == ["resolve-1: no such revision"]


def test_a_bad_spec_is_told_with_every_fault(operator: Operator, place: Place) -> None:
    build = dataset_build(schedule="0 0 30 2 *")  # the one fault that no schema sees
    place.create(build)
    status = place.wait_condition(build, "Stalled", "True InvalidSpec")
    assert "spec.schedule" in message(status, "Stalled")
    assert place.workflows() == []
    place.edit(build, {"spec": {"schedule": "0 0 1 2 *"}})
    place.wait_run(build)


def test_a_finetune_waits_for_its_data_and_keeps_it(operator: Operator, place: Place) -> None:
    build, tune = dataset_build(), fine_tune()
    place.create(tune)
    status = place.wait_condition(tune, "Ready", "False WaitingForDataset")
    assert "there is no DatasetBuild example" in message(status, "Ready")
    place.create(build)
    old = place.finish(build, place.wait_run(build))
    first = place.wait_run(tune)
    assert place.status(tune)["pins"][0] == {"name": "code", "revision": old}
    place.edit(build, {"metadata": {"annotations": {"repoloom.dev/rerun": "1"}}})
    place.wait(build, lambda status: status["cause"] != "spec")
    new = place.finish(build, place.status(build)["workflow"])
    place.wait(build, lambda status: status["current"]["digest"] == new)
    place.finish(tune, first, verdict=VERDICT)
    status = place.wait_condition(tune, "Ready", "True Published")
    assert status["verdict"]["gainPercent"] == 4.8
    assert status["pins"][0] == {"name": "code", "revision": old}
    operator.kill()
    operator.start()
    wait_until(lambda: idle(operator))
    assert place.status(tune)["workflow"] == first
    place.edit(tune, {"spec": {"training": {"learningRate": 1e-5}}})
    second = place.wait_run(tune, other_than=first)
    assert place.status(tune)["pins"][0] == {"name": "code", "revision": old}
    assert place.known_pins(second)["data/code"]["dataset"]["digest"] == old


def test_a_finetune_that_follows_is_trained_again_on_newer_data(operator: Operator, place: Place) -> None:
    build = dataset_build()
    tune = fine_tune(data=[data(datasetBuild={"name": "example", "output": "files", "follow": "Latest"})])
    place.create(build)
    place.create(tune)
    place.finish(build, place.wait_run(build))
    first = place.wait_run(tune)
    place.finish(tune, first, verdict=VERDICT)
    place.wait_condition(tune, "Ready", "True Published")
    place.edit(build, {"metadata": {"annotations": {"repoloom.dev/rerun": "1"}}})
    place.wait(build, lambda status: status["cause"] != "spec")
    new = place.finish(build, place.status(build)["workflow"])
    second = place.wait_run(tune, other_than=first)
    assert conditions(place.status(tune))["Ready"] == "False DatasetChanged"
    assert place.known_pins(second)["data/code"]["dataset"]["digest"] == new


def test_an_adapter_that_fails_its_gate_is_refused(operator: Operator, place: Place) -> None:
    build, tune = dataset_build(), fine_tune()
    place.create(build)
    place.create(tune)
    place.finish(build, place.wait_run(build))
    run = place.wait_run(tune)
    place.leave_result(tune, run, "e" * 64, dict(VERDICT, outcome="Refused"))
    place.fail(run, 'main: Error (exit code 66): {"task": "publish-1", "reason": "VerdictRefused", "error": "no"}')
    status = place.wait_condition(tune, "Stalled", "True VerdictRefused")
    assert status["candidate"]["digest"] == "e" * 64
    assert "current" not in status


def test_a_pool_without_a_node_is_no_failure(operator: Operator, place: Place) -> None:
    build = dataset_build()
    place.create(build)
    run = place.wait_run(build)
    said = "Unschedulable: 0/2 nodes are available: 2 Insufficient cpu."
    began = time.monotonic()
    place.nodes(run, {"n1": pod_node("Pending", said)})
    status = place.wait_condition(build, "Reconciling", "True Unschedulable", seconds=60)
    assert time.monotonic() - began < 60
    assert "Stalled" not in conditions(status)
    assert "0/2 nodes" in message(status, "Ready")


def test_a_deleted_resource_is_let_go(operator: Operator, place: Place) -> None:
    build = dataset_build()
    created = place.create(build)
    place.wait_run(build)
    place.delete(build)
    wait_until(lambda: idle(operator))
    # No garbage collector runs here; its work is stated by the owner references.
    for child in (*place.workflows(), *place.config_maps()):
        assert [owner["uid"] for owner in child["metadata"]["ownerReferences"]] == [created["metadata"]["uid"]]
    place.create(build)
    run = place.wait_run(build)
    assert len(place.workflows()) == 2
    assert place.workflow(run)["metadata"]["ownerReferences"][0]["uid"] != created["metadata"]["uid"]


def test_a_run_stays_finished_when_the_operator_and_the_workflow_are_gone(operator: Operator, place: Place) -> None:
    build = dataset_build()
    place.create(build)
    run = place.wait_run(build)
    operator.kill()
    place.leave_result(build, run, "f" * 64)
    place.delete_workflow(run)
    operator.start()
    status = place.wait_condition(build, "Ready", "True Published")
    assert status["current"]["digest"] == "f" * 64
    assert place.workflows() == []


def test_a_life_takes_few_writes(
    cluster: Cluster, namespace: str, store: S3Server, nursery: Nursery, tmp_path: Path
) -> None:
    place = Place(cluster, namespace, store)
    account = operator_account(cluster, namespace)
    with proxied(account.kubeconfig, tmp_path) as proxy:
        kubeconfig = proxy.kubeconfig(of=account.kubeconfig)
        with operating(nursery, kubeconfig, tmp_path, namespace, store) as operator:
            operator.start()
            build = dataset_build()
            place.create(build)
            run = place.wait_run(build)
            besides = len(proxy.writes)
            for number in range(20):
                place.nodes(run, {"n1": pod_node("Running", f"{number}", progress=f"{number}/100")})
                time.sleep(0.2)
            progress = len(proxy.writes) - besides
            place.finish(build, run)
            place.wait_condition(build, "Ready", "True Published")
            wait_until(lambda: idle(operator))
    assert progress <= 2
    assert len(proxy.writes) - progress <= 12


def test_a_connection_is_for_the_namespaces_that_it_selects(
    cluster: Cluster, namespace: str, store: S3Server, nursery: Nursery, tmp_path: Path
) -> None:
    selector = {"matchLabels": {"team": "docs"}}
    connection = {"name": "ours", "web": {}, "hosts": ["example.org"], "namespaceSelector": selector}
    place, account = Place(cluster, namespace, store), operator_account(cluster, namespace)
    with operating(nursery, account.kubeconfig, tmp_path, namespace, store, connections=[connection]) as operator:
        operator.start()
        build = dataset_build()
        place.create(build)
        status = place.wait_condition(build, "Stalled", "True ConnectionDenied")
        assert "example.org" in message(status, "Stalled")
        cluster.kubectl("label", "namespace", namespace, "team=docs")
        place.edit(build, {"metadata": {"labels": {"touched": "yes"}}})
        place.wait_run(build)


def test_a_store_that_does_not_answer_is_waited_for(
    cluster: Cluster, namespace: str, store: S3Server, nursery: Nursery, tmp_path: Path
) -> None:
    place, account = Place(cluster, namespace, store), operator_account(cluster, namespace)
    with (
        faulty(store.port, rate=1, faults=("503",)) as broken,
        operating(
            nursery, account.kubeconfig, tmp_path, namespace, replace(store, port=broken.server_address[1])
        ) as operator,
    ):
        operator.expected.append("cannot read ")
        operator.start()
        build = dataset_build()
        place.create(build)
        status = place.wait(build, lambda status: status.get("conditions"))
        assert conditions(status)["Reconciling"] == "True Building"
        assert "waiting for the object store" in message(status, "Reconciling")
        assert place.workflows() == []
        broken.rate = 0
        place.wait_run(build)


def looks(operator: Operator) -> float:
    """How many looks there were."""
    return operator.measured("repoloom_operator_reconciles_total")


def idle(operator: Operator) -> bool:
    """Whether nothing was looked at for a while: changes have arrived by then."""
    before = looks(operator)
    time.sleep(1)
    return looks(operator) == before


def wait_until(so: Any, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < deadline, f"not so within {seconds} s"
        time.sleep(0.05)
