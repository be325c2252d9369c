"""Random histories of a resource, with crashes between any two writes: they all end like a fresh creation."""

import random
from typing import Any

import pytest

from repoloom_operator.wanted import Dataset
from support.builders import dataset_build, fine_tune, recipe
from support.observed import World

HISTORIES = 40
STEPS = 25
VARIANTS: list[list[dict[str, Any]]] = [
    [recipe("files")],
    [recipe("functions", codeUnits={"granularities": ["function"]})],
    [recipe("files"), recipe("short", chunk={"maxTokens": 64})],
    [recipe("broken", chunk={"maxTokens": 1})],
]


def change(world: World, chance: random.Random) -> None:
    """Something happens to the resource, to its run, or to the operator."""
    world.later(seconds=chance.choice([0, 1, 1, 30, 5000, 200_000]))
    what = chance.choice(
        ["recipes", "suspend", "resume", "schedule", "rerun", "finish", "fail", "gone", "crash", "look"]
    )
    at_work = [
        one for one in world.workflows.values() if one.get("status", {}).get("phase") not in {"Succeeded", "Failed"}
    ]
    match what:
        case "recipes":
            world.edit(recipes=chance.choice(VARIANTS))
        case "suspend" | "resume":
            world.edit(suspend=what == "suspend")
        case "schedule":
            world.edit(schedule=chance.choice(["0 3 * * 1", "*/5 * * * *", "0 0 30 2 *"]))
        case "rerun":
            world.annotate("repoloom.dev/rerun", str(chance.random()))
        case "finish" if at_work:
            world.finish(at_work[-1]["metadata"]["name"])
        case "fail" if at_work:
            at_work[-1]["status"] = {"phase": "Failed", "message": "pod deleted"}
        case "gone" if world.workflows:
            world.workflows.pop(chance.choice(sorted(world.workflows)))
        case "crash":
            world.look(writes=chance.randrange(4))
        case _:
            world.look()


def settle(world: World) -> None:
    """Look, and let runs end well, until nothing changes."""
    for _ in range(20):
        world.later(seconds=1)
        before = dict(world.document.get("status", {})), set(world.workflows)
        world.look()
        for name, workflow in world.workflows.items():
            if workflow.get("status", {}).get("phase") not in {"Succeeded", "Failed"}:
                world.finish(name)
        if (world.status, set(world.workflows)) == before:
            return
    raise AssertionError(f"it does not come to rest: {world.status}")


@pytest.mark.parametrize("history", range(HISTORIES))
def test_every_history_ends_like_a_fresh_creation(history: int, seed: int) -> None:
    chance = random.Random(f"{seed} {history}")
    world, fresh = World(), World()
    for _ in range(STEPS):
        change(world, chance)
        at_work = [one for one in world.workflows.values() if "phase" not in one.get("status", {})]
        assert len(at_work) <= 1
    final = {"recipes": chance.choice(VARIANTS[:3]), "suspend": False, "schedule": None}
    for one in (world, fresh):
        one.edit(**final)
        settle(one)
    if world.condition("Stalled") == ("True", "StageFailed"):  # this very spec was run before, and failed
        world.annotate("repoloom.dev/rerun", "now")
        settle(world)
    assert world.conditions == fresh.conditions == {"Ready": "True Published", "Succeeded": "True Published"}
    assert world.status["observedGeneration"] == world.document["metadata"]["generation"]
    assert world.status["current"] == fresh.status["current"]
    before = set(world.workflows)
    world.later(days=3)
    assert world.look().create is None
    assert set(world.workflows) == before


@pytest.mark.parametrize("writes", range(4))
def test_a_pinned_finetune_keeps_its_data_wherever_the_operator_dies(writes: int) -> None:
    old, new = "a" * 64, "b" * 64
    world = World(fine_tune())
    world.datasets["example"] = Dataset(old)
    world.look(writes=writes)
    started = list(world.workflows)
    world.datasets["example"] = Dataset(new, frozenset({old}))
    world.look()
    assert len(world.workflows) == 1
    (pin,) = world.status["pins"]
    assert pin["revision"] == (old if started else new)


def test_a_history_without_a_crash_has_no_run_twice() -> None:
    world = World(dataset_build())
    for _ in range(3):
        world.look()
    assert len(world.workflows) == 1
