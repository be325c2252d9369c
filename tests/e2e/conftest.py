"""The full tier: a whole cluster with Argo, an object store, a git server and a pool that has an accelerator on paper.

REPOLOOM_KUBECONFIG names a cluster to use instead, which `python -m support.cluster up` has made somewhere. One that
runs already on this machine is used and left running; one that the tests start, they stop.

Repoloom is installed once, and one flow is run, from which every file goes out; what a test needs to break or delete,
it makes itself.
"""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.cluster.cluster import Cluster
from support.cluster.full import NoCluster, full_cluster
from support.cluster.services import store
from support.flow import Flow, build_of, origins, tune_on
from support.go_tools import CannotBuild
from support.installation import Installation
from support.namespace_store import NamespaceStore
from support.prerequisites import built, missing
from support.s3_server import S3Server


@pytest.fixture(scope="session")
def cluster(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster as its administrator sees it; nothing of Repoloom is in it yet."""
    for name in ("kubectl", "helm"):
        built(pytestconfig, name)
    given = os.environ.get("REPOLOOM_KUBECONFIG")
    if given:
        yield Cluster(Path(given), tmp_path_factory.mktemp("cluster"))
        return
    try:
        full = full_cluster()
        ours = not full.made_by.running()
        try:
            yield full.up()
        finally:
            if ours:
                full.down()
    except (CannotBuild, NoCluster) as reason:
        missing(str(reason))


@pytest.fixture(scope="session")
def installation(cluster: Cluster) -> Iterator[Installation]:
    """Repoloom as Helm installs it, for the runs of two namespaces of this session's own."""
    name = f"research-{secrets.token_hex(3)}"
    made = Installation(cluster, name, (f"{name}-again",))
    try:
        made.install()
        yield made
    finally:
        made.uninstall()
        made.delete_namespaces()


@pytest.fixture(scope="session")
def object_store(cluster: Cluster) -> Iterator[S3Server]:
    """The cluster's object store, as this machine reaches it."""
    with store(cluster) as server:
        yield server


@pytest.fixture(scope="session")
def flow(installation: Installation, object_store: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Flow:
    """A build and a tuning on it, applied at once; the build is finished."""
    found = origins(installation.cluster, tmp_path_factory.mktemp("history"), installation.namespace)
    build = build_of("example", *found.items())
    tune = tune_on("example", build)
    installation.apply(build, tune)
    installation.wait_succeeded(build)
    return Flow(found, build, tune, installation, NamespaceStore(object_store, installation.namespace))


@pytest.fixture(scope="session")
def tuned(flow: Flow) -> Flow:
    """The flow when its tuning is finished too, which goes on while tests run that need no more than the build."""
    flow.installation.wait_succeeded(flow.tune)
    return flow
