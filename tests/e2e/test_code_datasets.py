"""Every recipe of code over one index, on a real cluster: to the same bytes as on a laptop."""

import hashlib
import json
from typing import Any

import pytest

from support.builders import Document, dataset_build, output, pattern, recipe, source
from support.command import tree_sha256
from support.flow import Flow, Origin, run_locally, served
from support.repositories import Repository
from support.workspace import workspace_files

pytestmark = pytest.mark.timeout(3600)
"""The first test waits for images to be built."""

RECIPES: dict[str, dict[str, Any]] = {
    "units": {
        "codeUnits": {
            "granularities": ["repository", "crate", "module", "function", "trait"],
            "views": {"plain": {}, "fillInMiddle": {}, "callGraph": {}},
        }
    },
    "groups": {"codeGroups": {"modules": {}, "traitEcosystems": {}, "crossCrate": {}}},
    "patterns": {"codePatterns": {"patterns": [pattern("conversions", match={"implements": ["From"]})]}},
    "questions": {"codeQuestions": {"instruction": {}, "reasoning": {}}},
    "contrasts": {"codeContrasts": {}},
}
OUTPUTS = {"texts": ["units", "groups", "patterns"], "questions": ["questions"], "contrasts": ["contrasts"]}


@pytest.fixture(scope="module")
def ferry(flow: Flow, tmp_path_factory: pytest.TempPathFactory) -> Origin:
    """The Rust workspace that these tests have of their own, in one commit, on the git server."""
    repository = Repository(tmp_path_factory.mktemp("ferry"))
    repository.commit(workspace_files())
    return served(flow.installation.cluster, repository, f"{flow.installation.namespace}-ferry")


@pytest.fixture(scope="module")
def build(flow: Flow, ferry: Origin) -> Document:
    """A build of the workspace by every recipe of code, finished."""
    made = dataset_build(
        "every-recipe",
        sources=[source("ferry", url=ferry.url)],
        recipes=[recipe(name, **({"codeUnits": None} | fields)) for name, fields in RECIPES.items()],
        outputs=[output(name, recipes=recipes) for name, recipes in OUTPUTS.items()],
    )
    flow.installation.apply(made)
    flow.installation.wait_succeeded(made)
    return made


def test_every_recipe_makes_samples(flow: Flow, build: Document) -> None:
    stats = json.loads(flow.published(build)["stats.json"])
    samples = {recipe: made["samples"] for one in stats["outputs"].values() for recipe, made in one["recipes"].items()}
    assert samples.keys() == RECIPES.keys()
    assert all(samples.values()), samples


def test_the_dataset_is_the_local_runners_byte_for_byte(
    flow: Flow, ferry: Origin, build: Document, tmp_path_factory: pytest.TempPathFactory
) -> None:
    out = run_locally(tmp_path_factory.mktemp("local"), {"ferry": ferry}, build)
    there = {path: hashlib.sha256(content).hexdigest() for path, content in flow.published(build).items()}
    assert there == tree_sha256(out / "datasets" / build["metadata"]["name"])
