"""A plan becomes steps, and steps a Workflow: what shares a pod, what a pod may see, and what is refused."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from argo_workflows import models as argo

from repoloom_api.plan import plan
from repoloom_api.resources import InvalidResource, parse_resource
from repoloom_api.runs import Pins
from repoloom_api.settings import LOCAL, SettingsConfig
from repoloom_api.tasks import Plan
from repoloom_operator import labels
from repoloom_operator.render import Kind, MissingSettings, Rendered, render, steps
from repoloom_operator.render.workflow import _model
from repoloom_operator.run import Owner, Run
from repoloom_stages.__main__ import _arguments
from support.builders import Document, data, dataset_build, fine_tune, gate, output, recipe, source, suite
from support.rendering import IMAGES, STORE, UID, rendered, settings

CONNECTIONS = [
    {"name": "github", "github": {}, "hosts": ["github.com"], "secretName": "github-token"},
    {"name": "open", "web": {}, "hosts": ["example.org"]},
    {"name": "inside", "web": {}, "hosts": ["*.internal.example"], "secretName": "inside-token"},
    {"name": "hub", "huggingFace": {}, "hosts": ["huggingface.co"], "secretName": "hub-token"},
]
POOLS = [
    {"name": "cpu", "nodeSelector": {"kind": "cpu"}},
    {"name": "gpu", "nodeSelector": {"kind": "gpu"}, "accelerator": {"resourceName": "example.com/gpu"}},
]

HUB = {"huggingFace": {"repository": "example/model"}}
GITHUB = source("one", url="https://github.com/example/one")
INSIDE = source("two", url="https://git.internal.example/two")
OPEN = source("three")

RESOURCES: dict[str, Document] = {
    "the least dataset": dataset_build(),
    "sources of three hosts": dataset_build(sources=[GITHUB, INSIDE, OPEN], tokenizer=HUB),
    "gates and outputs": dataset_build(
        recipes=[recipe("a"), recipe("b")],
        refine={"gates": [gate()]},
        outputs=[output("x", recipes=["a", "b"]), output("y", recipes=["b"])],
    ),
    "units with their calls": dataset_build(recipes=[recipe("a"), recipe("b", codeUnits={"views": {"callGraph": {}}})]),
    "the least model": fine_tune(),
    "a model of the Hub, judged on other data": fine_tune(
        model=HUB, evaluate={"suites": [suite("other", bitsPerByte={"datasetBuild": {"name": "x", "output": "y"}})]}
    ),
}
SETTINGS: dict[str, SettingsConfig] = {
    "the least": settings(),
    "connections with credentials": settings(connections=CONNECTIONS),
    "pools": settings(pools=POOLS, defaults={"pools": {"data": "cpu", "training": "gpu"}}),
}


def render_named(resource: str, chosen: str = "the least", queue: str | None = None) -> Rendered:
    return rendered(parse_resource(RESOURCES[resource]), SETTINGS[chosen], queue=queue)


def plan_named(resource: str, chosen: str) -> Plan:
    return plan(parse_resource(RESOURCES[resource]), SETTINGS[chosen])


def templates(made: Rendered) -> dict[str, dict[str, Any]]:
    """Pod templates by name."""
    return {one["name"]: one for one in made.workflow["spec"]["templates"] if "container" in one}


def secrets_of(template: dict[str, Any]) -> set[str]:
    """Secrets that a pod mounts."""
    return {volume["secret"]["secretName"] for volume in template["volumes"] if "secret" in volume}


every_case = pytest.mark.parametrize(
    ("resource", "chosen"), [(resource, chosen) for resource in RESOURCES for chosen in SETTINGS]
)


@every_case
def test_every_task_has_one_step_and_comes_after_what_it_needs(resource: str, chosen: str) -> None:
    planned = plan_named(resource, chosen)
    fused = steps(planned, SETTINGS[chosen])
    step_of = {task: step for step in fused for task in step.tasks}
    assert sorted(task for step in fused for task in step.tasks) == sorted(task.name for task in planned.tasks)
    before: dict[str, set[str]] = {}
    for step in fused:
        before[step.name] = {step.name}.union(*(before[name] for name in step.after))
    for task in planned.tasks:
        for need in planned.needs(task):
            assert step_of[need].name in before[step_of[task.name].name]
            tasks = step_of[task.name].tasks
            assert need not in tasks or tasks.index(need) < tasks.index(task.name)


@every_case
def test_a_pod_reaches_hosts_and_holds_credentials_only_where_its_tasks_use_them(resource: str, chosen: str) -> None:
    planned, made = plan_named(resource, chosen), render_named(resource, chosen)
    secret = {one.name: one.secret_name for one in SETTINGS[chosen].connections or ()}
    for step in made.steps:
        used = {reach.connection for task in step.tasks for reach in _reaches(planned, task)}
        assert secrets_of(templates(made)[step.name]) == {secret[name] for name in used if secret[name]}
        alone = {frozenset(_credentials(planned, task, secret)) for task in step.tasks if _reaches(planned, task)}
        assert len(alone) <= 1, "a task sits beside a credential that another task uses"
        if step.kind is not Kind.COLLECT:
            assert templates(made)[step.name]["metadata"]["labels"][labels.EGRESS] == "store"


def _reaches(planned: Plan, task: str) -> Any:
    placement = planned.placements.get(task)
    return placement.reaches if placement else ()


def _credentials(planned: Plan, task: str, secret: dict[str, str | None]) -> set[str]:
    return {reach.connection for reach in _reaches(planned, task) if secret[reach.connection]}


def test_the_shards_are_listed_after_the_last_snapshot_and_by_one_step() -> None:
    made = render_named("sources of three hosts", "connections with credentials")
    listing = [step for step in made.steps if step.prepares == Kind.SHARDS.value]
    snapshots = [step.name for step in made.steps if any(task.startswith("snapshot-") for task in step.tasks)]
    assert [step.name for step in listing] == snapshots[-1:]
    assert set(snapshots[:-1]) <= set(listing[0].after)
    assert "--list-shards" in templates(made)[listing[0].name]["container"]["args"]


def test_what_needs_links_runs_in_shards_after_them() -> None:
    views = {"plain": {}, "callGraph": {}}
    build = parse_resource(dataset_build(recipes=[recipe(codeUnits={"granularities": ["function"], "views": views})]))
    made = rendered(build, settings())
    assert [(step.name, step.after, step.prepares) for step in made.steps] == [
        ("collect", (), "shards"),
        ("shards", ("collect",), None),
        ("link", ("shards",), "shards-2"),
        ("shards-2", ("link",), None),
        ("finish", ("shards-2",), None),
    ]
    tasks = {step.name: step.tasks for step in made.steps}
    assert (tasks["shards"], tasks["link"], tasks["shards-2"]) == (
        ("index-code-1",),
        ("link-code-1",),
        ("code-units-1",),
    )
    again = {task["name"]: task.get("withParam") for task in made.workflow["spec"]["templates"][0]["dag"]["tasks"]}
    assert again["shards-2"] == "{{tasks.link.outputs.parameters.shards}}"


@pytest.mark.parametrize(
    ("resource", "chosen"),
    [
        (dataset_build(), SETTINGS["the least"]),
        (dataset_build(sources=[GITHUB], tokenizer=HUB), SETTINGS["connections with credentials"]),
        (dataset_build(sources=[GITHUB, OPEN]), SETTINGS["connections with credentials"]),
        (dataset_build(sources=[source(f"s{n}") for n in range(9)], tokenizer=HUB), SETTINGS["the least"]),
        (fine_tune(model=HUB), SETTINGS["connections with credentials"]),
    ],
    ids=["one source", "a credential for each of two hosts", "one host with, one without", "nine sources", "a model"],
)
def test_a_common_build_is_at_most_six_pods(resource: Document, chosen: SettingsConfig) -> None:
    made = rendered(parse_resource(resource), chosen)
    assert made.pods <= 6
    shards = [step.pods for step in made.steps if step.kind is Kind.SHARDS]
    assert all(pods >= 2 for pods in shards)


def test_the_settings_may_ask_for_more_pods() -> None:
    made = rendered(parse_resource(dataset_build()), settings(defaults={"shardPods": 32}))
    assert made.pods == 34
    args = templates(made)["collect"]["container"]["args"]
    assert args[args.index("--shard-groups") + 1] == "32"


def test_a_build_of_50_recipes_is_a_workflow_of_less_than_100_kilobytes() -> None:
    build = dataset_build(
        sources=[GITHUB, INSIDE, OPEN], recipes=[recipe(f"recipe-{n}") for n in range(50)], refine={"gates": [gate()]}
    )
    made = rendered(parse_resource(build), SETTINGS["connections with credentials"])
    assert len(json.dumps(made.workflow).encode()) < 100_000


def test_only_the_accelerator_step_takes_an_accelerator_a_queue_and_the_image_with_torch() -> None:
    made = render_named("the least model", "pools", queue="gpus")
    for step in made.steps:
        template = templates(made)[step.name]
        accelerate = step.kind is Kind.ACCELERATE
        assert ("example.com/gpu" in template["container"]["resources"]["limits"]) is accelerate
        assert (template["metadata"]["labels"].get(labels.QUEUE) == "gpus") is accelerate
        assert template["nodeSelector"] == {"kind": "gpu" if accelerate else "cpu"}
        assert template["container"]["image"] == IMAGES["train" if accelerate else "stages"]


def test_a_datasets_pods_stand_in_no_queue() -> None:
    made = render_named("the least dataset", "pools", queue="gpus")
    assert labels.QUEUE not in json.dumps(made.workflow)


def test_three_processes_with_other_hash_seeds_render_the_same_bytes() -> None:
    script = (
        "import json, unit.operator.test_render as t\n"
        "print(json.dumps([[t._as_bytes(t.render_named(r, c)).decode() for c in t.SETTINGS] for r in t.RESOURCES]))"
    )
    path = os.pathsep.join(sys.path)
    running = [
        subprocess.Popen(
            [sys.executable, "-c", script],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": path},
            stdout=subprocess.PIPE,
        )
        for seed in ("0", "1", "20261121")
    ]
    rendered_there = [process.communicate()[0] for process in running]
    assert len(json.loads(rendered_there[0])) == len(RESOURCES)
    assert rendered_there[1:] == rendered_there[:-1]


def _as_bytes(made: Rendered) -> bytes:
    return json.dumps([made.config_map, made.workflow]).encode()


def test_the_plan_and_the_pins_lie_in_the_config_map_as_they_are() -> None:
    pinned = {"pins": {"data/code": {"dataset": {"name": "example", "digest": "0" * 64}}}}
    pins = Pins.model_validate_json(json.dumps(pinned))
    made = rendered(parse_resource(fine_tune()), SETTINGS["the least"], pins=pins)
    assert Plan.model_validate_json(made.config_map["data"]["plan.json"]) == plan_named("the least model", "the least")
    assert Pins.model_validate_json(made.config_map["data"]["pins.json"]) == pins
    assert made.config_map["immutable"] is True


def test_a_config_map_belongs_to_one_resource_and_serves_all_its_runs() -> None:
    planned = plan_named("the least dataset", "the least")

    def name(uid: str, run: str) -> str:
        owner = Owner(planned.kind, planned.name, planned.namespace, uid)
        made = render(planned, Run(run, owner, Pins(pins={})), SETTINGS["the least"])
        return str(made.config_map["metadata"]["name"])

    assert name("first", "example-1") == name("first", "example-2")
    assert name("first", "example-1") != name("second", "example-1")


def test_both_objects_are_the_resources_and_do_not_hold_up_its_deletion() -> None:
    made = render_named("the least dataset")
    for document in (made.config_map, made.workflow):
        (owner,) = document["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["name"], owner["uid"]) == ("DatasetBuild", "example", UID)
        assert owner["blockOwnerDeletion"] is False


def test_what_the_settings_lack_is_said_with_what_to_write() -> None:
    planned = plan_named("the least dataset", "the least")
    run = Run("example-1", Owner("DatasetBuild", "example", "default", UID), Pins(pins={}))
    with pytest.raises(MissingSettings, match=r"images: .*\n.*objectStore: "):
        render(planned, run, LOCAL)
    with pytest.raises(MissingSettings, match=r"^the settings need images: "):
        render(planned, run, LOCAL.model_copy(update={"object_store": settings(objectStore=STORE).object_store}))


def test_a_plan_that_no_config_map_can_hold_is_refused() -> None:
    globs = [f"{number:02}/{'a' * 200}" for number in range(64)]
    build = dataset_build(
        sources=[source(f"source-{number}") for number in range(64)],
        recipes=[recipe(name, keep={"include": globs}) for name in ("one", "two")],
    )
    with pytest.raises(InvalidResource, match=r"^spec: its plan of .* tasks takes .* bytes") as caught:
        rendered(parse_resource(build), SETTINGS["the least"])
    assert [fault.path for fault in caught.value.faults] == ["spec"]


def test_a_misspelt_field_of_argos_is_an_error_and_not_passed_on() -> None:
    with pytest.raises(TypeError, match="Container has no readOnly"):
        _model(argo.Container, image="example", readOnly=True)


@every_case
def test_stages_take_the_command_line(resource: str, chosen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for template in templates(render_named(resource, chosen)).values():
        monkeypatch.setattr(sys, "argv", [*template["container"]["command"], *template["container"]["args"]])
        taken = _arguments()
        (step,) = (one for one in render_named(resource, chosen).steps if one.name == template["name"])
        assert tuple(taken.task) == step.tasks
        assert (taken.shards is not None) is (step.kind is Kind.SHARDS)
        assert (taken.connections is not None) is bool(secrets_of(template))


def test_two_datas_of_one_build_are_one_collecting_pod() -> None:
    made = rendered(parse_resource(fine_tune(data=[data("a"), data("b")])), SETTINGS["the least"])
    assert [step.name for step in made.steps] == ["collect", "accelerate", "finish"]
