"""Argo 4 knows every field that we write: its models, as the package `hera` has them, lose none.

The models drop what they do not know without a word, so what comes out of them is compared with what went in.
"""

from typing import Any

import pytest
import yaml
from hera.workflows.models import Workflow

from support.golden import cases


def through_argo_4(document: Any) -> Any:
    parsed = Workflow.model_validate(document)
    return parsed.model_dump(mode="json", by_alias=True, exclude_none=True)


def lost(before: Any, after: Any, path: str = "") -> list[str]:
    """Paths of fields that are in the one and not, or not the same, in the other."""
    if isinstance(before, dict) and isinstance(after, dict):
        return [found for key in before for found in lost(before[key], after.get(key), f"{path}.{key}")]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        pairs = enumerate(zip(before, after, strict=True))
        return [found for number, (one, other) in pairs for found in lost(one, other, f"{path}[{number}]")]
    return [] if before == after else [path]


@pytest.mark.parametrize("case", cases("workflows"), ids=lambda path: path.name)
def test_argo_4_knows_every_field_of_a_workflow(case: Any) -> None:
    for document in yaml.safe_load_all((case / "workflow.yaml").read_text()):
        assert lost(document, through_argo_4(document)) == []
        document["spec"]["templates"][1]["container"]["readOnly"] = True
        assert lost(document, through_argo_4(document)) == [".spec.templates[1].container.readOnly"]
