"""Resource to plan: the whole document, for a reviewer to read."""

from pathlib import Path

import pytest

from repoloom.documents import read_resources
from repoloom_api.plan import plan
from repoloom_api.settings import LOCAL
from support.golden import GOLDEN, cases, compare


@pytest.mark.parametrize("case", cases("plans"), ids=lambda path: path.name)
def test_a_resource_becomes_this_plan(case: Path, pytestconfig: pytest.Config) -> None:
    plans = [plan(resource, LOCAL).document() for resource in read_resources([case / "input.yaml"])]
    compare(plans, case / "plan.yaml", pytestconfig)


@pytest.mark.parametrize("kind", ["plans", "workflows"])
def test_the_quickstart_case_is_the_shipped_example(kind: str) -> None:
    example = Path(__file__).parents[2] / "examples" / "quickstart.yaml"
    assert (GOLDEN / kind / "quickstart" / "input.yaml").read_text() == example.read_text()
