"""What becomes of resources that are finished: applied again, copied, changed, asked more of, deleted."""

import json
from collections.abc import Iterable, Mapping

import pytest

from repoloom_api.artifacts import candidate_prefix, published_prefix
from repoloom_api.runs import TaskRecord
from support.builders import Document, recipe
from support.cluster.services import pool_nodes
from support.flow import Flow, build_of, tune_on
from support.installation import says
from support.losses import wait_at_work
from support.waiting import until

pytestmark = pytest.mark.timeout(3600)
"""The first test waits for images to be built, and for the flow."""

GONE_SECONDS = 300


@pytest.fixture(scope="module")
def twin(tuned: Flow) -> Document:
    """The flow's tuning once more under another name, finished."""
    made = tune_on("second-tuning", tuned.build)
    tuned.installation.apply(made)
    tuned.installation.wait_succeeded(made)
    return made


@pytest.fixture(scope="module")
def two_recipes(flow: Flow) -> Document:
    """A build with a recipe of its own beside the flow's, finished."""
    made = with_functions(flow, 512)
    flow.installation.apply(made)
    flow.installation.wait_succeeded(made)
    return made


def with_functions(flow: Flow, max_tokens: int) -> Document:
    """A build with a recipe of functions, of so many tokens at most."""
    functions = recipe("functions", codeUnits={"granularities": ["function"]}, chunk={"maxTokens": max_tokens})
    return build_of("two-recipes", ("rich", flow.origins["rich"]), recipes=[functions])


def test_a_changed_recipe_runs_only_what_depends_on_it(flow: Flow, two_recipes: Document) -> None:
    first = flow.installation.status(two_recipes)["workflow"]
    blobs = flow.store.written("blobs/")
    flow.installation.apply(with_functions(flow, 256))
    second = flow.installation.wait_succeeded(two_recipes)["workflow"]
    assert second != first
    tasks = flow.store.record(second).tasks
    now = flow.store.written("blobs/")
    made = {
        name for name, task in tasks.items() if all(now[blob] != blobs.get(blob) for blob in flow.store.blobs(task))
    }
    assert made == {name for name in tasks if reads_from(name, "code-units-2", tasks)}
    kept = {name.partition("/")[0] for name in tasks.keys() - made}
    assert {"snapshot-1", "index-code-1", "code-units-1", "deduplicate-1"} <= kept


def reads_from(unit: str, changed: str, tasks: Mapping[str, TaskRecord]) -> bool:
    """Whether a task, or a shard of it, is the changed one or reads from it, at however many removes."""
    itself = unit.partition("/")[0] == changed
    return itself or any(reads_from(one, changed, tasks) for one in tasks[unit].reads)


def test_a_second_apply_changes_nothing(tuned: Flow) -> None:
    before = [tuned.installation.seen(one) for one in (tuned.build, tuned.tune)]
    tuned.installation.apply(tuned.build, tuned.tune)
    tuned.installation.wait_looked()
    assert [tuned.installation.seen(one) for one in (tuned.build, tuned.tune)] == before


def test_an_equal_tuning_is_published_without_a_pod_in_the_pool(tuned: Flow, twin: Document) -> None:
    pods = tuned.installation.pods(tuned.installation.status(twin)["workflow"])
    assert {pod["templateName"] for pod in pods} == {"collect", "finish"}
    assert not {pod["hostNodeName"] for pod in pods} & set(pool_nodes(tuned.installation.cluster))
    assert (
        tuned.published(twin)["adapter_model.safetensors"] == tuned.published(tuned.tune)["adapter_model.safetensors"]
    )


def test_an_adapter_that_fails_its_gate_is_kept_aside(tuned: Flow) -> None:
    ambitious = tune_on("ambitious", tuned.build, min_gain_percent=90)
    tuned.installation.apply(ambitious)
    status = tuned.installation.wait_ended(ambitious)
    assert [says(status, type_, "reason") for type_ in ("Succeeded", "Ready", "Stalled")] == ["VerdictRefused"] * 3
    assert says(status, "Succeeded") == says(status, "Ready") == "False"
    assert "current" not in status
    assert not tuned.store.written(published_prefix("FineTune", "ambitious"))
    kept = tuned.store.read(f"{candidate_prefix('ambitious')}{status['candidate']['digest']}/")
    assert kept["adapter_model.safetensors"] == tuned.published(tuned.tune)["adapter_model.safetensors"]


def test_deleted_resources_leave_what_they_published_and_nothing_else(
    flow: Flow, twin: Document, two_recipes: Document
) -> None:
    """One is at work again when it is deleted."""
    store = flow.store.written("published/")
    assert {path.split("/")[2] for path in store} >= {"second-tuning", "two-recipes"}
    flow.installation.rerun(two_recipes)
    wait_at_work(flow.installation, two_recipes, "collect")
    flow.installation.delete(twin, two_recipes)
    names = [one["metadata"]["name"] for one in (twin, two_recipes)]
    until(lambda: not mentioning(flow, names), GONE_SECONDS, lambda: f"left: {mentioning(flow, names)}", pause=2)
    assert flow.store.written("published/") == store


def mentioning(flow: Flow, names: Iterable[str]) -> list[str]:
    """Every object of the flow's namespace, events aside, that has one of these names in it."""
    cluster = flow.installation.cluster
    kinds = cluster.kubectl("api-resources", "--namespaced", "--verbs=list", "--output=name").split()
    listed = ",".join(kind for kind in kinds if not kind.startswith("events"))
    items = cluster.get(listed, f"--namespace={flow.installation.namespace}")["items"]
    return [
        f"{one['kind']}/{one['metadata']['name']}" for one in items if any(name in json.dumps(one) for name in names)
    ]
