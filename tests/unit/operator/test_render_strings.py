"""What a user writes freely is no program to Argo, Kubernetes or a shell: it is refused, or in the plan alone."""

import json
import random
from typing import Any

import pytest

from repoloom_api.plan import plan
from support.nasty import FIELDS, STRINGS, accepted, mark, nasty_strings, strings_in
from support.rendering import rendered, settings

SAMPLE = 30
"""Strings for each field in an ordinary run; `make faults` takes all."""

NAMES = {("metadata", "name"), ("metadata", "namespace")}
"""They are in the Workflow, and Kubernetes says which characters they have."""

UNPLANNED = {("metadata", "labels", "team"), ("metadata", "annotations", "note"), ("spec", "compute", "pool")}
"""Fields that no plan holds: Kubernetes' own, and one that means nothing where the settings have no pools."""


def check(kind: str, path: tuple[Any, ...], strings: list[str]) -> int:
    """Returns how many were accepted."""
    count, chosen = 0, settings()
    for text in strings:
        resource = accepted(kind, path, text)
        if resource is None:
            continue
        count += 1
        made = rendered(resource, chosen)
        sign = mark(text)
        if path not in NAMES:
            assert sign not in json.dumps(made.workflow)
            assert sign not in json.dumps(made.config_map["metadata"])
        arrived = json.loads(made.config_map["data"]["plan.json"])
        assert arrived == plan(resource, chosen).document()
        leaves = {leaf for leaf in strings_in(arrived) if sign in leaf}
        assert bool(leaves) is (path not in UNPLANNED)
        assert all(text in leaf for leaf in leaves), "the mark arrived, and something around it did not"
    return count


@pytest.mark.parametrize(("kind", "path"), FIELDS, ids=lambda value: value if isinstance(value, str) else "")
def test_a_nasty_string_is_refused_or_arrives_as_it_is(kind: str, path: tuple[Any, ...], seed: int) -> None:
    check(kind, path, random.Random(f"{seed}{path}").sample(nasty_strings(), SAMPLE))


@pytest.mark.faults
def test_no_nasty_string_in_any_field_reaches_a_workflow() -> None:
    strings = nasty_strings()
    assert len(set(strings)) == STRINGS
    counts = {(kind, path): check(kind, path, strings) for kind, path in FIELDS}
    taken = {path: count for (_, path), count in counts.items() if count}
    print(f"\n{STRINGS} strings in {len(FIELDS)} fields: {sum(taken.values())} accepted, by {len(taken)} fields")
    free = [path for path in taken if path[0] == "spec"]
    assert free, "no field takes free text any more; this test then proves nothing"
