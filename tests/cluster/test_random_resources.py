"""Scenario 10: random resources are refused by name of the field at fault, without a webhook, or run as they are."""

import itertools
import json
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from repoloom_api.resources import Fault, InvalidResource, Resource, parse_resource
from support.cluster.cluster import Cluster
from support.cluster.creation import offer
from support.crd_validation import as_sent, readable, strangers
from support.mutations import mutated
from support.rendering import rendered, settings
from unit.api.cases import BAD, GOOD

WHOLE = (1000, 1000)
FEW = (500, 100)
"""Resources to be refused and to be accepted; of the first there are three times as many."""
LINTED_AT_ONCE = 200


@dataclass
class Verdicts:
    """Random resources, as many of each sort as were asked for, and what was said of them."""

    refused: dict[str, tuple[str, ...]] = field(default_factory=dict)
    accepted: dict[str, Resource] = field(default_factory=dict)


def random_documents(seed: int) -> Iterator[Any]:
    """Good resources whose spec is damaged, which may do no harm; what cannot be sent is left out."""
    for number in itertools.count(seed):
        whole = list(GOOD.values())[number % len(GOOD)]
        metadata = {"name": whole["metadata"]["name"]}
        document = whole | {"metadata": metadata, "spec": mutated(whole["spec"], number)}
        if readable(document):
            yield document


def judged(cluster: Cluster, seed: int, refused: int, accepted: int) -> Verdicts:
    """Have types and server judge random resources until there are so many of each sort."""
    found = Verdicts()
    for document in random_documents(seed):
        text = json.dumps(document, sort_keys=True)
        if text in found.refused or text in found.accepted:
            continue
        parsed, by_types = judged_by_types(document)
        if (len(found.refused) >= refused) if by_types else (len(found.accepted) >= accepted):
            continue
        by_server = offer(cluster, "default", as_sent(document)).faults
        assert bool(by_types) == bool(by_server), f"{document}\ntypes: {by_types}\nserver: {by_server}"
        if parsed is None:
            assert strangers(by_server, by_types) == [], document
            found.refused[text] = by_server
        else:
            found.accepted[text] = parsed
        if len(found.refused) >= refused and len(found.accepted) >= accepted:
            break
    return found


def judged_by_types(document: Any) -> tuple[Resource | None, set[str]]:
    """The resource, or the paths of the fields at fault."""
    try:
        return parse_resource(document), set()
    except InvalidResource as error:
        return None, {fault.path for fault in error.faults}


def check_random(cluster: Cluster, argo: Path, folder: Path, seed: int, numbers: tuple[int, int]) -> None:
    began = time.monotonic()
    found = judged(cluster, seed, *numbers)
    nameless = [text for text, paths in found.refused.items() if not any(paths)]
    assert nameless == [], f"refused without a field path: {nameless[:3]}"
    webhooks = "validatingwebhookconfigurations,mutatingwebhookconfigurations"
    assert cluster.get(webhooks)["items"] == []
    linted, faults = lint(argo, folder, found.accepted.values())
    print(
        f"{len(found.refused)} random resources refused, each with a field path; {len(found.accepted)} accepted, of "
        f"which {linted} pass argo lint and {faults} are too large, {time.monotonic() - began:.0f} s"
    )
    assert (len(found.refused), linted + faults) == numbers


def lint(argo: Path, folder: Path, resources: Any) -> tuple[int, int]:
    """How many resources make Workflows that Argo finds nothing wrong with, and how many none; the rest fails."""
    made = [workflow(resource) for resource in resources]
    workflows = [one for one in made if isinstance(one, dict)]
    for number in range(0, len(workflows), LINTED_AT_ONCE):
        file = folder / f"{number}.yaml"
        batch = workflows[number : number + LINTED_AT_ONCE]
        file.write_text(yaml.dump_all(batch, Dumper=yaml.CSafeDumper))
        done = subprocess.run([argo, "lint", "--offline", file], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        assert "no linting errors found" in done.stdout
    return len(workflows), len(made) - len(workflows)


def workflow(resource: Resource) -> dict[str, Any] | list[Fault]:
    """A resource's Workflow; or its faults, where its plan fits no ConfigMap."""
    try:
        return rendered(resource, settings()).workflow
    except InvalidResource as error:
        return list(error.faults)


@pytest.mark.timeout(600)
def test_random_resources_are_refused_by_field_or_run(cluster: Cluster, argo: Path, tmp_path: Path, seed: int) -> None:
    check_random(cluster, argo, tmp_path, seed, FEW)


@pytest.mark.faults
@pytest.mark.timeout(1200)
def test_a_thousand_random_resources_are_refused_by_field_and_a_thousand_run(
    cluster: Cluster, argo: Path, tmp_path: Path, seed: int
) -> None:
    check_random(cluster, argo, tmp_path, seed, WHOLE)


def test_two_hundred_written_cases_are_there() -> None:
    assert len(BAD) >= 200
