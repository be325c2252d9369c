"""Scenario 5: specs change at random, some of them mid-run, and end as if they had been created so."""

import json
import random
import re
import time
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from support.builders import Document, dataset_build, fine_tune, recipe
from support.observed import VERDICT
from support.operating import Place, conditions
from support.rig import Rig, mounted, runs

PAUSES_SECONDS = (0, 0, 0.05, 0.3)
REST_SECONDS = 120
ENDED = {"Succeeded", "Failed"}
PUBLISHED = {"Ready": "True Published", "Succeeded": "True Published"}

RECIPES = ([recipe("files")], [recipe("files"), recipe("short", chunk={"maxTokens": 64})])
CHANGES: dict[str, tuple[Callable[[random.Random], Document], ...]] = {
    "DatasetBuild": (
        lambda chance: {"chunk": {"maxTokens": chance.choice((64, 128, 256))}},
        lambda chance: {"suspend": chance.random() < 0.3},
        lambda chance: {"schedule": chance.choice(("0 3 1 1 *", None, None, "0 0 30 2 *"))},  # the last is never due
        lambda chance: {"recipes": chance.choice(RECIPES)},
    ),
    "FineTune": (
        lambda chance: {"training": {"learningRate": chance.choice((1e-5, 1e-4, 1e-3))}},
        lambda chance: {"suspend": chance.random() < 0.3},
    ),
}
"""How users change their minds."""

LAST: dict[str, Document] = {
    "DatasetBuild": {"suspend": False, "schedule": None, "chunk": {"maxTokens": 4000}, "recipes": RECIPES[0]},
    "FineTune": {"suspend": False, "training": {"learningRate": 2e-5}},
}
"""What they end with."""


def pair(name: str) -> tuple[Document, Document]:
    """A build, and a FineTune on it."""
    build = dataset_build(name, recipes=RECIPES[0])
    return build, fine_tune(name, data=[{"name": "code", "datasetBuild": {"name": name, "output": "files"}}])


def change(place: Place, document: Document, chance: random.Random) -> bool:
    """Change a spec, ask for the run again, or let Argo end one; returns whether the spec is another."""
    case = chance.random()
    if case < 0.1:
        end_runs(place, document, chance)
    elif case < 0.2:
        place.edit(document, {"metadata": {"annotations": {"repoloom.dev/rerun": str(chance.random())}}})
    else:
        before = place.get(document)["metadata"]["generation"]
        asked = chance.choice(CHANGES[document["kind"]])(chance)
        return bool(place.edit(document, {"spec": asked})["metadata"]["generation"] > before)
    return False


def end_runs(place: Place, document: Document, chance: random.Random | None = None) -> None:
    """Argo ends what is at work; runs that were stopped end badly, and by chance others."""
    verdict = VERDICT if document["kind"] == "FineTune" else None
    for one in place.workflows(of=document):
        name = one["metadata"]["name"]
        if one.get("status", {}).get("phase") in ENDED:
            continue
        if "shutdown" in one["spec"] or (chance and chance.random() < 0.3):
            place.nodes(name, {}, phase="Failed", message="Stopped with strategy 'Terminate'")
        else:
            place.finish(document, name, verdict=verdict)


def check_transitions(rig: Rig, seed: int, *, pairs: int, transitions: int) -> None:
    """Let resources change at random, and then come to rest beside one that was created as they are now."""
    chance, place = random.Random(seed), rig.place
    changing = [one for number in range(pairs) for one in pair(f"pair-{number}")]
    fresh = pair("fresh")
    rig.operator.start()
    for one in changing:
        place.create(one)
    began, mid_run = time.monotonic(), 0
    while transitions:
        one = chance.choice(changing)
        at_work = conditions(place.status(one)).get("Reconciling") == "True Building"
        if change(place, one, chance):
            transitions, mid_run = transitions - 1, mid_run + at_work
        time.sleep(chance.choice(PAUSES_SECONDS))
    for one in fresh:
        place.create(one | {"spec": one["spec"] | LAST[one["kind"]]})
    for one in changing:
        place.edit(one, {"spec": LAST[one["kind"]]})
    rest(place, [*fresh, *changing])
    ends = {one["kind"]: end(place, one) for one in fresh}
    for one in changing:
        assert end(place, one) == ends[one["kind"]], one["metadata"]["name"]
    assert set(runs(place).values()) == {1}
    print(
        f"changes of spec: {sum(place.get(one)['metadata']['generation'] - 1 for one in changing)}, {mid_run} of them "
        f"mid-run, in {len(changing)} resources: {len(place.workflows())} runs, none doubled, "
        f"all ended as created, {time.monotonic() - began:.0f} s"
    )


def rest(place: Place, documents: Iterable[Document]) -> None:
    """End runs until every newest spec is published, and status is of the newest generation."""
    deadline = time.monotonic() + REST_SECONDS
    waiting = list(documents)
    while waiting:
        assert time.monotonic() < deadline, json.dumps(place.status(waiting[0]), indent=1)
        for one in waiting:
            end_runs(place, one)
        waiting = [one for one in waiting if not published(place.get(one))]
        time.sleep(0.1)


def published(found: Document) -> bool:
    """Whether a resource's present generation is."""
    status = found.get("status", {})
    current = status.get("observedGeneration") == found["metadata"]["generation"]
    return current and conditions(status) == PUBLISHED


def end(place: Place, document: Document) -> Any:
    """Spec, status, newest Workflow and its plan, without names, digests and times."""
    found = place.get(document)
    status = found["status"]
    workflow = place.workflow(status["workflow"])
    (plan,) = (one["data"]["plan.json"] for one in place.config_maps() if one["metadata"]["name"] == mounted(workflow))
    shown = {name: value for name, value in status.items() if name not in {"conditions", "observedGeneration", "cause"}}
    told = [found["spec"], conditions(status), shown, workflow["spec"], plan]
    text = json.dumps(told, sort_keys=True)
    for name, shown_as in ((status["workflow"], "RUN"), (found["metadata"]["name"], "NAME")):
        text = text.replace(name, shown_as)
    return json.loads(re.sub(r"\b[0-9a-f]{12,64}\b", "DIGEST", text))


@pytest.mark.timeout(400)
def test_random_changes_end_like_a_fresh_creation(rig: Rig, seed: int) -> None:
    check_transitions(rig, seed, pairs=3, transitions=100)


@pytest.mark.faults
@pytest.mark.timeout(1800)
def test_a_thousand_random_changes_end_like_fresh_creations(rig: Rig, seed: int) -> None:
    check_transitions(rig, seed, pairs=15, transitions=1000)
