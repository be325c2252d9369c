"""Programs that tests run, built from their Go modules beside this file and kept in the user's cache.

By hand, or before the tests so that they need not wait: `python tests/support/go_tools.py versitygw`.
"""

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

MODULES = Path(__file__).parent / "go"
BUILD_SECONDS = 3600


@dataclass(frozen=True)
class Program:
    """A command of a Go module."""

    folder: str
    """Where its go.mod is, below `go`."""
    package: str
    stamps: Mapping[str, str] = field(default_factory=dict)
    """Variables that the linker sets, by their names: they hold `{version}`, or its `{major}` or `{minor}`."""

    @property
    def module(self) -> str:
        return self.package.partition("/cmd/")[0]

    @property
    def version(self) -> str:
        """The version that go.mod pins; v0 for a program of our own."""
        if self.package == ".":
            return "v0.0.0"
        pinned = rf"^\s*{re.escape(self.module)} (v\S+)"
        found = re.search(pinned, (MODULES / self.folder / "go.mod").read_text(), re.MULTILINE)
        assert found, f"{self.folder}/go.mod does not require {self.module}"
        return found[1]

    @property
    def linker_flags(self) -> str:
        major, minor = self.version.removeprefix("v").split(".")[:2]
        values = {
            name: value.format(version=self.version, major=major, minor=minor) for name, value in self.stamps.items()
        }
        return " ".join(["-s -w", *(f"-X {name}={value}" for name, value in values.items())])


_KUBERNETES = "k8s.io/component-base/version."
_ARGO = "github.com/argoproj/argo-workflows/v3"


def _kubernetes(command: str) -> Program:
    stamps = {"gitVersion": "{version}", "gitMajor": "{major}", "gitMinor": "{minor}"}
    return Program(
        "kubernetes",
        f"k8s.io/kubernetes/cmd/{command}",
        {_KUBERNETES + name: value for name, value in stamps.items()},
    )


def _argo(command: str) -> Program:
    return Program("argo", f"{_ARGO}/cmd/{command}", {f"{_ARGO}.version": "{version}", f"{_ARGO}.gitTag": "{version}"})


PROGRAMS: dict[str, Program] = {
    "minio": Program("minio", "github.com/minio/minio"),
    "versitygw": Program("versitygw", "github.com/versity/versitygw/cmd/versitygw"),
    "etcd": Program("etcd", "go.etcd.io/etcd/server/v3"),
    "kube-apiserver": _kubernetes("kube-apiserver"),
    "kubectl": _kubernetes("kubectl"),
    "kube-controller-manager": _kubernetes("kube-controller-manager"),
    "kube-scheduler": _kubernetes("kube-scheduler"),
    "kube-proxy": _kubernetes("kube-proxy"),
    "kubelet": _kubernetes("kubelet"),
    "pause": Program("pause", "."),
    "coredns": Program("coredns", "github.com/coredns/coredns"),
    "helm": Program("helm", "helm.sh/helm/v4/cmd/helm"),
    "argo": _argo("argo"),
    "argoexec": _argo("argoexec"),
    "workflow-controller": _argo("workflow-controller"),
}


class CannotBuild(Exception):
    """There is no such program on this machine, and none can be built."""


def go_tool(name: str) -> Path:
    """The program, built first where the cache lacks it. Raises CannotBuild with the reason."""
    program = PROGRAMS[name]
    target = cache() / "bin" / f"{name}-{program.version}"
    with _once(target) as missing:
        if missing:
            _build(name, program, target)
    return target


def module_folder(folder: str, module: str) -> Path:
    """The files of a module at the version that `folder` pins, downloaded first where they are not at hand."""
    said = _go(["mod", "download", "-json", module], MODULES / folder, f"no files of {module}")
    return Path(json.loads(said)["Dir"])


def cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "repoloom"


@contextmanager
def _once(target: Path) -> Iterator[bool]:
    """Whether a file or folder is missing; of several processes, the first to find out makes it."""
    if target.exists():
        yield False
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.with_name(target.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield not target.exists()


def _build(name: str, program: Program, target: Path) -> None:
    began = time.monotonic()
    print(f"building {name} {program.version}, once; it takes minutes", file=sys.stderr, flush=True)
    part = target.with_name(target.name + ".part")
    options = ["-mod=readonly", "-trimpath", f"-ldflags={program.linker_flags}", "-o", str(part)]
    if program.folder == "argo":
        options.append(f"-modfile={_write_argo_modfile(program, target)}")
    _go(["build", *options, program.package], MODULES / program.folder, f"no {name}")
    part.replace(target)
    print(f"built {target} in {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)


def _write_argo_modfile(program: Program, target: Path) -> Path:
    """Write a go.mod that builds from a copy of the module in which the files stand that its archive cannot hold.

    An archive of a module has no symbolic links, and one of argoexec's sources for Linux is one; nor does it have the
    web pages, which every program of Argo's embeds.
    """
    copy = cache() / "src" / f"argo-workflows-{program.version}"
    with _once(copy) as missing:
        if missing:
            _copy_argo(module_folder(program.folder, program.module), copy)
    modfile = target.with_name(target.name + ".mod")
    shutil.copyfile(MODULES / program.folder / "go.sum", modfile.with_suffix(".sum"))
    pinned = (MODULES / program.folder / "go.mod").read_text()
    modfile.write_text(f"{pinned}\nreplace {program.module} => {copy}\n")
    return modfile


def _copy_argo(module: Path, target: Path) -> None:
    with TemporaryDirectory(dir=target.parent) as folder:
        copy = Path(folder) / "argo"
        shutil.copytree(module, copy, copy_function=shutil.copyfile)
        for path in copy.rglob("*/"):
            path.chmod(0o755)
        signals = copy / "workflow" / "executor" / "osspecific"
        shutil.copyfile(signals / "signal_darwin.go", signals / "signal_linux.go")
        page = copy / "ui" / "dist" / "app" / "index.html"
        page.parent.mkdir(parents=True)
        page.write_text("<!doctype html><title>argo</title>")
        copy.rename(target)


def _go(arguments: list[str], folder: Path, otherwise: str) -> str:
    """What a go command prints. Raises CannotBuild, which begins with `otherwise`."""
    go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    if go is None:
        raise CannotBuild(f"{otherwise}: Go is not installed (https://go.dev/doc/install)")
    environment = os.environ | {"CGO_ENABLED": "0", "GOWORK": "off"}
    try:
        done = subprocess.run(
            [go, *arguments], cwd=folder, env=environment, check=True, capture_output=True, timeout=BUILD_SECONDS
        )
    except subprocess.CalledProcessError as error:
        raise CannotBuild(f"{otherwise}: go {arguments[0]} failed: {error.stderr.decode()[-2000:]}") from error
    except subprocess.TimeoutExpired as error:
        raise CannotBuild(f"{otherwise}: go {arguments[0]} took over {BUILD_SECONDS} s") from error
    return done.stdout.decode()


if __name__ == "__main__":
    try:
        for each in sys.argv[1:]:
            print(go_tool(each))
    except CannotBuild as reason:
        sys.exit(str(reason))
