"""The cluster where a container engine runs: kind, by the repository's kind-config.yaml."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import yaml

from support.cluster.images import OwnImage
from support.cluster.layout import KIND_CONFIG, workers
from support.cluster.processes import call

START_SECONDS = 600
IMAGE_SECONDS = 3600
ENGINES = ("docker", "podman")


@dataclass(frozen=True)
class Kind:
    """A cluster that kind makes; a folder has its kubeconfig."""

    folder: Path

    minio = "quay.io/minio/minio:RELEASE.2025-09-07T16-13-09Z"
    """The image of the object store."""

    @property
    def name(self) -> str:
        name: str = yaml.safe_load(KIND_CONFIG.read_text())["name"]
        return name

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kind.kubeconfig"

    def lacks(self) -> str | None:
        """Why it cannot run here, if it cannot."""
        if shutil.which("kind") is None:
            return "kind is not installed (https://kind.sigs.k8s.io)"
        return None if _engine() else f"no container engine answers ({' or '.join(ENGINES)})"

    def running(self) -> bool:
        """Whether there is a cluster of that name, whoever made it."""
        return self.name in self._kind("get", "clusters").split()

    def prepare(self) -> None:
        """Nothing of kind's is built here."""

    def start(self) -> None:
        """Make the cluster, unless there is one of that name."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.running():
            self._kind("create", "cluster", f"--config={KIND_CONFIG}", "--wait=120s")
        self._kind("export", "kubeconfig", f"--name={self.name}", f"--kubeconfig={self.kubeconfig}")
        self.kubeconfig.chmod(0o600)

    def build(self, image: OwnImage) -> None:
        """Build one of our own images."""
        engine = _engine()
        assert engine, "lacks() said so"
        call(engine, "build", *image.source, seconds=IMAGE_SECONDS)

    def give(self, image: OwnImage) -> None:
        """Build one of our own images, and give it to the nodes that need it."""
        self.build(image)
        # kind's own names: of the first worker without a number, then with one from 2.
        nodes = [
            f"{self.name}-worker{number if number > 1 else ''}"
            for number, worker in enumerate(workers(), 1)
            if worker.in_pool == image.for_pool
        ]
        self._kind("load", "docker-image", image.name, f"--name={self.name}", f"--nodes={','.join(nodes)}")

    def stop(self) -> None:
        """Delete the cluster."""
        self._kind("delete", "cluster", f"--name={self.name}")

    def _kind(self, *arguments: str) -> str:
        return call("kind", *arguments, seconds=START_SECONDS)


def _engine() -> str | None:
    """The first engine that answers, for kind looks for them in the same order."""
    return next((name for name in ENGINES if shutil.which(name) and _answers(name)), None)


def _answers(engine: str) -> bool:
    try:
        done = subprocess.run([engine, "info"], capture_output=True, timeout=30, check=False)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0
