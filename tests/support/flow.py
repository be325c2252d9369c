"""The flow that all of the full tier goes out from: two repositories to a dataset, and that to a published adapter."""

from dataclasses import dataclass
from pathlib import Path

import yaml

from support.builders import Document, data, dataset_build, fine_tune, output, recipe, source, suite
from support.cluster.cluster import Cluster
from support.cluster.services import publish
from support.command import repoloom, write_yaml
from support.histories import package_history
from support.installation import Installation, config
from support.namespace_store import NamespaceStore
from support.repositories import Repository

PACKAGES = ("rich", "werkzeug")
CHUNK = {"maxTokens": 512}
SPLIT = {"trainPercent": 60, "validationPercent": 5, "testPercent": 35}
TRAINING = {"maxTokens": 512, "maxSteps": 20, "epochs": 20, "learningRate": 5e-3, "batchSize": 4, "checkpointSteps": 10}


@dataclass(frozen=True)
class Origin:
    """A repository of which the git server has a copy."""

    repository: Repository
    url: str


@dataclass(frozen=True)
class Flow:
    """A build and a tuning on it, and where they run."""

    origins: dict[str, Origin]
    build: Document
    tune: Document
    installation: Installation
    store: NamespaceStore

    def published(self, document: Document) -> dict[str, bytes]:
        """The files of a resource's published result, by their paths below it."""
        return self.store.published(document, self.installation.status(document)["current"]["digest"])


def origins(cluster: Cluster, folder: Path, prefix: str) -> dict[str, Origin]:
    """The histories of some packages, put on the git server under names with a prefix."""
    histories = {package: package_history(folder / package, package, commits=40) for package in PACKAGES}
    return {package: served(cluster, history, f"{prefix}-{package}") for package, history in histories.items()}


def served(cluster: Cluster, repository: Repository, name: str) -> Origin:
    """A repository and its copy on the git server, under a name."""
    return Origin(repository, publish(cluster, repository, name))


def build_of(name: str, *packages: tuple[str, Origin], recipes: list[Document] | None = None) -> Document:
    """A build of some repositories, with an output for the flow's recipe, and further recipes."""
    return dataset_build(
        name,
        sources=[source(package, url=origin.url) for package, origin in packages],
        recipes=[recipe(chunk=CHUNK), *(recipes or [])],
        outputs=[output(format={"text": {}})],
        refine={"split": SPLIT},
    )


def tune_on(name: str, build: Document, *, min_gain_percent: float = 1) -> Document:
    """A tuning on a build's output, and what gain its gate asks for."""
    return fine_tune(
        name,
        data=[data(datasetBuild={"name": build["metadata"]["name"], "output": "training"})],
        training=TRAINING,
        evaluate={"suites": [suite(require={"minGainPercent": min_gain_percent})]},
    )


def run_locally(folder: Path, origins: dict[str, Origin], *documents: Document) -> Path:
    """Run resources by `repoloom run` on clones of what they name; the folder of their results."""
    file = write_yaml(folder / "resources.yaml", *documents)
    settings = folder / "settings.yaml"
    settings.write_text(yaml.safe_dump(config()))
    places = ("--store", folder / "store", "--out", folder / "out", "--settings", settings)
    clones = {name: origin.repository.folder for name, origin in origins.items()}
    sources = [word for name, clone in clones.items() for word in ("--source", f"{name}={clone}")]
    ended = repoloom("run", file, *places, *sources, timeout=1800)
    assert ended.code == 0, ended.said
    return folder / "out"
