"""What tests know of a cluster: how to reach it, and what they need there before the first of them."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import kubernetes

from support.cluster.kubeconfig import reached, write_kubeconfig
from support.go_tools import PROGRAMS, go_tool, module_folder

OUR_CRDS = Path(__file__).parents[3] / "crds"
TOKEN_SECONDS = 3600
SERVED_SECONDS = 180
HELD = (("repoloom.dev", "datasetbuilds"), ("repoloom.dev", "finetunes"), ("argoproj.io", "workflows"))
CONFLICT = 409
CONNECTIONS = 64
"""As many as any test has threads, which would open a new one for each request otherwise."""


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
        configuration = kubernetes.client.Configuration()
        configuration.connection_pool_maxsize = CONNECTIONS
        return kubernetes.config.new_client_from_config(str(self.kubeconfig), client_configuration=configuration)

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
        asked = {"spec": {"expirationSeconds": TOKEN_SECONDS, "audiences": []}}
        answer = self._core.create_namespaced_service_account_token(name, namespace, asked)
        path = self.folder / f"service-account-{namespace}-{name}.kubeconfig"
        server, authority = reached(self.kubeconfig)
        return Cluster(write_kubeconfig(path, server, authority, {"token": answer.status.token}), self.folder)

    def make_namespace(self, name: str, level: str = "restricted") -> None:
        """Make a namespace at a Pod Security level, with the service account that a controller would make."""
        labels = {"pod-security.kubernetes.io/enforce": level}
        with _conflicting():
            self._core.create_namespace({"metadata": {"name": name, "labels": labels}})
        with _conflicting():
            self._core.create_namespaced_service_account(name, {"metadata": {"name": "default"}})

    def delete_namespace(self, name: str) -> None:
        """Delete what tests make in a namespace, which nobody else would where no controller runs, and then itself."""
        objects = kubernetes.client.CustomObjectsApi(self.client)
        for group, plural in HELD:
            objects.delete_collection_namespaced_custom_object(group, "v1alpha1", name, plural)
        self._core.delete_collection_namespaced_config_map(name)
        self._core.delete_collection_namespaced_event(name)
        with _conflicting():
            self._core.delete_namespace(name)

    @property
    def _core(self) -> kubernetes.client.CoreV1Api:
        return kubernetes.client.CoreV1Api(self.client)

    def install_crds(self) -> None:
        """Our CRDs and Argo's full one of Workflows, which alone costs the API server seconds to read."""
        self.apply_files(
            *sorted(OUR_CRDS.glob("*.yaml")), argo_manifests() / "base/crds/full/argoproj.io_workflows.yaml"
        )
        deadline = time.monotonic() + SERVED_SECONDS
        while not self._serves("datasetbuilds,finetunes,workflows"):
            assert time.monotonic() < deadline, "the API server does not serve what the CRDs say"
            time.sleep(0.5)  # asking takes from the server what it needs for an answer

    def _serves(self, kinds: str) -> bool:
        try:
            self.kubectl("get", kinds, "--all-namespaces")
        except Refused:
            return False
        return True


@contextmanager
def _conflicting() -> Iterator[None]:
    """What is to be made may be there, and what is to be deleted may be at it."""
    try:
        yield
    except kubernetes.client.ApiException as error:
        if error.status != CONFLICT:
            raise


def argo_manifests() -> Path:
    """The manifests of Argo's release. Raises CannotBuild."""
    return module_folder("argo", PROGRAMS["argo"].module) / "manifests"
