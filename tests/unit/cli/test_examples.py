"""Every resource that is shipped as an example is valid, and can be planned."""

from pathlib import Path

import pytest

from repoloom.documents import read_resources
from repoloom_api.plan import plan
from repoloom_api.settings import LOCAL
from repoloom_api.v1alpha1.datasetbuild import DatasetBuild

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("code-*.yaml")), ids=lambda path: path.stem)
def test_an_example_can_be_planned(path: Path) -> None:
    for build in read_resources([path]):
        assert isinstance(build, DatasetBuild)
        made = {task.params["recipe"] for task in plan(build, LOCAL).tasks if "recipe" in task.params}
        assert made == {recipe.name for recipe in build.spec.recipes}


@pytest.mark.parametrize(
    ("name", "stages"),
    [("code-groups", {"code-groups"}), ("code-patterns", {"code-patterns", "code-units"})],
)
def test_recipes_of_several_files_read_the_whole_source(name: str, stages: set[str]) -> None:
    (build,) = read_resources([EXAMPLES / f"{name}.yaml"])
    tasks = [task for task in plan(build, LOCAL).tasks if "recipe" in task.params]
    assert {task.stage for task in tasks} == stages
    for task in tasks:
        roles = {one.role for one in task.inputs}
        assert (task.fan_out is None) == ({"shards", "links", "graph"} <= roles)
