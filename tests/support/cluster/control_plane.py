"""etcd and kube-apiserver as plain processes: all that resources, rules and permissions need, in seconds.

No controller runs beside them: nothing is collected, scheduled or given a certificate, and a deleted namespace stays.
"""

import secrets
import shutil
import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from support.cluster.certificates import Authority, write_signing_key
from support.cluster.kubeconfig import certified, reached, write_kubeconfig
from support.cluster.processes import Process
from support.go_tools import go_tool
from support.s3_server import free_port

START_SECONDS = 120
SERVICES = "10.96.0.0/16"
FIRST_SERVICE = "10.96.0.1"
"""The address of the service `kubernetes`."""


@dataclass(frozen=True)
class ControlPlane:
    """An API server whose files, logs and data lie in one folder."""

    folder: Path
    address: str = "127.0.0.1"
    """Where nodes and pods reach it; other than 127.0.0.1 where there are any."""

    @property
    def authority(self) -> Authority:
        return Authority(self.folder / "pki")

    @property
    def kubeconfig(self) -> Path:
        """Of the group system:masters, by a token."""
        return self.folder / "admin.kubeconfig"

    def start(self) -> None:
        """Start both and wait until the API server is ready. Raises NotReady, and CannotBuild."""
        if self.running():
            return
        self.authority.create()
        etcd_port, port = free_port(), free_port()
        self._etcd.start(self._etcd_command(etcd_port), tied=self._alone)
        token = self._write_token()
        self._api_server.start(self._api_server_command(etcd_port, port), tied=self._alone)
        write_kubeconfig(self.kubeconfig, _url(port), self._authority_pem(), {"token": token})
        self._api_server.wait_until(lambda: self._ready(port), seconds=START_SECONDS)

    def running(self) -> bool:
        """Whether the API server and its etcd run, whoever started them."""
        return self._api_server.running() and self._etcd.running()

    def stop(self) -> None:
        """Stop both and forget what they kept."""
        self._api_server.stop()
        self._etcd.stop()
        shutil.rmtree(self.folder / "etcd", ignore_errors=True)

    def user_kubeconfig(self, name: str, groups: tuple[str, ...] = ()) -> Path:
        """A file for a user of Kubernetes by a certificate; who that is, RBAC says."""
        file = f"user-{name.replace(':', '-')}"
        user = certified(self.authority.issue(file, name, groups=groups))
        return write_kubeconfig(self.folder / f"{file}.kubeconfig", self.url, self._authority_pem(), user)

    @property
    def url(self) -> str:
        return reached(self.kubeconfig)[0]

    @property
    def _etcd(self) -> Process:
        return Process(self.folder, "etcd")

    @property
    def _api_server(self) -> Process:
        return Process(self.folder, "kube-apiserver")

    def _etcd_command(self, port: int) -> list[str | Path]:
        url = f"http://127.0.0.1:{port}"
        return [
            go_tool("etcd"),
            *("--data-dir", self.folder / "etcd"),
            *("--listen-client-urls", url, "--advertise-client-urls", url),
            *("--listen-peer-urls", f"http://127.0.0.1:{free_port()}"),
            *("--unsafe-no-fsync", "--log-level", "warn"),
        ]

    def _api_server_command(self, etcd_port: int, port: int) -> list[str | Path]:
        folder = self.authority.folder
        served = self.authority.issue("kube-apiserver", "kube-apiserver", hosts=self._hosts())
        # Kubelets let in whom they find in this group.
        asks_kubelets = self.authority.issue("kubelet-client", "kube-apiserver", groups=("system:masters",))
        signing = write_signing_key(folder)
        return [
            go_tool("kube-apiserver"),
            *("--etcd-servers", f"http://127.0.0.1:{etcd_port}"),
            *("--bind-address", "127.0.0.1" if self._alone else "0.0.0.0", "--secure-port", str(port)),
            *("--advertise-address", self.address),
            *("--endpoint-reconciler-type", "none" if self._alone else "lease"),
            *("--service-cluster-ip-range", SERVICES),
            *("--tls-cert-file", served.certificate, "--tls-private-key-file", served.key),
            *("--client-ca-file", self.authority.pair.certificate, "--token-auth-file", folder / "tokens.csv"),
            *("--service-account-key-file", signing.certificate, "--service-account-signing-key-file", signing.key),
            *("--service-account-issuer", "https://kubernetes.default.svc.cluster.local"),
            *("--authorization-mode", "Node,RBAC"),
            *("--kubelet-client-certificate", asks_kubelets.certificate, "--kubelet-client-key", asks_kubelets.key),
            *("--kubelet-preferred-address-types", "InternalIP"),
            "--allow-privileged",
        ]

    @property
    def _alone(self) -> bool:
        return self.address == "127.0.0.1"

    def _hosts(self) -> tuple[str, ...]:
        names = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local")
        return ("localhost", "127.0.0.1", self.address, FIRST_SERVICE, *names)

    def _authority_pem(self) -> bytes:
        return self.authority.pair.certificate.read_bytes()

    def _write_token(self) -> str:
        token = secrets.token_hex(20)
        path = self.authority.folder / "tokens.csv"
        path.touch(0o600)
        path.write_text(f'{token},admin,admin,"system:masters"\n')
        return token

    def _ready(self, port: int) -> bool:
        trusted = ssl.create_default_context(cafile=self.authority.pair.certificate)
        try:
            with urlopen(f"{_url(port)}/readyz", timeout=5, context=trusted) as answer:
                return bool(answer.status == 200)
        except (URLError, ConnectionError, TimeoutError):
            return False


def _url(port: int) -> str:
    return f"https://127.0.0.1:{port}"
