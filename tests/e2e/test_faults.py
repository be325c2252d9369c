"""Pods, the operator and Argo's controller are taken away while runs are at work: nothing is lost, nothing done twice.

What is to be interrupted at work is run where nothing of it is in the store yet: in the second namespace, or with a
recipe of its own.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.builders import Document, recipe
from support.cluster.images import OPERATOR
from support.cluster.services import ARGO_NAMESPACE, rolled_out
from support.flow import Flow, build_of, served
from support.histories import package_history
from support.installation import Installation, config
from support.losses import attempts, take_argo_away, take_away, take_operator_away, wait_again, wait_at_work
from support.namespace_store import NamespaceStore
from support.waiting import until

pytestmark = pytest.mark.timeout(3600)
"""The first test waits for images to be built, and for the flow."""

WORK_SECONDS = 900
LABORIOUS = "sympy"
"""A package installed here, of 26 MB: its collecting and its shards take long."""
RESOURCES = {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}}
UNDISTURBED = {("collect", "Succeeded"): 1, ("shards", "Succeeded"): 1, ("finish", "Succeeded"): 1}


@pytest.fixture
def elsewhere(flow: Flow) -> Flow:
    """The flow as it was when nothing had run yet: the same resources in a namespace with a store of its own."""
    other = flow.installation.other()
    return Flow(flow.origins, flow.build, flow.tune, other, NamespaceStore(flow.store.server, other.namespace))


@pytest.fixture
def laborious(flow: Flow, tmp_path: Path) -> Document:
    """A build whose pods work for longer than it takes to have one killed, finished where the flow is."""
    name = f"{flow.installation.namespace}-{LABORIOUS}"
    history = package_history(tmp_path / LABORIOUS, LABORIOUS, commits=4)
    made = build_of("laborious", (LABORIOUS, served(flow.installation.cluster, history, name)))
    flow.installation.apply(made)
    flow.installation.wait_succeeded(made)
    return made


@pytest.fixture
def upgraded(installation: Installation) -> Iterator[dict[str, Any]]:
    """Values that change the operator and the images of runs; taken back after the test."""
    missing = {"images": {"stages": "localhost/repoloom/stages:next", "train": "localhost/repoloom/train:next"}}
    yield {"operator": {"image": OPERATOR.name, "resources": RESOURCES}, "config": config() | missing}
    installation.install()


def test_pods_of_a_build_taken_away_at_work_are_tried_again_to_the_same_bytes(
    flow: Flow, elsewhere: Flow, laborious: Document
) -> None:
    there = elsewhere.installation
    there.apply(laborious)
    run = there.wait_run(laborious)
    for step in ("collect", "shards"):
        pods = wait_at_work(there, laborious, step)
        take_away(there.cluster, there.namespace, pods)
        wait_again(there, laborious, step, pods)
    there.wait_succeeded(laborious)
    assert done(attempts(there, run)) == done(
        attempts(flow.installation, flow.installation.status(laborious)["workflow"])
    )
    assert elsewhere.published(laborious) == flow.published(laborious)


def test_an_operator_killed_and_upgraded_at_work_loses_and_repeats_nothing(
    flow: Flow, upgraded: dict[str, Any]
) -> None:
    installation = flow.installation
    finished = installation.seen(flow.build)
    build = own_build(flow, "upgraded", 128)
    installation.apply(build)
    run = installation.wait_run(build)
    wait_at_work(installation, build, "collect")
    take_operator_away(installation.cluster)
    wait_at_work(installation, build, "shards")
    installation.install(upgraded)
    check_run_once(installation, build, run)
    assert installation.seen(flow.build) == finished


def test_a_run_goes_on_after_argos_controller_was_killed(flow: Flow) -> None:
    installation = flow.installation
    build = own_build(flow, "without-argo", 96)
    installation.apply(build)
    run = installation.wait_run(build)
    wait_at_work(installation, build, "collect")
    take_argo_away(installation.cluster)
    rolled_out(installation.cluster, ARGO_NAMESPACE, "workflow-controller")
    check_run_once(installation, build, run)


def test_training_taken_away_at_work_goes_on_to_the_same_adapter(tuned: Flow, elsewhere: Flow) -> None:
    there = elsewhere.installation
    there.apply(tuned.build, tuned.tune)
    there.wait_succeeded(tuned.build)
    run = there.wait_run(tuned.tune)
    until(lambda: elsewhere.store.written("checkpoints/"), WORK_SECONDS, lambda: "there is no checkpoint", pause=0.05)
    take_away(there.cluster, there.namespace, wait_at_work(there, tuned.tune, "accelerate"))
    there.wait_succeeded(tuned.tune)
    pods = attempts(there, run)
    assert lost(pods).keys() == {"accelerate"}
    assert done(pods) == {"collect": 1, "accelerate": 1, "finish": 1}
    assert elsewhere.published(tuned.tune) == tuned.published(tuned.tune)


def own_build(flow: Flow, name: str, max_tokens: int) -> Document:
    """A build that nothing in the store answers, though it collects what the flow did."""
    functions = recipe("functions", codeUnits={"granularities": ["function"]}, chunk={"maxTokens": max_tokens})
    return build_of(name, ("rich", flow.origins["rich"]), recipes=[functions])


def lost(pods: Counter[tuple[str, str]]) -> dict[str, int]:
    """How many pods of each step did not end well."""
    counts: Counter[str] = Counter()
    for (step, phase), number in pods.items():
        counts[step] += number if phase != "Succeeded" else 0
    return dict(+counts)


def done(pods: Counter[tuple[str, str]]) -> dict[str, int]:
    """How many pods of each step ended well."""
    return {step: number for (step, phase), number in pods.items() if phase == "Succeeded"}


def check_run_once(installation: Installation, build: Document, run: str) -> None:
    """A build is published by the one run that was started, each of whose pods was started once."""
    status = installation.wait_succeeded(build)
    assert status["workflow"] == run
    assert [one["metadata"]["name"] for one in installation.workflows(build)] == [run]
    assert attempts(installation, run) == UNDISTURBED
    assert [reason for reason, _ in installation.events(build)] == ["Planned", "Published"]
