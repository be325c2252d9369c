"""A whole cluster for tests and for people: nodes, Argo, an object store, a git server, and our own images."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from support.cluster import services
from support.cluster.cluster import Cluster
from support.cluster.images import OPERATOR, STAGES, TRAIN, OwnImage
from support.cluster.kind import Kind
from support.cluster.source_built import SourceBuilt
from support.go_tools import cache

WITHOUT_TRAINING = (OPERATOR,)
EVERY_IMAGE = (OPERATOR, TRAIN)
"""Beside that of the stages, which the git server runs from."""


class NoCluster(Exception):
    """This machine can have no cluster; the message says what it lacks."""


@dataclass(frozen=True)
class FullCluster:
    """The one cluster of this machine."""

    made_by: Kind | SourceBuilt

    @property
    def cluster(self) -> Cluster:
        return Cluster(self.made_by.kubeconfig, self.made_by.folder)

    def prepare(self) -> None:
        """Build all that `up` needs, without starting anything. Raises CannotBuild.

        Programs keep every core at work, while images wait for packages to come and for disks most of the time.
        """
        with ThreadPoolExecutor(1) as beside:
            programs = beside.submit(self.made_by.prepare)
            for image in (STAGES, *EVERY_IMAGE):
                self.made_by.build(image)
            programs.result()

    def up(self, images: Sequence[OwnImage] = EVERY_IMAGE) -> Cluster:
        """Bring it up with the images of the stages and others; what is there stays as it is.

        Raises CannotBuild, NotReady.
        """
        self.made_by.start()
        services.install_argo(self.cluster)
        self.made_by.build(STAGES)
        authority = services.git_authority(self.made_by.folder)
        for image in (services.trusting(authority), *images):
            self.made_by.give(image)
        services.install_services(self.cluster, self.made_by.minio, authority)
        services.show_accelerator(self.cluster)
        return self.cluster

    def down(self) -> None:
        """Stop it, and forget what it held."""
        self.made_by.stop()


def full_cluster() -> FullCluster:
    """kind's where it can run, otherwise the source-built one. Raises NoCluster."""
    folder = cache() / "cluster"
    kind, source_built = Kind(folder), SourceBuilt(folder)
    without_kind = kind.lacks()
    if without_kind is None:
        return FullCluster(kind)
    without_source = source_built.lacks()
    if without_source is None:
        return FullCluster(source_built)
    raise NoCluster(f"no cluster by kind: {without_kind}; none of plain processes either: {without_source}")
