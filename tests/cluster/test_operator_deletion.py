"""Scenario 6: resources and their namespaces are deleted in every phase.

Here no garbage collector runs: what it collects is stated by owner references, and that nothing is left is seen on the
full tier. Seen here is that nothing holds a deletion up, and that the operator brings nothing back.
"""

import time
from collections.abc import Callable

import kubernetes
import pytest

from support.builders import Document, dataset_build, fine_tune
from support.operating import Place, conditions
from support.rig import Rig, runs, settle

PHASES = ("new", "at-work", "published", "failed", "suspended", "invalid", "waiting")
QUIET_SECONDS = 8
"""In which a refusal that is tried again, later and later, has been tried five times."""


def in_phase(place: Place, phase: str) -> Document:
    """A resource that the operator has brought so far; `new` is left to be created when the operator is down."""
    document = fine_tune(phase) if phase == "waiting" else dataset_build(phase)
    if phase == "invalid":
        document["spec"]["schedule"] = "0 0 30 2 *"
    if phase == "new":
        return document
    place.create(document)
    reach = REACH.get(phase)
    if phase == "invalid":
        place.wait_condition(document, "Stalled", "True InvalidSpec")
    elif phase == "waiting":
        place.wait_condition(document, "Ready", "False WaitingForDataset")
    else:
        run = place.wait_run(document)
        if reach:
            reach(place, document, run)
    return document


def publish(place: Place, document: Document, run: str) -> None:
    place.finish(document, run)
    place.wait_condition(document, "Ready", "True Published")


def fail(place: Place, document: Document, run: str) -> None:
    place.fail(run, "pod deleted")
    place.wait_condition(document, "Stalled", "True StageFailed")


def suspend(place: Place, document: Document, _: str) -> None:
    place.edit(document, {"spec": {"suspend": True}})
    place.wait_condition(document, "Ready", "False Suspended")


REACH: dict[str, Callable[[Place, Document, str], None]] = {"published": publish, "failed": fail, "suspended": suspend}


def in_every_phase(rig: Rig) -> list[Document]:
    """A resource in each phase, and the operator down."""
    rig.operator.start()
    documents = [in_phase(rig.place, phase) for phase in PHASES]
    rig.operator.kill()
    rig.place.create(documents[PHASES.index("new")])
    return documents


def left(place: Place) -> list[Document]:
    """Resources that are still there."""
    return [
        one
        for kind in ("datasetbuilds", "finetunes")
        for one in place.cluster.get(kind, f"-n{place.namespace}")["items"]
    ]


@pytest.mark.timeout(200)
def test_what_is_deleted_while_the_operator_is_down_is_gone_and_stays_so(rig: Rig) -> None:
    documents = in_every_phase(rig)
    began = time.monotonic()
    for document in documents:
        rig.place.delete(document)
    gone = time.monotonic() - began
    assert left(rig.place) == []
    before = runs(rig.place)
    rig.operator.start()
    settle(rig.operator)
    print(f"deleted in {len(documents)} phases, the operator being down: gone after {gone:.1f} s, nothing made anew")
    assert left(rig.place) == []
    assert runs(rig.place) == before


@pytest.mark.timeout(200)
def test_what_is_deleted_under_the_operators_eyes_is_gone_and_stays_so(rig: Rig) -> None:
    documents = in_every_phase(rig)
    rig.operator.start()
    before_last = rig.place.wait_run(documents[0])
    for document in documents:
        rig.place.delete(document)
    assert left(rig.place) == []
    before = runs(rig.place)
    rig.place.nodes(before_last, {}, phase="Failed")  # a Workflow that outlives its resource for a moment
    settle(rig.operator)
    assert runs(rig.place) == before
    assert rig.operator.measured("repoloom_operator_resources") == 0


@pytest.mark.timeout(200)
def test_a_resource_whose_deletion_waits_for_its_children_is_let_alone(rig: Rig) -> None:
    documents = in_every_phase(rig)
    for document in documents:
        rig.place.delete(document, foreground=True)
    before = runs(rig.place)
    found = left(rig.place)
    assert {one["metadata"]["name"] for one in found if one["metadata"]["finalizers"] == ["foregroundDeletion"]} == {
        *PHASES
    }
    rig.operator.start()
    settle(rig.operator)
    assert runs(rig.place) == before
    assert [one["metadata"]["resourceVersion"] for one in left(rig.place)] == [
        one["metadata"]["resourceVersion"] for one in found
    ]


@pytest.mark.timeout(200)
@pytest.mark.parametrize("first", ["operator down", "operator at work"])
def test_a_namespace_that_is_deleted_first_gets_nothing_and_is_not_fought_over(rig: Rig, first: str) -> None:
    documents = in_every_phase(rig)
    if first == "operator at work":
        rig.operator.start()
        rig.place.wait_run(documents[0])
    kubernetes.client.CoreV1Api(rig.place.cluster.client).delete_namespace(rig.place.namespace)
    plans = rig.place.config_maps()
    for one in rig.place.workflows():  # the namespace's controller deletes in an order of its own
        rig.place.delete_workflow(one["metadata"]["name"])
    rig.proxy.forget()
    if first == "operator down":
        rig.operator.start()
    time.sleep(QUIET_SECONDS)
    refused = [one for one in rig.proxy.writes if one.method == "POST"]
    print(
        f"namespace deleted, {first}: {len(refused)} writes refused in {QUIET_SECONDS} s, of {len(documents)} resources"
    )
    assert len(refused) <= len(documents)
    assert rig.place.workflows() == []
    assert [one["metadata"]["name"] for one in rig.place.config_maps()] == [one["metadata"]["name"] for one in plans]
    for document in documents:
        rig.place.delete(document)
    settle(rig.operator)
    assert left(rig.place) == []
    assert rig.operator.measured("repoloom_operator_resources") == 0
    assert rig.operator.probe("healthz") == 200


@pytest.mark.timeout(200)
def test_a_resource_made_anew_under_its_name_is_another(rig: Rig) -> None:
    build = dataset_build()
    rig.operator.start()
    first = rig.place.create(build)
    run = rig.place.wait_run(build)
    rig.place.finish(build, run)
    rig.place.wait_condition(build, "Ready", "True Published")
    rig.place.delete(build)
    second = rig.place.create(build)
    another = rig.place.wait_run(build)
    assert another != run
    assert conditions(rig.place.status(build))["Ready"] == "False Building"
    owners = {one["metadata"]["name"]: one["metadata"]["ownerReferences"][0]["uid"] for one in rig.place.workflows()}
    assert owners == {run: first["metadata"]["uid"], another: second["metadata"]["uid"]}
