"""What Argo CD makes of our resources: health by a real Lua, of status as the operator writes it; and the waves."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from repoloom_api.schema import KINDS
from repoloom_api.v1alpha1.conditions import DatasetBuildStatus, Reason
from repoloom_operator import status
from repoloom_operator.status import FALSE, TRUE, Account, Says
from support.argocd import ARGOCD, health
from support.chart import helm_template

GENERATION = 3
NOT_YET = Says(FALSE, Reason.BUILDING, "generation 3 is being built")
READY = Says(TRUE, Reason.PUBLISHED, "published 51fa6c3be7d0")

CASES: dict[str, tuple[Account | None, int, str, str]] = {
    "nobody has looked at it": (None, GENERATION, "Progressing", "not looked at"),
    "an older generation was published": (status.published("done"), GENERATION - 1, "Progressing", "not looked at"),
    "the first run is under way": (
        status.building("snapshot: 2 of 9 tasks", ready=NOT_YET), GENERATION, "Progressing", "Building: snapshot",
    ),
    "a published dataset is built again": (
        status.building("tick of 03:00", ready=READY), GENERATION, "Progressing", "Building: tick",
    ),
    "a FineTune waits for its dataset": (
        status.building("code: no result", ready=NOT_YET, reason=Reason.WAITING_FOR_DATASET),
        GENERATION, "Progressing", "WaitingForDataset: code",
    ),
    "no node matches the pool": (
        status.building("pool a100", ready=NOT_YET, reason=Reason.UNSCHEDULABLE),
        GENERATION, "Progressing", "Unschedulable: pool a100",
    ),
    "it is published": (status.published("9 samples"), GENERATION, "Healthy", "9 samples"),
    "it is suspended": (status.suspended(), GENERATION, "Suspended", "spec.suspend is true"),
    "the spec cannot be run": (status.invalid(["spec.sources[0]: no"]), GENERATION, "Degraded", "InvalidSpec: spec"),
    "a stage failed": (
        status.failed(Reason.STAGE_FAILED, "snapshot-1: no such branch"), GENERATION, "Degraded", "StageFailed: snap",
    ),
    "the gate refused the adapter": (
        status.failed(Reason.VERDICT_REFUSED, "gain 0.3 %"), GENERATION, "Degraded", "VerdictRefused: gain 0.3 %",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", [kind.model.__name__ for kind in KINDS])
@pytest.mark.parametrize(("account", "observed", "wanted", "said"), CASES.values(), ids=CASES.keys())
def test_health_is(kind: str, account: Account | None, observed: int, wanted: str, said: str) -> None:
    resource: dict[str, Any] = {"metadata": {"name": "example", "generation": GENERATION}}
    if account is not None:
        written = status.written(DatasetBuildStatus(), account, observed, datetime(2026, 11, 21, tzinfo=UTC))
        resource["status"] = written.document()
    found = health(kind, resource)
    assert found["status"] == wanted
    assert said in found["message"]


def test_every_kind_has_its_health_and_all_are_alike() -> None:
    data = yaml.safe_load((ARGOCD / "health.yaml").read_text())["data"]
    prefix = "resource.customizations.health.repoloom.dev_"
    assert data.keys() == {prefix + kind.model.__name__ for kind in KINDS}
    assert len(set(data.values())) == 1


def test_crds_come_first_then_the_operator_then_resources(helm: Path) -> None:
    application = yaml.safe_load((ARGOCD / "application.yaml").read_text())["spec"]
    chart, resources = application["sources"]
    for each in helm_template(helm, chart["helm"]["valuesObject"]).documents:
        wave = each["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"]
        assert wave == ("-2" if each["kind"] == "CustomResourceDefinition" else "-1"), each["metadata"]["name"]
    folder = ARGOCD.parents[1] / resources["path"]
    applied = list(yaml.safe_load_all((folder / resources["directory"]["include"]).read_text()))
    assert {each["kind"] for each in applied} == {kind.model.__name__ for kind in KINDS}
    assert all("annotations" not in each["metadata"] for each in applied)
    assert "ServerSideApply=true" in application["syncPolicy"]["syncOptions"]
