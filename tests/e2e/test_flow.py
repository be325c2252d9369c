"""From two resources to a published adapter, on a real cluster, and to the same bytes as on a laptop."""

import hashlib
import json
import secrets
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest
import yaml

from repoloom_api.artifacts import LATEST, published_prefix
from support.builders import Document, data, dataset_build, fine_tune, output, recipe, source, suite
from support.cluster.services import BUCKET, pool_nodes, publish
from support.command import repoloom, tree_sha256, write_yaml
from support.histories import package_history
from support.installation import Installation, config
from support.repositories import Repository
from support.s3_server import S3Server

pytestmark = pytest.mark.timeout(3600)
"""The first test waits for images to be built, and for both runs."""

MOST_PODS = 6
LOSS_TOLERANCE = 1e-3
TRAINING = {"maxTokens": 512, "maxSteps": 20, "epochs": 20, "learningRate": 5e-3, "batchSize": 4, "checkpointSteps": 10}


@dataclass(frozen=True)
class Flow:
    """A dataset and a model, published on the cluster."""

    build: Document
    tune: Document
    repositories: dict[str, Repository]
    installation: Installation
    store: S3Server

    def published(self, document: Document) -> dict[str, bytes]:
        """The files of a resource's published result, by their paths below it."""
        digest = self.installation.status(document)["current"]["digest"]
        prefix = published_prefix(document["kind"], document["metadata"]["name"])
        return self.objects(f"{prefix}{digest}/")

    def objects(self, prefix: str) -> dict[str, bytes]:
        """What lies below a prefix of the namespace's part of the store."""
        session = boto3.session.Session(self.store.access_key, self.store.secret_key, region_name="us-east-1")
        bucket = session.resource("s3", endpoint_url=self.store.endpoint).Bucket(BUCKET)
        whole = f"repoloom/{self.installation.namespace}/{prefix}"
        return {one.key.removeprefix(whole): one.get()["Body"].read() for one in bucket.objects.filter(Prefix=whole)}


@pytest.fixture(scope="module")
def flow(installation: Installation, object_store: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Flow:
    """Both resources applied at once; waited for."""
    name = f"example-{secrets.token_hex(3)}"
    repositories = {
        package: package_history(tmp_path_factory.mktemp("history") / package, package, commits=40)
        for package in ("rich", "werkzeug")
    }
    urls = {package: publish(installation.cluster, each, f"{name}-{package}") for package, each in repositories.items()}
    build = dataset_build(
        name,
        sources=[source(package, url=url) for package, url in urls.items()],
        recipes=[recipe(chunk={"maxTokens": 512})],
        outputs=[output(format={"text": {}})],
        refine={"split": {"trainPercent": 60, "validationPercent": 5, "testPercent": 35}},
    )
    tune = fine_tune(
        name,
        data=[data(datasetBuild={"name": name, "output": "training"})],
        training=TRAINING,
        evaluate={"suites": [suite(require={"minGainPercent": 1})]},
    )
    installation.apply(build, tune)
    made = Flow(build, tune, repositories, installation, object_store)
    for document in (build, tune):
        installation.wait_succeeded(document)
    return made


@pytest.fixture(scope="module")
def local(flow: Flow, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same file by the local runner, on the same input; the folder of its results."""
    where = tmp_path_factory.mktemp("local")
    file = write_yaml(where / "resources.yaml", flow.build, flow.tune)
    settings = where / "settings.yaml"
    settings.write_text(yaml.safe_dump(config()))
    places = ("--store", where / "store", "--out", where / "out", "--settings", settings)
    sources = [word for name, one in flow.repositories.items() for word in ("--source", f"{name}={one.folder}")]
    ended = repoloom("run", file, *places, *sources, timeout=1800)
    assert ended.code == 0, ended.said
    return where / "out"


def test_both_resources_are_published(flow: Flow) -> None:
    for document in (flow.build, flow.tune):
        assert flow.installation.condition(document, "Ready") == "True"
        prefix = published_prefix(document["kind"], document["metadata"]["name"])
        latest = json.loads(flow.objects(prefix)[LATEST])
        assert latest["digest"] == flow.installation.status(document)["current"]["digest"]


def test_a_builds_shards_are_pods_of_their_own_and_all_its_pods_are_few(flow: Flow) -> None:
    pods = flow.installation.pods(flow.installation.status(flow.build)["workflow"])
    assert len([pod for pod in pods if pod["templateName"] == "shards"]) >= 2
    assert len(pods) <= MOST_PODS


def test_training_runs_in_the_pool_and_nothing_else_does(flow: Flow) -> None:
    pool = set(pool_nodes(flow.installation.cluster))
    runs = [flow.installation.status(document)["workflow"] for document in (flow.build, flow.tune)]
    pods = [pod for run in runs for pod in flow.installation.pods(run)]
    assert {pod["templateName"] for pod in pods if pod["hostNodeName"] in pool} == {"accelerate"}


def test_the_dataset_is_the_local_runners_byte_for_byte(flow: Flow, local: Path) -> None:
    there = {path: hashlib.sha256(content).hexdigest() for path, content in flow.published(flow.build).items()}
    assert there == tree_sha256(local / "datasets" / flow.build["metadata"]["name"])


def test_the_adapter_is_published_with_its_report_and_trained_to_the_same_loss(flow: Flow, local: Path) -> None:
    there = flow.published(flow.tune)
    assert {"adapter_model.safetensors", "report.html", "verdict.json", "metrics.json"} <= there.keys()
    here = (local / "models" / flow.tune["metadata"]["name"] / "metrics.json").read_bytes()
    assert last_loss(there["metrics.json"]) == pytest.approx(last_loss(here), abs=LOSS_TOLERANCE)


def last_loss(metrics: bytes) -> float:
    loss: float = json.loads(metrics)["training"]["lastLoss"]
    return loss
