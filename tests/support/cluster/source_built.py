"""The cluster where no container engine runs: two nodes of plain processes, every program built from its Go module.

Needs root and a few of the system's packages. What it needs from Go is kept in the user's cache, as are its images.
"""

import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from support.cluster.cluster import Cluster
from support.cluster.control_plane import ControlPlane
from support.cluster.controllers import Controllers
from support.cluster.images import COREDNS, MINIO, PROGRAM_IMAGES, OwnImage, build_own_image, build_program_image
from support.cluster.layout import workers
from support.cluster.node import CONTROL_GROUPS, CONTROLLERS, NETWORK_PLUGINS, Node, address, make_bridge
from support.cluster.processes import NotReady
from support.cluster.services import install_name_service
from support.go_tools import go_tool

PACKAGES = "containerd runc containernetworking-plugins buildah skopeo mmdebstrap iproute2 nftables iptables procps"
COMMANDS = ("containerd", "ctr", "runc", "buildah", "skopeo", "mmdebstrap", "ip", "nft", "sysctl")
PROGRAMS = (
    "etcd",
    "kube-apiserver",
    "kubectl",
    "kube-controller-manager",
    "kube-scheduler",
    "kube-proxy",
    "kubelet",
)
READY_SECONDS = 120


@dataclass(frozen=True)
class SourceBuilt:
    """A cluster whose files lie in one folder."""

    folder: Path

    minio = MINIO
    """The image of the object store."""

    @property
    def plane(self) -> ControlPlane:
        return ControlPlane(self.folder, address=address(0))

    @property
    def nodes(self) -> list[Node]:
        return [Node(self.plane, index, worker) for index, worker in enumerate(workers())]

    @property
    def kubeconfig(self) -> Path:
        return self.plane.kubeconfig

    def lacks(self) -> str | None:
        """Why it cannot run here, if it cannot."""
        absent = [name for name in COMMANDS if shutil.which(name) is None]
        if absent or NETWORK_PLUGINS is None:
            return f"{', '.join(absent) or 'network plugins'} not found: apt-get install {PACKAGES}"
        if os.geteuid() != 0:
            return "a cluster of plain processes needs root"
        if not all((CONTROL_GROUPS / name).is_dir() for name in CONTROLLERS):
            return "a cluster of plain processes needs control groups of version 1"
        return None

    def running(self) -> bool:
        """Whether it was started, by whoever did."""
        return self.plane.running()

    def prepare(self) -> None:
        """Build the programs of its nodes and pods, which takes minutes the first time. Raises CannotBuild."""
        for name in PROGRAMS:
            go_tool(name)
        for image in PROGRAM_IMAGES:
            build_program_image(image)

    def start(self) -> None:
        """Start what does not run, and wait until every node is ready. Raises NotReady, and CannotBuild.

        Without its API server, nothing of an earlier cluster is of use: it would ask for the old one.
        """
        if not self.running():
            self.stop()
        images = [(image.name, build_program_image(image)) for image in PROGRAM_IMAGES]
        make_bridge(0)
        self.plane.start()
        Controllers(self.plane).start()
        for node in self.nodes:
            node.start()
            for name, content in images:
                node.load(name, content)
        cluster = Cluster(self.kubeconfig, self.folder)
        self._wait_until_ready(cluster)
        install_name_service(cluster, COREDNS)

    def build(self, image: OwnImage) -> None:
        """Build one of our own images, for another to be built on."""
        build_own_image(image)

    def give(self, image: OwnImage) -> None:
        """Build one of our own images, and give it to the nodes that need it."""
        content = build_own_image(image)
        for node in self.nodes:
            if node.worker.in_pool == image.for_pool:
                node.load(image.name, content)

    def stop(self) -> None:
        """Stop every process and forget what the cluster held; nodes keep their images for the next time."""
        for node in reversed(self.nodes):
            node.stop()
        Controllers(self.plane).stop()
        self.plane.stop()

    def _wait_until_ready(self, cluster: Cluster) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not self._ready(cluster):
            if time.monotonic() > deadline:
                raise NotReady(f"a node was not ready within {READY_SECONDS} s; see {self.folder}/*.log")
            time.sleep(0.2)

    def _ready(self, cluster: Cluster) -> bool:
        conditions = [
            condition["status"]
            for node in cluster.get("nodes")["items"]
            for condition in node["status"].get("conditions", ())
            if condition["type"] == "Ready"
        ]
        return conditions == ["True"] * len(self.nodes)
