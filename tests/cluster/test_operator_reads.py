"""Scenarios 2 and 3: what the operator reads is old, or events of its watches are late, lost or broken."""

import random
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest

from support.builders import Document, dataset_build
from support.cluster.api_proxy import Event, Fault, Request
from support.operating import Place
from support.rig import HUNG, Rig, live, runs, settle, tune_on

LIVES = 40
"""More than a life has events, so that the last of them have none dropped."""
AT_ONCE = 12
DEAD_SECONDS = 240
"""A watch that is silent is called dead after 2.5 resyncs; the first of them finds what it missed."""


def stale(chance: random.Random) -> Callable[[Request], Fault | None]:
    """Lists as they were up to 20 revisions ago, and watches that are late."""

    def intercept(request: Request) -> Fault | None:
        if request.watches:
            return Fault(events=lambda _: chance.choice([0.0, 0.0, 0.5]))
        return Fault(revisions_back=chance.randrange(21)) if request.method == "GET" and request.query else None

    return intercept


# Among the whole catalogues alone: how old a list is counts in writes, so with few resources there are too few of them
# for what a list hid to come to light soon.
@pytest.mark.faults
@pytest.mark.timeout(3600)
def test_old_lists_and_late_watches_start_nothing_twice_in_two_hundred_runs(rig: Rig, seed: int) -> None:
    rig.proxy.intercept = stale(random.Random(seed))
    rig.place.patience_seconds = 200  # what an old list hid is found by a later resync
    rig.operator.start()
    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: live(rig.place, dataset_build(f"build-{number}")), range(50)))
    settle(rig.operator)
    found = runs(rig.place)
    print(f"old lists and late watches: {len(found)} runs, none doubled, {time.monotonic() - began:.0f} s")
    assert set(found.values()) == {1}
    assert len(found) == 200


@dataclass
class Dropped:
    """Of each resource's events, drops one: of the first resource the first, and so on."""

    names: list[str]
    seen: Counter[str] = field(default_factory=Counter)
    dropped: list[str] = field(default_factory=list)

    def __call__(self, request: Request) -> Fault | None:
        return Fault(events=self.event) if request.watches else None

    def event(self, event: Event) -> float | None:
        metadata = event["object"].get("metadata", {})
        name = metadata.get("labels", {}).get("repoloom.dev/name", metadata.get("name", ""))
        if name not in self.names or event["type"] == "BOOKMARK":
            return 0.0
        self.seen[name] += 1
        if self.seen[name] != self.names.index(name) + 1:
            return 0.0
        self.dropped.append(f"{event['type']} {event['object']['kind']}")
        return None


@pytest.mark.timeout(400)
def test_what_a_watch_misses_is_found_within_a_minute(rig: Rig) -> None:
    builds = [dataset_build(f"build-{number}") for number in range(5)]
    dropped = Dropped([build["metadata"]["name"] for build in builds])
    rig.proxy.intercept = dropped
    rig.operator.start()
    began = time.monotonic()
    for build in builds:
        rig.place.create(build)
    waited = [wait_each(builds, lambda one: rig.place.wait(one, lambda status: "workflow" in status, 60), began)]
    began = time.monotonic()
    for build in builds:
        rig.place.finish(build, rig.place.status(build)["workflow"])
    waited.append(wait_each(builds, lambda one: rig.place.wait_condition(one, "Ready", "True Published", 60), began))
    assert len(dropped.dropped) >= 4, dropped.dropped
    print(f"dropped {dropped.dropped}; waited at most {max(waited):.0f} s")
    assert max(waited) <= 60
    assert len(rig.place.workflows()) == len(builds)


def wait_each(builds: list[Document], wait: Callable[[Document], Any], began: float) -> float:
    """Wait for every build; returns seconds since it began."""
    for build in builds:
        wait(build)
    return time.monotonic() - began


@pytest.mark.faults
@pytest.mark.timeout(1800)
def test_each_event_of_a_life_is_lost_in_turn(rig: Rig) -> None:
    builds = [dataset_build(f"build-{number}") for number in range(LIVES)]
    dropped = Dropped([build["metadata"]["name"] for build in builds])
    rig.proxy.intercept = dropped
    rig.place.patience_seconds = 60  # of every step, and no step comes of more than one event
    rig.operator.start()
    began = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda build: live_and_die(rig.place, build), builds))
    wait_until_nothing_is_counted(rig)
    print(
        f"events lost in turn, 1 of each of {LIVES} lives: {dict(Counter(dropped.dropped))}; "
        f"every step within 60 s, all within {time.monotonic() - began:.0f} s"
    )
    assert max(dropped.seen.values()) == len(dropped.dropped) < LIVES, "not every event of a life was lost in turn"
    assert set(runs(rig.place).values()) == {1}
    assert len(runs(rig.place)) == 4 * LIVES


def live_and_die(place: Place, build: Document) -> None:
    live(place, build)
    for one in (tune_on(build), build):
        place.delete(one)


def wait_until_nothing_is_counted(rig: Rig) -> None:
    """Wait until the operator's gauge knows that every resource is gone, the lost events of deletions too."""
    deadline = time.monotonic() + 60
    while rig.operator.measured("repoloom_operator_resources"):
        assert time.monotonic() < deadline, rig.operator.metrics()
        time.sleep(1)


@dataclass
class Broken:
    """Breaks the watch of builds once; the other watches are refused until the process has ended, if asked to."""

    others_refused: bool
    began: bool = False
    broken: bool = False

    def __call__(self, request: Request) -> Fault | None:
        if not request.watches or not self.began:
            return None
        if request.path.endswith("/datasetbuilds"):
            return Fault(events=self.event)
        return Fault(status=503) if self.others_refused else None

    def event(self, _: Event) -> float | Event:
        if self.broken:
            return 0.0
        self.broken = True
        return {"type": "ERROR", "object": {"kind": "Status", "code": 500, "message": "injected"}}


# kopf 1.45.2, when one watch dies while another waits for its next attempt: closes the session, and then waits for ever
# for the other, which waits for a login that nobody makes any more.
@pytest.mark.parametrize("others", ["open", "refused"])
def test_an_error_within_a_watch_ends_the_process_and_the_next_one_goes_on(rig: Rig, others: str) -> None:
    broken = Broken(others_refused=others == "refused")
    rig.proxy.intercept = broken
    rig.operator.expected.extend(("injected", "[Dd]isconnected", "[Cc]onnection", HUNG))
    rig.operator.start()
    build = dataset_build()
    with rig.kept_alive():
        broken.began = True
        rig.proxy.cut_all()
        rig.place.create(build)
        deadline = time.monotonic() + 30
        while rig.operator.starts == 1:
            assert time.monotonic() < deadline, "the process outlived its watch"
            time.sleep(0.1)
        broken.began = False
        rig.place.finish(build, rig.place.wait_run(build))
        rig.place.wait_condition(build, "Ready", "True Published")
    assert broken.broken
    assert set(runs(rig.place).values()) == {1}


@pytest.mark.faults
@pytest.mark.timeout(400)
def test_a_watch_that_stays_open_and_silent_ends_liveness(rig: Rig) -> None:
    rig.proxy.intercept = lambda request: Fault(events=lambda _: None) if request.watches else None
    rig.operator.start()
    rig.place.create(dataset_build())
    began = time.monotonic()
    while rig.operator.probe("healthz") == 200:
        assert time.monotonic() - began < DEAD_SECONDS, "liveness is 200 with a dead watch"
        time.sleep(1)
    print(f"a silent watch ended liveness after {time.monotonic() - began:.0f} s")
    assert rig.place.status(dataset_build())["workflow"], "without its watch it was not right a minute late"
