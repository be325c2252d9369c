"""What tests know of a cluster: how to reach it, and what they need there before the first of them."""

import json
import os
import subprocess
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import kubernetes

from support.cluster.kubeconfig import reached, write_kubeconfig
from support.go_tools import PROGRAMS, go_tool, module_folder

OUR_CRDS = Path(__file__).parents[3] / "crds"
TOKEN_SECONDS = 3600
SERVED_SECONDS = 60


class Refused(Exception):
    """kubectl's answer to what the API server, or kubectl itself, would not take."""


@dataclass(frozen=True)
class Cluster:
    """A cluster behind one kubeconfig, whoever made it."""

    kubeconfig: Path
    folder: Path
    """Where files about it may be written."""

    @cached_property
    def client(self) -> kubernetes.client.ApiClient:
        """A client for what Python code asks; as the kubeconfig's user."""
        return kubernetes.config.new_client_from_config(str(self.kubeconfig))

    def kubectl(self, *arguments: str | Path, written: str | None = None, seconds: float = 120) -> str:
        """What kubectl prints; `written` is its standard input. Raises Refused."""
        return self.run(go_tool("kubectl"), *arguments, written=written, seconds=seconds)

    def run(self, *command: str | Path, written: str | None = None, seconds: float = 120) -> str:
        """What any program prints that reads KUBECONFIG. Raises Refused."""
        done = subprocess.run(
            [str(part) for part in command],
            env=os.environ | {"KUBECONFIG": str(self.kubeconfig)},
            input=written or "",
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        if done.returncode:
            raise Refused(done.stderr)
        return done.stdout

    def apply(self, *documents: Any, strict: bool = True) -> None:
        """Apply documents server-side, as the field manager `tests`. Raises Refused."""
        validate = "strict" if strict else "ignore"
        content = json.dumps({"apiVersion": "v1", "kind": "List", "items": documents})
        options = ("--server-side", "--field-manager=tests", f"--validate={validate}")
        self.kubectl("apply", *options, "-f", "-", written=content)

    def apply_files(self, *files: Path) -> None:
        """Apply files server-side, as the field manager `tests`, whoever had their fields. Raises Refused."""
        options = ("--server-side", "--force-conflicts", "--field-manager=tests")
        self.kubectl("apply", *options, *(f"--filename={file}" for file in files))

    def get(self, *arguments: str) -> Any:
        """What `kubectl get` finds, parsed. Raises Refused."""
        return json.loads(self.kubectl("get", "--output=json", *arguments))

    def as_service_account(self, namespace: str, name: str) -> "Cluster":
        """The same cluster for a service account that exists, by a token of an hour."""
        token = self.kubectl("create", "token", name, f"--namespace={namespace}", f"--duration={TOKEN_SECONDS}s")
        path = self.folder / f"service-account-{namespace}-{name}.kubeconfig"
        server, authority = reached(self.kubeconfig)
        return Cluster(write_kubeconfig(path, server, authority, {"token": token.strip()}), self.folder)

    def make_namespace(self, name: str, level: str = "restricted") -> None:
        """Make a namespace at a Pod Security level, with the service account that a controller would make."""
        labels = {"pod-security.kubernetes.io/enforce": level}
        self.apply(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}},
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": name}},
        )

    def delete_namespace(self, name: str) -> None:
        """Delete what tests make in a namespace, which nobody else would where no controller runs, and then itself."""
        held = "datasetbuilds,finetunes,workflows,configmaps,events"
        self.kubectl("delete", held, "--all", f"--namespace={name}", "--wait=false")
        self.kubectl("delete", "namespace", name, "--wait=false")

    def install_crds(self) -> None:
        """Our CRDs and Argo's full one of Workflows, which alone costs the API server seconds to read."""
        self.apply_files(
            *sorted(OUR_CRDS.glob("*.yaml")), argo_manifests() / "base/crds/full/argoproj.io_workflows.yaml"
        )
        deadline = time.monotonic() + SERVED_SECONDS
        while not self._serves("datasetbuilds,finetunes,workflows"):
            assert time.monotonic() < deadline, "the API server does not serve what the CRDs say"
            time.sleep(0.1)

    def _serves(self, kinds: str) -> bool:
        try:
            self.kubectl("get", kinds, "--all-namespaces")
        except Refused:
            return False
        return True


def argo_manifests() -> Path:
    """The manifests of Argo's release. Raises CannotBuild."""
    return module_folder("argo", PROGRAMS["argo"].module) / "manifests"
