"""Resource to plan: the whole document, for a reviewer to read."""

from pathlib import Path

import pytest
import yaml

from repoloom.documents import read_resources
from repoloom_api.plan import plan
from repoloom_api.settings import LOCAL

CASES = sorted(path for path in (Path(__file__).parent / "plans").iterdir() if path.is_dir())


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_a_resource_becomes_this_plan(case: Path, request: pytest.FixtureRequest) -> None:
    plans = [plan(resource, LOCAL).document() for resource in read_resources([case / "input.yaml"])]
    text = yaml.safe_dump_all(plans, sort_keys=False, width=120)
    golden = case / "plan.yaml"
    if request.config.getoption("--update-golden"):
        golden.write_text(text)
    assert golden.exists(), f"{golden} is missing; write it with --update-golden"
    assert text == golden.read_text()


def test_the_quickstart_case_is_the_shipped_example() -> None:
    example = Path(__file__).parents[2] / "examples" / "quickstart.yaml"
    assert (Path(__file__).parent / "plans" / "quickstart" / "input.yaml").read_text() == example.read_text()
