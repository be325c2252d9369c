"""Servers that tests talk to, built from their Go modules beside this file and kept in the user's cache.

By hand, or before the tests so that they need not wait: `python tests/support/go_tools.py versitygw`.
"""

import fcntl
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

MODULES = Path(__file__).parent / "go"

PACKAGES = {
    "minio": "github.com/minio/minio",
    "versitygw": "github.com/versity/versitygw/cmd/versitygw",
}

BUILD_SECONDS = 1800


class CannotBuild(Exception):
    """There is no such program on this machine, and none can be built."""


def go_tool(name: str) -> Path:
    """The program, built first where the cache lacks it. Raises CannotBuild with the reason."""
    target = cache() / f"{name}-{version(name)}"
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.with_name(target.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of several test processes, one builds
        if not target.exists():
            _build(name, target)
    return target


def cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "repoloom" / "bin"


def version(name: str) -> str:
    """The version that go.mod pins."""
    module = re.escape(PACKAGES[name].partition("/cmd/")[0])
    found = re.search(rf"^\s*{module} (v\S+)", (MODULES / name / "go.mod").read_text(), re.MULTILINE)
    assert found, f"{name}/go.mod does not require {PACKAGES[name]}"
    return found[1]


def _build(name: str, target: Path) -> None:
    go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    if go is None:
        raise CannotBuild(f"no {name}: Go is not installed (https://go.dev/doc/install)")
    began = time.monotonic()
    print(f"building {name} {version(name)}, once; it takes minutes", file=sys.stderr, flush=True)
    part = target.with_name(target.name + ".part")
    command = [go, "build", "-mod=readonly", "-trimpath", "-ldflags=-s -w", "-o", str(part), PACKAGES[name]]
    environment = os.environ | {"CGO_ENABLED": "0", "GOWORK": "off"}
    try:
        subprocess.run(
            command, cwd=MODULES / name, env=environment, check=True, capture_output=True, timeout=BUILD_SECONDS
        )
    except subprocess.CalledProcessError as error:
        raise CannotBuild(f"no {name}: go build failed: {error.stderr.decode()[-2000:]}") from error
    except subprocess.TimeoutExpired as error:
        raise CannotBuild(f"no {name}: go build took over {BUILD_SECONDS} s") from error
    part.replace(target)
    print(f"built {target} in {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        for each in sys.argv[1:]:
            print(go_tool(each))
    except CannotBuild as reason:
        sys.exit(str(reason))
