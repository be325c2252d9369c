"""From two resources to a published adapter, on a real cluster, and to the same bytes as on a laptop."""

import hashlib
import json
from pathlib import Path

import pytest

from repoloom_api.artifacts import LATEST, published_prefix
from support.cluster.services import pool_nodes
from support.command import tree_sha256
from support.flow import Flow, run_locally
from support.installation import says

pytestmark = pytest.mark.timeout(3600)
"""The first test waits for images to be built, and for both runs."""

MOST_PODS = 6
LOSS_TOLERANCE = 1e-3


@pytest.fixture(scope="module")
def local(tuned: Flow, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same file by the local runner, on the same input; the folder of its results."""
    return run_locally(tmp_path_factory.mktemp("local"), tuned.origins, tuned.build, tuned.tune)


def test_both_resources_are_published(tuned: Flow) -> None:
    for document in (tuned.build, tuned.tune):
        assert says(tuned.installation.status(document), "Ready") == "True"
        prefix = published_prefix(document["kind"], document["metadata"]["name"])
        latest = json.loads(tuned.store.read(prefix)[LATEST])
        assert latest["digest"] == tuned.installation.status(document)["current"]["digest"]


def test_a_builds_shards_are_pods_of_their_own_and_all_its_pods_are_few(flow: Flow) -> None:
    pods = flow.installation.pods(flow.installation.status(flow.build)["workflow"])
    assert len([pod for pod in pods if pod["templateName"] == "shards"]) >= 2
    assert len(pods) <= MOST_PODS


def test_training_runs_in_the_pool_and_nothing_else_does(tuned: Flow) -> None:
    pool = set(pool_nodes(tuned.installation.cluster))
    runs = [tuned.installation.status(document)["workflow"] for document in (tuned.build, tuned.tune)]
    pods = [pod for run in runs for pod in tuned.installation.pods(run)]
    assert {pod["templateName"] for pod in pods if pod["hostNodeName"] in pool} == {"accelerate"}


def test_the_dataset_is_the_local_runners_byte_for_byte(flow: Flow, local: Path) -> None:
    there = {path: hashlib.sha256(content).hexdigest() for path, content in flow.published(flow.build).items()}
    assert there == tree_sha256(local / "datasets" / flow.build["metadata"]["name"])


def test_the_adapter_is_published_with_its_report_and_trained_to_the_same_loss(tuned: Flow, local: Path) -> None:
    there = tuned.published(tuned.tune)
    assert {"adapter_model.safetensors", "report.html", "verdict.json", "metrics.json"} <= there.keys()
    here = (local / "models" / tuned.tune["metadata"]["name"] / "metrics.json").read_bytes()
    assert last_loss(there["metrics.json"]) == pytest.approx(last_loss(here), abs=LOSS_TOLERANCE)


def last_loss(metrics: bytes) -> float:
    loss: float = json.loads(metrics)["training"]["lastLoss"]
    return loss
