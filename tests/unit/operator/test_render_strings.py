"""What a user writes freely is no program to Argo, Kubernetes or a shell: it is refused, or in the plan alone."""

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from repoloom_api.plan import plan
from repoloom_api.resources import InvalidResource, Resource, parse_resource
from support.rendering import rendered, settings
from unit.api.cases import FULL_BUILD, FULL_TUNE

STRINGS = 300
SAMPLE = 30
"""Strings for each field in an ordinary run; `make faults` takes all."""

HARMFUL = (
    *("{{workflow.name}}", "{{=sprig.env('HOME')}}", "{{=", "{{", "}}", "{{inputs.parameters.shards}}", "{{item}}"),
    *("{{ workflow.uid }}", "{{{{workflow.name}}}}", "{{tasks.collect.outputs.parameters.shards}}", "{{retries}}"),
    *("$(AWS_SECRET_ACCESS_KEY)", "$$(HOME)", "${HOME}", "`id`", "$(id)", ";id;", "|id", "&&id", ">/tmp/x", "\\"),
    *("'", '"', "'''", '"""', "\\n", "\n", "\r\n", "\t", "\x00", "\x1b[31m", "\x7f", "\u2028", "\u202e", "\ufeff"),
    *("ä", "ß", "日本語", "🙈", "\u0301", "\U0010ffff", "\ud7ff", "null", "true", "2e-5", "~", "0x1f", "1:30", "---"),
    *("- ", ": ", "# ", "!!python/object:os.system", "&a *a", "<<: *a", "%TAG", "|-", "../../etc/passwd", "--store"),
    *("s3://elsewhere", "*/*", "**", "?", "[!a]", "<script>", "%00", "%s", "%(name)s", "{0}", "{shard}", " ", "  x  "),
)


def nasty_strings() -> list[str]:
    """Distinct strings of one to three harmful pieces; each holds a mark by which it is found wherever it went."""
    choose = random.Random(11)
    singles = [[piece] for piece in HARMFUL]
    mixed = [[choose.choice(HARMFUL) for _ in range(choose.choice((2, 3)))] for _ in range(STRINGS - len(singles))]
    return [_marked(number, pieces) for number, pieces in enumerate([*singles, *mixed])]


def _marked(number: int, pieces: list[str]) -> str:
    mark = f"zq{number:03}qz"
    return "".join([pieces[0], mark, *pieces[1:]])


def fields(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths of all strings in a document."""
    if isinstance(value, str):
        yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from fields(child, (*path, key))


def with_metadata(document: Any) -> Any:
    """With all that a user may write into metadata besides the name."""
    metadata = document["metadata"] | {"namespace": "team", "labels": {"team": "a"}, "annotations": {"note": "b"}}
    return document | {"metadata": metadata}


def changed(document: Any, path: tuple[Any, ...], value: str) -> Any:
    result = copy.deepcopy(document)
    holder = result
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    return result


NAMES = {("metadata", "name"), ("metadata", "namespace")}
"""They are in the Workflow, and Kubernetes says which characters they have."""

UNPLANNED = {("metadata", "labels", "team"), ("metadata", "annotations", "note"), ("spec", "compute", "pool")}
"""Fields that no plan holds: Kubernetes' own, and one that means nothing where the settings have no pools."""

DOCUMENTS = {"DatasetBuild": with_metadata(FULL_BUILD), "FineTune": with_metadata(FULL_TUNE)}
FIELDS = [(kind, path) for kind, document in DOCUMENTS.items() for path in fields(document)]


def accepted(kind: str, path: tuple[Any, ...], text: str) -> Resource | None:
    try:
        return parse_resource(changed(DOCUMENTS[kind], path, text))
    except InvalidResource:
        return None


def check(kind: str, path: tuple[Any, ...], strings: list[str]) -> int:
    """Returns how many were accepted."""
    count = 0
    for text in strings:
        resource = accepted(kind, path, text)
        if resource is None:
            continue
        count += 1
        made = rendered(resource, settings())
        mark = text[text.index("zq") : text.index("qz") + 2]
        if path not in NAMES:
            assert mark not in json.dumps(made.workflow)
            assert mark not in json.dumps(made.config_map["metadata"])
        arrived = json.loads(made.config_map["data"]["plan.json"])
        assert arrived == plan(resource, settings()).document()
        leaves = {leaf for leaf in _strings(arrived) if mark in leaf}
        assert bool(leaves) is (path not in UNPLANNED)
        assert all(text in leaf for leaf in leaves), "the mark arrived, and something around it did not"
    return count


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for child in children:
        yield from _strings(child)


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
