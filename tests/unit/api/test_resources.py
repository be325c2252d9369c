"""The types and the CRDs' schemas give one verdict on every file, and name the same fields."""

import json
from typing import Any

import pytest

from repoloom_api.resources import InvalidResource, parse_resource
from support.crd_validation import about_one_field, schemas, validate
from support.mutations import mutated
from unit.api.cases import BAD, GOOD, Bad

SEEDS = 500


def types_faults(document: Any) -> set[str]:
    """Field paths the types complain about."""
    try:
        parse_resource(document)
    except InvalidResource as error:
        return {fault.path for fault in error.faults}
    return set()


@pytest.mark.parametrize("document", GOOD.values(), ids=GOOD.keys())
def test_a_good_file_is_accepted_and_stored_as_the_types_read_it(document: Any) -> None:
    answer = validate(document)
    assert answer.faults == ()
    assert json.loads(json.dumps(parse_resource(document).document()["spec"])) == answer.stored["spec"]


@pytest.mark.parametrize("document", GOOD.values(), ids=GOOD.keys())
def test_what_is_stored_reads_like_what_was_written(document: Any) -> None:
    written, stored = parse_resource(document), parse_resource(validate(document).stored)
    assert json.dumps(stored.spec.document()) == json.dumps(written.spec.document())


@pytest.mark.parametrize("case", BAD.values(), ids=BAD.keys())
def test_a_bad_file_is_refused_by_the_types_with_every_field_at_fault(case: Bad) -> None:
    assert types_faults(case.document) == set(case.paths)


@pytest.mark.parametrize("case", BAD.values(), ids=BAD.keys())
def test_a_bad_file_is_refused_by_the_schema_at_the_same_fields(case: Bad) -> None:
    faults = validate(case.document).faults
    assert faults
    assert [path for path in faults if not any(about_one_field(path, other) for other in case.paths)] == []


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_damaged_file_gets_one_verdict(seed: int) -> None:
    names = list(GOOD)
    document = mutated(GOOD[names[seed % len(names)]], seed)
    by_types, answer = types_faults(document), validate(document)
    print(f"seed {seed}: {document}\ntypes: {by_types}\nschema: {answer.faults}")
    assert bool(by_types) == bool(answer.faults)
    assert [path for path in answer.faults if not any(about_one_field(path, other) for other in by_types)] == []
    if not by_types:
        assert parse_resource(document).document()["spec"] == answer.stored["spec"]


def test_damage_is_refused_often_and_survived_often() -> None:
    names = list(GOOD)
    refused = sum(bool(types_faults(mutated(GOOD[names[seed % len(names)]], seed))) for seed in range(SEEDS))
    assert SEEDS // 2 < refused < SEEDS * 9 // 10


def test_every_rule_is_broken_by_a_case() -> None:
    def rules(node: Any) -> set[str]:
        if isinstance(node, list):
            return set().union(*map(rules, node))
        if not isinstance(node, dict):
            return set()
        own = {rule["rule"] for rule in node.get("x-kubernetes-validations", ())}
        return own.union(*map(rules, node.values()))

    broken = set().union(*(validate(case.document).broken for case in BAD.values()))
    assert rules(list(schemas().values())) - broken == set()


def test_a_fault_reads_as_kubectl_writes_it() -> None:
    with pytest.raises(InvalidResource) as refusal:
        parse_resource(BAD["a number as a string"].document)
    assert str(refusal.value).startswith("spec.chunk.maxTokens: ")
