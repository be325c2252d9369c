"""Scenario 1: the operator is killed before and after each of its writes, and no run is lost or started twice."""

import json
import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Literal

import pytest

from repoloom_api.plan import spec_digest
from repoloom_api.resources import parse_resource
from repoloom_operator.causes import Cause, short
from repoloom_operator.run import Owner, run_name
from support.builders import Document, dataset_build, recipe
from support.cluster.api_proxy import Fault, Request
from support.operating import Place
from support.rig import EDIT, RERUN, Rig, Rigs, Run, live, mounted, runs, settle, tune_on

SPECS = 25
BATCHES = 4
Cut = Literal["before", "after"]


def spec(number: int) -> Document:
    """One of the specs that live through every crash."""
    fields: Document = {"chunk": {"maxTokens": 64 + number}}
    if number % 3 == 1:
        fields["recipes"] = [recipe(f"r{one}") for one in range(1 + number % 5)]
    if number % 3 == 2:
        fields["schedule"] = "0 3 1 1 *"
    return dataset_build(f"build-{number}", **fields)


@dataclass
class Crashes:
    """Kills the operator at each write that was not seen before."""

    rig: Rig
    cut: Cut
    points: list[str] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)

    def __call__(self, request: Request) -> Fault | None:
        if not request.write or (point := identity(request)) in self.seen:
            return None
        self.seen.add(point)
        self.points.append(point)
        return Fault(cut=self.cut, call=self.rig.operator.kill)


def identity(request: Request) -> str:
    """What a write is about, times aside: it is the same when it is repeated."""
    body = json.loads(request.body)
    for one in body.get("status", {}).get("conditions", ()):
        one.pop("lastTransitionTime")
    body.pop("eventTime", None)
    return f"{request.method} {request.path} {json.dumps(body, sort_keys=True)}"


def expected(build: Document) -> Counter[Run]:
    """The runs of a life without crashes."""
    name = build["metadata"]["name"]
    first, second, tune = (
        spec_digest(parse_resource(one)) for one in (build, build | {"spec": build["spec"] | EDIT}, tune_on(build))
    )
    return Counter(
        [
            (f"DatasetBuild/{name}", first, str(Cause())),
            (f"DatasetBuild/{name}", second, str(Cause())),
            (f"DatasetBuild/{name}", second, str(Cause(rerun=short(RERUN)))),
            (f"FineTune/{name}", tune, str(Cause())),
        ]
    )


def check_crashes(rig: Rig, numbers: range, cut: Cut) -> int:
    """Live every life with a crash at each of its writes; returns how many there were."""
    crashes = Crashes(rig, cut)
    rig.proxy.intercept = crashes
    builds = [spec(number) for number in numbers]
    with rig.kept_alive():
        for build in builds:
            live(rig.place, build)
        settle(rig.operator)
    rig.proxy.intercept = lambda _: None
    assert runs(rig.place) == sum(map(expected, builds), Counter())
    check_children(rig.place)
    return len(crashes.points)


def check_children(place: Place) -> None:
    """Every Workflow is named after its run and belongs to a resource that exists; no plan is without a Workflow."""
    workflows, plans = place.workflows(), place.config_maps()
    for one in workflows:
        (owner,) = one["metadata"]["ownerReferences"]
        resource = place.get({"kind": owner["kind"], "metadata": {"name": owner["name"]}})
        assert owner["uid"] == resource["metadata"]["uid"]
        notes = one["metadata"]["annotations"]
        of = Owner(owner["kind"], owner["name"], place.namespace, owner["uid"])
        assert one["metadata"]["name"] == run_name(of, notes["repoloom.dev/spec-digest"], notes["repoloom.dev/cause"])
    assert {one["metadata"]["name"] for one in plans} == set(map(mounted, workflows))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("cut", ["before", "after"])
def test_a_crash_at_any_write_loses_and_doubles_nothing(rig: Rig, seed: int, cut: Cut) -> None:
    number = random.Random(f"{seed} {cut}").randrange(SPECS)
    assert check_crashes(rig, range(number, number + 1), cut) >= 15


@pytest.mark.faults
@pytest.mark.timeout(7200)
def test_five_hundred_crashes_lose_and_double_nothing(rigs: Rigs, unique: str) -> None:
    def batch(number: int) -> tuple[int, int]:
        cut: Cut = "before" if number % 2 == 0 else "after"
        with rigs.rig(f"{unique}-{number}") as rig:
            return check_crashes(rig, range(number, SPECS, BATCHES), cut), rig.operator.starts

    began = time.monotonic()
    with ThreadPoolExecutor(BATCHES) as pool:
        points, starts = zip(*pool.map(batch, range(BATCHES)), strict=True)
    print(
        f"crashes at {sum(points[::2])} writes before, at {sum(points[1::2])} after, in {SPECS} specs: "
        f"{sum(starts)} starts, 0 runs doubled or lost, {time.monotonic() - began:.0f} s"
    )
    assert sum(points) >= 500
