"""Scenario 34 where the API server and the operator run: a nasty string is refused, or reaches the plan and no program.

That stages read a plan's exact bytes is a matter of their own tests; that nothing is executed there, of the full tier.
"""

import copy
import json
import random
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from repoloom_api.resources import InvalidResource, parse_resource
from support.builders import Document
from support.cluster.cluster import Cluster
from support.cluster.creation import offer
from support.nasty import DOCUMENTS, FIELDS, accepted, changed, mark, nasty_strings, strings_in
from support.rig import Rig, mounted

ONE_IN_TEN = 30
CLIENTS = 8
ADDRESS = {("apiVersion",), ("kind",), ("metadata", "namespace")}
"""These are in the address too, and nothing is there."""


def placed(document: Document) -> Document:
    """Without the namespace of its own, and not suspended."""
    result = copy.deepcopy(document)
    del result["metadata"]["namespace"]
    result["spec"]["suspend"] = False
    return result


PLACED = {kind: placed(document) for kind, document in DOCUMENTS.items()}
ASKED = [(kind, path) for kind, path in FIELDS if path not in ADDRESS]


def check_server(cluster: Cluster, kind: str, path: tuple[Any, ...], text: str) -> bool:
    """Whether the server accepts a string in a field. It has to store it as it is, and to judge as the types do."""
    answer = offer(cluster, "default", changed(PLACED[kind], path, text))
    if answer.faults:
        # Of labels and annotations the server alone is the judge.
        assert path[0] == "metadata" or accepted(kind, path, text) is None, (path, text, answer.faults)
        return False
    assert accepted(kind, path, text) is not None, (path, text)
    stored = answer.stored
    for key in path:
        stored = stored[key]
    assert stored == text
    return True


def check_every_field(cluster: Cluster, asked: list[tuple[str, tuple[Any, ...], str]]) -> int:
    with ThreadPoolExecutor(CLIENTS) as pool:
        return sum(pool.map(lambda one: check_server(cluster, *one), asked))


def test_the_server_refuses_a_nasty_string_or_stores_it_as_it_is(cluster: Cluster, seed: int) -> None:
    chance = random.Random(seed)
    asked = [(kind, path, text) for kind, path in ASKED for text in chance.sample(nasty_strings(), ONE_IN_TEN // 5)]
    check_every_field(cluster, asked)


@pytest.mark.faults
@pytest.mark.timeout(1800)
def test_the_server_refuses_every_nasty_string_or_stores_it_as_it_is(cluster: Cluster) -> None:
    began = time.monotonic()
    asked = [(kind, path, text) for kind, path in ASKED for text in nasty_strings()]
    count = check_every_field(cluster, asked)
    print(
        f"{len(asked)} times a nasty string in a field: {count} stored as they are, {len(asked) - count} refused, "
        f"types and server of one mind, {time.monotonic() - began:.0f} s"
    )


def build_with(number: int, text: str) -> Document:
    """A build with a string in every field that takes it."""
    result = PLACED["DatasetBuild"] | {"metadata": {"name": f"nasty-{number}", "annotations": {"note": text}}}
    for kind, path in ASKED:
        if kind != "DatasetBuild" or path[0] != "spec":
            continue
        candidate = changed(result, path, text)
        try:
            parse_resource(candidate)
        except InvalidResource:
            continue
        result = candidate
    return result


def check_operator(rig: Rig, strings: list[str]) -> None:
    """Have the operator run a build for each string, and look at all that it made of it."""
    began = time.monotonic()
    builds = {text: build_with(number, text) for number, text in enumerate(strings)}
    rig.place.patience_seconds = 60
    rig.operator.start()
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(rig.place.create, builds.values()))
    made = {text: rig.place.workflow(rig.place.wait_run(build)) for text, build in builds.items()}
    plans = {one["metadata"]["name"]: one for one in rig.place.config_maps()}
    assert len(plans) == len(rig.place.workflows()) == len(strings)
    arrived = 0
    for text, build in builds.items():
        seen = [made[text]["metadata"], made[text]["spec"], rig.place.status(build)]
        arrived += check_run(text, plans[mounted(made[text])], seen)
    print(
        f"{len(strings)} builds of nasty strings: {arrived} strings in plans exactly, none in a Workflow, "
        f"{time.monotonic() - began:.0f} s"
    )
    assert arrived > len(strings) // 2


def check_run(text: str, plan: Document, seen: list[Document]) -> bool:
    """Whether a string arrived in its plan, where it has to be whole; it is in nothing else that was made."""
    sign = mark(text)
    assert sign not in json.dumps([*seen, plan["metadata"]]), text
    leaves = {leaf for leaf in strings_in(json.loads(plan["data"]["plan.json"])) if sign in leaf}
    assert all(text in leaf for leaf in leaves), (text, leaves)
    return bool(leaves)


def test_a_nasty_string_reaches_the_plan_and_no_workflow(rig: Rig, seed: int) -> None:
    check_operator(rig, random.Random(seed).sample(nasty_strings(), ONE_IN_TEN))


@pytest.mark.faults
@pytest.mark.timeout(1800)
def test_every_nasty_string_reaches_the_plan_and_no_workflow(rig: Rig) -> None:
    check_operator(rig, nasty_strings())
