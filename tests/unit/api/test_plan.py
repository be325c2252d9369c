"""Planning is pure: settings place work or refuse it, and every task's parameters are what its stage parses."""

from typing import Any

import pytest

from repoloom_api.catalogue import CATALOGUE, parse_params
from repoloom_api.plan import plan
from repoloom_api.resources import InvalidResource, parse_resource
from repoloom_api.settings import LOCAL, SettingsConfig
from repoloom_api.tasks import Plan, Reach
from support.builders import data, dataset_build, fine_tune, gate, recipe, source, suite

RESOURCES = {
    "dataset": dataset_build(
        sources=[source("one"), source("two", url="https://git.internal.example/two")],
        recipes=[recipe("files"), recipe("items", **{"from": ["one"]}, codeUnits={"granularities": ["function"]})],
        refine={"gates": [gate()]},
    ),
    "dataset by file": dataset_build(refine={"split": {"byFile": {}}}),
    "dataset by time": dataset_build(
        tokenizer={"huggingFace": {"repository": "example/model"}}, refine={"split": {"byTime": {"gapDays": 30}}}
    ),
    "fine-tune": fine_tune(
        model={"huggingFace": {"repository": "example/model"}},
        data=[data("a"), data("b")],
        evaluate={"suites": [suite(), suite("other", bitsPerByte={"datasetBuild": {"name": "x", "output": "y"}})]},
    ),
    "fine-tune of tiny": fine_tune(),
}


def settings(**config: Any) -> SettingsConfig:
    document = {"apiVersion": "config.repoloom.dev/v1alpha1", "kind": "Settings"} | config
    return SettingsConfig.model_validate(document)


ELSEWHERE = settings(
    objectStore={"bucket": "elsewhere", "endpoint": "https://s3.example", "prefix": "other", "addressing": "Path"},
    connections=[
        {"name": "inside", "web": {}, "hosts": ["*.internal.example"], "privateAddresses": "Allowed"},
        {"name": "outside", "github": {}, "hosts": ["example.org"]},
        {"name": "hub", "huggingFace": {}, "hosts": ["huggingface.co"]},
    ],
)


def planned(name: str, chosen: SettingsConfig = LOCAL) -> Plan:
    return plan(parse_resource(RESOURCES[name]), chosen)


@pytest.mark.parametrize("name", RESOURCES)
def test_two_settings_files_give_the_same_tasks(name: str) -> None:
    here, elsewhere = planned(name), planned(name, ELSEWHERE)
    assert here.tasks == elsewhere.tasks
    assert here.spec_digest == elsewhere.spec_digest


@pytest.mark.parametrize("name", RESOURCES)
def test_planning_twice_gives_the_same_plan_and_a_plan_survives_json(name: str) -> None:
    assert planned(name) == planned(name)
    assert Plan.model_validate_json(planned(name).model_dump_json(by_alias=True)) == planned(name)


@pytest.mark.parametrize("name", RESOURCES)
def test_every_tasks_parameters_are_what_its_stage_parses(name: str) -> None:
    for task in planned(name).tasks:
        assert parse_params(task.stage, task.params).document() == task.params


@pytest.mark.parametrize("name", RESOURCES)
def test_tasks_come_after_what_they_need_and_names_hold_no_users_text(name: str) -> None:
    seen: set[str] = set()
    for task in planned(name).tasks:
        assert set(planned(name).needs(task)) <= seen | {task.name}
        assert task.name.rpartition("-")[0] in CATALOGUE
        seen.add(task.name)


def test_settings_place_the_tasks_that_reach_a_host() -> None:
    placements = planned("dataset", ELSEWHERE).placements
    inside = Reach(connection="inside", hosts=("*.internal.example",), private_addresses=True)
    assert placements["snapshot-2"].reaches == (inside,)
    (outside,) = placements["snapshot-1"].reaches
    assert not outside.private_addresses
    assert placements["resolve-1"].reaches == (outside, inside)


@pytest.mark.parametrize("name", ["dataset by time", "fine-tune"])
def test_what_pins_and_what_fetches_a_model_both_reach_the_hub(name: str) -> None:
    placements = planned(name, ELSEWHERE).placements
    hub = Reach(connection="hub", hosts=("huggingface.co",), private_addresses=False)
    assert hub in placements["resolve-1"].reaches
    assert placements["fetch-model-1"].reaches == (hub,)


def test_a_host_that_no_connection_lists_is_refused_with_its_field() -> None:
    with pytest.raises(InvalidResource) as caught:
        planned("dataset", settings(connections=[{"name": "hub", "huggingFace": {}, "hosts": ["huggingface.co"]}]))
    faults = [(fault.path, fault.message) for fault in caught.value.faults]
    assert faults == [
        ("spec.sources[0].repository.url", "no connection in the settings lists the host example.org"),
        ("spec.sources[1].repository.url", "no connection in the settings lists the host git.internal.example"),
    ]


def test_a_changed_recipe_changes_its_own_tasks_and_no_others() -> None:
    changed = dict(RESOURCES["dataset"]["spec"])
    changed["recipes"] = [changed["recipes"][0], changed["recipes"][1] | {"chunk": {"maxTokens": 99}}]
    before = planned("dataset")
    after = plan(parse_resource(RESOURCES["dataset"] | {"spec": changed}), LOCAL)
    differing = [one.name for one, other in zip(before.tasks, after.tasks, strict=True) if one != other]
    assert differing == ["code-units-3"]
