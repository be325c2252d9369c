"""What status says: conditions, progress, what keeps a pod waiting, and why a run failed."""

import gzip
import json
from base64 import b64encode
from datetime import timedelta

import pytest

from repoloom_operator.status import cut
from repoloom_operator.wanted import Dataset
from support.builders import Document, fine_tune, recipe
from support.observed import World

A100 = {
    "name": "a100",
    "accelerator": {"resourceName": "nvidia.com/gpu"},
    "nodeSelector": {"nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB"},
}
NO_NODE = "Unschedulable: 0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector."


def at_work(**nodes: Document) -> World:
    """A build whose Workflow has these pods."""
    world = World()
    world.look()
    world.later(minutes=4)
    world.nodes(**nodes)
    world.look()
    return world


def running(progress: str = "", **fields: str) -> Document:
    return {"phase": "Running", "startedAt": "2026-11-21T12:00:00Z", "progress": progress} | fields


DONE = {"phase": "Succeeded", "progress": "300/300"}


def test_a_finished_step_counts_with_all_its_tasks() -> None:
    assert at_work(collect=DONE).status["progress"] == {"tasks": "3/11", "running": ""}


def test_a_pod_that_counts_tasks_says_which_one_is_at_work() -> None:
    world = at_work(collect=running("250/300"))  # as `repoloom_stages.runtime.progress` writes it, in the third
    assert world.status["progress"] == {"tasks": "2/11", "running": "snapshot"}


def test_a_pod_that_counts_shards_is_no_task_until_all_are_done() -> None:
    world = at_work(collect=DONE, shards=running("7/28"))
    assert world.status["progress"] == {"tasks": "3/11", "running": "index-code, code-units"}
    assert world.message("Reconciling") == "index-code, code-units: 7 of 28, 12 minutes left"


def test_pods_of_one_step_add_up() -> None:
    world = at_work(collect=DONE)
    pods = {
        name: {"type": "Pod", "templateName": "shards"} | running(progress)
        for name, progress in (("s1", "10/14"), ("s2", "4/14"))
    }
    group = {"g": {"type": "TaskGroup", "templateName": "shards", "phase": "Running"}}
    nodes = {"c": {"type": "Pod", "templateName": "collect"} | DONE}
    world.workflows[world.run]["status"] = {"phase": "Running", "nodes": nodes | group | pods}
    world.look()
    assert world.message("Reconciling").startswith("index-code, code-units: 14 of 28, 4 minutes left")
    for pod in pods.values():
        pod["phase"] = "Succeeded"
    group["g"]["phase"] = "Succeeded"
    world.look()
    assert world.status["progress"]["tasks"] == "5/11"


def test_a_step_that_argo_skips_is_done() -> None:
    assert at_work(collect=DONE, shards={"phase": "Skipped"}).status["progress"]["tasks"] == "5/11"


def test_nodes_that_argo_packed_are_read() -> None:
    world = at_work()
    nodes = {"n": {"type": "Pod", "templateName": "collect"} | DONE}
    packed = b64encode(gzip.compress(json.dumps(nodes).encode())).decode()
    world.workflows[world.run]["status"] = {"phase": "Running", "compressedNodes": packed}
    world.look()
    assert world.status["progress"]["tasks"] == "3/11"


def test_a_first_minute_says_nothing_about_what_is_left() -> None:
    world = World()
    world.look()
    world.later(seconds=30)
    world.nodes(shards=running("1/28"))
    world.look()
    assert world.message("Reconciling") == "index-code, code-units: 1 of 28"


def test_a_pod_that_waits_says_why() -> None:
    world = at_work(collect={"phase": "Pending", "message": "ImagePullBackOff: no such image"})
    assert world.message("Reconciling") == "collect: ImagePullBackOff: no such image"


def test_a_pool_that_no_node_matches_is_no_failure_and_names_the_label() -> None:
    world = World(fine_tune(compute={"pool": "a100"}), pools=[A100, {"name": "cpu"}])
    world.datasets["example"] = Dataset("a" * 64)
    world.look()
    world.nodes(collect=DONE, accelerate={"phase": "Pending", "message": NO_NODE})
    decision = world.look()
    assert world.conditions == {
        "Ready": "False Unschedulable",
        "Succeeded": "Unknown Unschedulable",
        "Reconciling": "True Unschedulable",
    }
    assert "the label nvidia.com/gpu.product=NVIDIA-A100-SXM4-80GB" in world.message("Ready")
    assert "a free nvidia.com/gpu" in world.message("Ready")
    assert "didn't match" in world.message("Ready")
    assert [(event.reason, event.warning) for event in decision.events] == [("Unschedulable", True)]
    assert world.look().events == ()
    world.nodes(collect=DONE, accelerate=running())
    world.look()
    assert world.condition("Ready") == ("False", "Building")


def test_a_condition_keeps_its_time_while_its_status_stays() -> None:
    world = World()
    world.look()
    began = world.now
    world.later(minutes=1)
    world.nodes(collect=running("100/300"))
    world.look()
    times = {one["type"]: one["lastTransitionTime"] for one in world.status["conditions"]}
    assert set(times.values()) == {f"{began:%Y-%m-%dT%H:%M:%SZ}"}
    world.later(minutes=1)
    world.finish()
    world.look()
    times = {one["type"]: one["lastTransitionTime"] for one in world.status["conditions"]}
    assert set(times.values()) == {f"{began + timedelta(minutes=2):%Y-%m-%dT%H:%M:%SZ}"}


def test_a_retried_pod_is_judged_by_its_last_attempt() -> None:
    world = at_work()
    said = json.dumps({"task": "resolve-1", "reason": "SourceUnavailable", "error": "no"})
    nodes = {
        "r": {"type": "Retry", "templateName": "collect", "phase": "Failed", "children": ["p1", "p2"]},
        "p1": {"type": "Pod", "templateName": "collect", "phase": "Error", "message": "pod deleted"},
        "p2": {
            "type": "Pod",
            "templateName": "collect",
            "phase": "Failed",
            "message": f"main: Error (exit code 64): {said}",
        },
    }
    world.workflows[world.run]["status"] = {"phase": "Failed", "nodes": nodes}
    world.look()
    assert world.condition("Ready") == ("False", "SourceUnavailable")
    assert world.message("Ready") == "resolve-1: no"


def test_a_retry_at_work_does_not_count_what_was_lost() -> None:
    world = at_work()
    nodes = {
        "r": {"type": "Retry", "templateName": "collect", "phase": "Running", "children": ["p1", "p2"]},
        "p1": {"type": "Pod", "templateName": "collect", "phase": "Failed", "progress": "200/300"},
        "p2": {"type": "Pod", "templateName": "collect"} | running("100/300"),
    }
    world.workflows[world.run]["status"] = {"phase": "Running", "nodes": nodes}
    world.look()
    assert world.status["progress"]["tasks"] == "1/11"


def test_a_kill_for_want_of_memory_names_its_step() -> None:
    world = World()
    world.look()
    world.fail("main: OOMKilled (exit code 137)")
    world.look()
    assert world.condition("Ready") == ("False", "StageOOMKilled")
    assert world.message("Ready").startswith("collect: ")


def test_a_workflow_that_failed_without_a_pod_is_told_in_its_own_words() -> None:
    world = World()
    world.look()
    world.workflows[world.run]["status"] = {"phase": "Error", "message": "the quota is used up"}
    world.look()
    assert world.message("Ready") == "the quota is used up"


def test_messages_are_cut_to_what_the_api_server_takes() -> None:
    many = [recipe(f"r{number}", chunk={"maxTokens": 1}) for number in range(60)]
    world = World()
    world.document["spec"]["recipes"] = many
    world.look()
    assert len(world.message("Ready")) <= 4096
    assert cut("x" * 5000).endswith("x…")


def test_a_status_that_somebody_else_broke_is_written_anew() -> None:
    world = World()
    world.look()
    world.document["status"] = {"conditions": "none", "workflow": 5}
    assert world.look().create is None
    assert world.condition("Ready") == ("False", "Building")


@pytest.mark.parametrize("phase", ["Pending", "", "Running"])
def test_a_workflow_that_argo_has_not_started_is_waited_for(phase: str) -> None:
    world = World()
    world.look()
    world.workflows[world.run]["status"] = {"phase": phase}
    assert world.look().create is None
    assert world.message("Reconciling") == "waiting for Argo Workflows to start the first pod"
