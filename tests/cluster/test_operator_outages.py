"""Scenario 4: the API server is out of order, and the operator gets over it without a dead watch."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product

import pytest

from support.builders import dataset_build
from support.cluster.api_proxy import Fault, Request
from support.rig import HUNG, Rig, Rigs, runs

KINDS = ("503", "429", "403", "404", "reset")
SHORT_SECONDS = 5
LONG_SECONDS = (30, 72, 300)
RECOVERY_SECONDS = 60
WATCHED = {"datasetbuilds", "finetunes", "workflows"}
BACK_OFF_SECONDS = 10
"""A kubelet's first."""

COMPLAINTS = ("injected", r"\b(503|429|403|404)\b", "[Cc]onnection", "[Dd]isconnected", "cannot list everything")
"""What an operator says of an API server that is out of order."""


@dataclass(frozen=True)
class Outage:
    """How long things took once it was over, and how often the operator was started."""

    kind: str
    seconds: float
    reconciled_seconds: float
    watched_seconds: float
    starts: int

    def __str__(self) -> str:
        return (
            f"{self.kind} for {self.seconds} s: reconciled after {self.reconciled_seconds:.1f} s, all watched after "
            f"{self.watched_seconds:.1f} s, {self.starts} starts"
        )


def broken(kind: str) -> Callable[[Request], Fault]:
    fault = Fault(cut="before") if kind == "reset" else Fault(status=int(kind))
    return lambda _: fault


def outage(rig: Rig, kind: str, seconds: float) -> Outage:
    """Create a resource and end a run while the API server is out of order, and wait for both."""
    rig.operator.expected.extend((*COMPLAINTS, HUNG))
    before, meanwhile, after = (dataset_build(name) for name in ("before", "meanwhile", "after"))
    rig.operator.start()
    with rig.kept_alive(BACK_OFF_SECONDS):
        rig.place.create(before)
        run = rig.place.wait_run(before)
        rig.proxy.intercept = broken(kind)
        rig.proxy.cut_all()
        rig.place.create(meanwhile)
        rig.place.finish(before, run)
        time.sleep(seconds)
        rig.proxy.intercept = lambda _: None
        began = time.monotonic()
        rig.place.wait(meanwhile, lambda status: "workflow" in status, RECOVERY_SECONDS)
        rig.place.wait_condition(before, "Ready", "True Published", RECOVERY_SECONDS)
        reconciled = time.monotonic() - began
        watched = watching(rig) - began
        rig.place.create(after)
        rig.place.wait(after, lambda status: "workflow" in status, RECOVERY_SECONDS)
        assert rig.operator.probe("healthz") == 200
        assert rig.proxy.watched() == WATCHED, "liveness is 200 with a dead watch"
    assert set(runs(rig.place).values()) == {1}
    return Outage(kind, seconds, reconciled, watched, rig.operator.starts)


def watching(rig: Rig) -> float:
    """Wait until every kind is watched; returns when it was so."""
    deadline = time.monotonic() + RECOVERY_SECONDS
    while rig.proxy.watched() != WATCHED:
        assert time.monotonic() < deadline, f"only {rig.proxy.watched()} are watched, liveness is 200 all the same"
        time.sleep(0.05)
    return time.monotonic()


def outages(rigs: Rigs, unique: str, *seconds: float) -> list[Outage]:
    """Every kind for so long each, side by side, since they are waited for most of the time."""

    def one(asked: tuple[str, float]) -> Outage:
        with rigs.rig(f"{unique}-{asked[0]}-{asked[1]}") as rig:
            return outage(rig, *asked)

    every = list(product(KINDS, seconds))
    with ThreadPoolExecutor(len(every)) as pool:
        return list(pool.map(one, every))


@pytest.mark.timeout(300)
def test_a_short_outage_is_got_over(rigs: Rigs, unique: str) -> None:
    assert_recovered(outages(rigs, unique, SHORT_SECONDS))


@pytest.mark.faults
@pytest.mark.timeout(1200)
def test_a_long_outage_is_got_over(rigs: Rigs, unique: str) -> None:
    assert_recovered(outages(rigs, unique, SHORT_SECONDS, *LONG_SECONDS))


def assert_recovered(found: list[Outage]) -> None:
    print(*found, sep="\n")
    assert max(one.reconciled_seconds for one in found) <= RECOVERY_SECONDS
    assert max(one.watched_seconds for one in found) <= RECOVERY_SECONDS
