"""Container images for the source-built cluster, made by buildah, and how they get into its nodes.

Where no registry gives the base of our own images, mmdebstrap makes it under its real name, so that the Dockerfile
is used as it is.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from support.cluster.processes import call
from support.go_tools import PROGRAMS, go_tool

REPOSITORY = Path(__file__).parents[3]
BUILD_SECONDS = 3600
BASE = "docker.io/library/debian:trixie-slim"


@dataclass(frozen=True)
class OwnImage:
    """An image that is built from a Dockerfile, or from one of its stages."""

    name: str
    dockerfile: Path = REPOSITORY / "images/Dockerfile"
    context: Path = REPOSITORY
    stage: str | None = None
    for_pool: bool = False
    """Whether it is for the pool's node; no other runs there, for the taint keeps every pod out that does not ask."""

    @property
    def source(self) -> list[str | Path]:
        """What `docker build` and `buildah build` are told of it."""
        target = [f"--target={self.stage}"] if self.stage else []
        return [f"--tag={self.name}", *target, f"--file={self.dockerfile}", self.context]


OPERATOR = OwnImage("localhost/repoloom/operator:test", stage="operator")
STAGES = OwnImage("localhost/repoloom/stages:test", stage="stages")
TRAIN = OwnImage("localhost/repoloom/train:test", stage="train", for_pool=True)


@dataclass(frozen=True)
class ProgramImage:
    """An image with nothing but one program of `go_tools`, as its project publishes one."""

    name: str
    program: str
    user: int = 65532


def program_image(program: str, registry: str = "localhost/repoloom") -> str:
    """The name of a program's image."""
    return f"{registry}/{program}:{PROGRAMS[program].version}"


ARGO_REGISTRY = "quay.io/argoproj"
PAUSE = program_image("pause")
COREDNS = program_image("coredns")
MINIO = program_image("minio")
ARGO_CONTROLLER = program_image("workflow-controller", ARGO_REGISTRY)
ARGO_EXECUTOR = program_image("argoexec", ARGO_REGISTRY)

PROGRAM_IMAGES = (
    ProgramImage(PAUSE, "pause"),
    ProgramImage(COREDNS, "coredns"),
    ProgramImage(MINIO, "minio"),
    ProgramImage(ARGO_CONTROLLER, "workflow-controller"),
    ProgramImage(ARGO_EXECUTOR, "argoexec", user=0),  # as the original; pods say who it runs as
)


def build_program_image(image: ProgramImage) -> str:
    """Build an image, unless there is one of that name, which has the version in it; its id. Raises CannotBuild."""
    if not _has(image.name):
        _build_program_image(image, go_tool(image.program))
    return image_id(image.name)


def _build_program_image(image: ProgramImage, program: Path) -> None:
    with TemporaryDirectory() as folder:
        context = Path(folder)
        shutil.copy(program, context / image.program)
        (context / "Dockerfile").write_text(
            f"FROM scratch\nCOPY {image.program} /bin/{image.program}\nENV PATH=/bin\nUSER {image.user}\n"
            f'ENTRYPOINT ["{image.program}"]\n'
        )
        _buildah("build", "--quiet", "--timestamp=0", f"--tag={image.name}", context)


def build_own_image(image: OwnImage) -> str:
    """Build an image from its Dockerfile, with the layers that earlier builds left; its id."""
    began = time.monotonic()
    _have_base()
    _buildah("build", "--layers", *_trust(), *image.source)
    print(f"built {image.name} in {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return image_id(image.name)


def image_id(name: str) -> str:
    return _buildah("inspect", "--type=image", "--format={{.FromImageID}}", name).strip()


@contextmanager
def exported(name: str, known: Path, scratch: Path) -> Iterator[Path]:
    """A pipe from which an image is read as an OCI archive, once, without the blobs that a folder has by their digests.

    What is read lies in `scratch` until then.
    """
    with TemporaryDirectory(dir=scratch) as folder:
        layout, pipe = Path(folder) / "layout", Path(folder) / "image.tar"
        _push_unknown(name, known, layout)
        written = [path.relative_to(layout) for path in layout.rglob("*") if path.is_file() and not path.is_symlink()]
        os.mkfifo(pipe)
        tar = subprocess.Popen(["tar", "--create", f"--file={pipe}", f"--directory={layout}", *written])
        try:
            yield pipe
            code = tar.wait(timeout=60)
        finally:  # without a reader it would wait for ever
            tar.kill()
            tar.wait()
    assert code == 0, f"tar could not read {name}"


def _push_unknown(name: str, known: Path, layout: Path) -> None:
    """Write an image as an OCI layout; skopeo leaves a blob alone that is there already, be it a link.

    It compresses no layer, as buildah would, and so knows from a layer's digest whether it is there.
    """
    blobs = layout / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    for blob in known.glob("*"):
        (blobs / blob.name).symlink_to(blob)
    paths = (f"containers-storage:{name}", f"oci:{layout}:{name}")
    copy = ("skopeo", "copy", "--quiet", "--dest-oci-accept-uncompressed-layers", *paths)
    call(*copy, seconds=BUILD_SECONDS, environment=_environment())


def _have_base() -> None:
    if _has(BASE) or _buildah("pull", "--quiet", BASE, check=False, seconds=120):
        return
    with TemporaryDirectory() as folder:
        archive = Path(folder) / "root.tar"
        options = ("--variant=minbase", "--include=ca-certificates", "--quiet")
        call("mmdebstrap", *options, "trixie", archive, *_mirror(), seconds=1200)
        (Path(folder) / "Dockerfile").write_text('FROM scratch\nADD root.tar /\nCMD ["bash"]\n')
        _buildah("build", "--quiet", f"--tag={BASE}", folder)


def _has(name: str) -> bool:
    return bool(_buildah("images", "--quiet", "--filter", f"reference={name}").strip())


def _mirror() -> list[str]:
    """Where this machine gets Debian's packages from, if it says so."""
    sources = Path("/etc/apt/sources.list.d/debian.sources")
    lines = sources.read_text().splitlines() if sources.exists() else []
    return next(([line.split()[1]] for line in lines if line.startswith("URIs:")), [])


def _trust() -> list[str]:
    """What makes a build trust the certificates that this machine trusts; see images/Dockerfile."""
    bundle = os.environ.get("SSL_CERT_FILE")
    if bundle is None:
        return []
    inside = "/run/ca.crt"
    return [f"--volume={bundle}:{inside}:ro", f"--build-arg=SSL_CERT_FILE={inside}", f"--build-arg=PIP_CERT={inside}"]


def _buildah(*arguments: str | Path, check: bool = True, seconds: float = BUILD_SECONDS) -> str:
    return call("buildah", *arguments, check=check, seconds=seconds, environment=_environment())


def _environment() -> dict[str, str]:
    """As buildah works where nobody set it up."""
    return {"BUILDAH_ISOLATION": "chroot", "STORAGE_DRIVER": "overlay"} | os.environ
