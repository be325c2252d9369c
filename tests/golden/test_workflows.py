"""Resource to Workflow: the whole document, for a reviewer to read. It names the ConfigMap by what that holds."""

from pathlib import Path

import pytest
import yaml

from repoloom.documents import read_resources, read_settings
from repoloom_operator import labels
from support.golden import cases, compare
from support.rendering import rendered


@pytest.mark.parametrize("case", cases("workflows"), ids=lambda path: path.name)
def test_a_resource_becomes_this_workflow(case: Path, pytestconfig: pytest.Config) -> None:
    settings = read_settings(case / "settings.yaml")
    written = yaml.safe_load_all((case / "input.yaml").read_text())
    queues = [document["metadata"].get("labels", {}).get(labels.QUEUE) for document in written]
    resources = read_resources([case / "input.yaml"])
    workflows = [
        rendered(resource, settings, queue=queue).workflow for resource, queue in zip(resources, queues, strict=True)
    ]
    compare(workflows, case / "workflow.yaml", pytestconfig)
