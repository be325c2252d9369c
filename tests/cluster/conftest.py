"""The API tier: one real API server for all tests of a session, without nodes or controllers.

REPOLOOM_KUBECONFIG names a cluster to use instead; what needs the server's own authority is then left out.
"""

import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.cluster.api_proxy import ApiProxy, proxied
from support.cluster.cluster import Cluster
from support.cluster.control_plane import ControlPlane
from support.go_tools import CannotBuild
from support.operating import Place
from support.operator_process import Nursery
from support.prerequisites import built, missing
from support.rig import Rig, Rigs
from support.s3_server import S3Server, running_s3


@pytest.fixture(scope="session")
def control_plane(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """The servers that this session started."""
    if "REPOLOOM_KUBECONFIG" in os.environ:
        missing("REPOLOOM_KUBECONFIG names a cluster, and only one of our own has an authority to sign with")
    for name in ("etcd", "kube-apiserver"):
        built(pytestconfig, name)
    plane = ControlPlane(tmp_path_factory.mktemp("control-plane"))
    try:
        plane.start()
        yield plane
    finally:
        plane.stop()


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """A cluster as its administrator sees it, with our CRDs and Argo's."""
    built(request.config, "kubectl")
    given = os.environ.get("REPOLOOM_KUBECONFIG")
    kubeconfig = Path(given) if given else request.getfixturevalue("control_plane").kubeconfig
    found = Cluster(kubeconfig, tmp_path_factory.mktemp("cluster"))
    try:
        found.install_crds()
    except CannotBuild as reason:
        missing(str(reason))
    return found


@pytest.fixture
def unique() -> str:
    """A name that nothing in the cluster has."""
    return f"test-{secrets.token_hex(4)}"


@pytest.fixture
def namespace(cluster: Cluster, unique: str) -> Iterator[str]:
    """A namespace of this test's own, at the level `restricted`; what it held is deleted with it."""
    cluster.make_namespace(unique)
    yield unique
    cluster.delete_namespace(unique)


@pytest.fixture
def user(control_plane: ControlPlane, cluster: Cluster) -> Callable[..., Cluster]:
    """`user("anna", groups=("team",))`: the cluster as somebody without any rights but those of RBAC sees it."""

    def as_user(name: str, groups: tuple[str, ...] = ()) -> Cluster:
        return Cluster(control_plane.user_kubeconfig(name, groups), cluster.folder)

    return as_user


@pytest.fixture
def api_proxy(cluster: Cluster, tmp_path: Path) -> Iterator[ApiProxy]:
    """A proxy before the API server; `api_proxy.kubeconfig(of=…)` leads through it."""
    with proxied(cluster.kubeconfig, tmp_path) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def argo(pytestconfig: pytest.Config) -> Path:
    """Argo's command, for `argo lint --offline`."""
    return built(pytestconfig, "argo")


@pytest.fixture(scope="session")
def helm(pytestconfig: pytest.Config) -> Path:
    return built(pytestconfig, "helm")


@pytest.fixture(scope="session")
def store(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """An object store, shared by all tests: each has a namespace of its own in it."""
    with running_s3(pytestconfig, tmp_path_factory.mktemp("store")) as server:
        yield server


@pytest.fixture
def place(cluster: Cluster, namespace: str, store: S3Server) -> Place:
    """Where this test's resources and their results are."""
    return Place(cluster, namespace, store)


@pytest.fixture(scope="session")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    """Starts operators, each a process of its own."""
    found = Nursery(tmp_path_factory.mktemp("nursery"))
    yield found
    found.close()


@pytest.fixture
def rigs(cluster: Cluster, store: S3Server, nursery: Nursery, tmp_path: Path) -> Rigs:
    """Makes operators behind proxies, each in a namespace of its own."""
    return Rigs(cluster, store, nursery, tmp_path)


@pytest.fixture
def rig(rigs: Rigs, unique: str) -> Iterator[Rig]:
    """One of them."""
    with rigs.rig(unique) as made:
        yield made
