"""Container images for the source-built cluster, made by buildah, and how they get into its nodes.

Where no registry gives the base of our own images, debootstrap makes it under its real name, so that the Dockerfiles
are used as they are.
"""

import os
import shutil
import subprocess
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
    """An image that is built from a Dockerfile."""

    name: str
    dockerfile: Path
    context: Path = REPOSITORY
    for_pool: bool = False
    """Whether it is for the pool's node; no other runs there, for the taint keeps every pod out that does not ask."""


OPERATOR = OwnImage("localhost/repoloom/operator:test", REPOSITORY / "images/operator/Dockerfile")
STAGES = OwnImage("localhost/repoloom/stages:test", REPOSITORY / "images/stages/Dockerfile")
TRAIN = OwnImage("localhost/repoloom/train:test", REPOSITORY / "images/train/Dockerfile", for_pool=True)


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
    _have_base()
    _buildah("build", "--layers", f"--tag={image.name}", f"--file={image.dockerfile}", *_trust(), image.context)
    return image_id(image.name)


def image_id(name: str) -> str:
    return _buildah("inspect", "--type=image", "--format={{.FromImageID}}", name).strip()


@contextmanager
def exported(name: str) -> Iterator[Path]:
    """A pipe from which an image is read as a docker archive, once."""
    with TemporaryDirectory() as folder:
        pipe = Path(folder) / "image.tar"
        os.mkfifo(pipe)
        command = ["buildah", "push", "--quiet", name, f"docker-archive:{pipe}:{name}"]
        push = subprocess.Popen(command, env=_environment(), stdout=subprocess.DEVNULL)
        try:
            yield pipe
            code = push.wait(timeout=60)
        finally:  # without a reader it would wait for ever
            push.kill()
            push.wait()
    assert code == 0, f"buildah could not export {name}"


def _have_base() -> None:
    if _has(BASE) or _buildah("pull", "--quiet", BASE, check=False, seconds=120):
        return
    with TemporaryDirectory() as folder:
        root = Path(folder) / "root"
        call("debootstrap", "--variant=minbase", "--include=ca-certificates", "trixie", root, *_mirror(), seconds=1200)
        for left in (root / "var/cache/apt/archives", root / "var/lib/apt/lists"):
            shutil.rmtree(left)
            left.mkdir()
        archive = Path(folder) / "root.tar"  # a folder would lose its files' owners
        mounted = [f"--exclude=./{name}/*" for name in ("dev", "proc", "sys")]
        call("tar", "--create", f"--file={archive}", f"--directory={root}", *mounted, ".", seconds=600)
        shutil.rmtree(root)
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
    """What makes a build trust the certificates that this machine trusts; see the Dockerfiles."""
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
