"""Controller-manager, scheduler and kube-proxy as plain processes: what an API server lacks to be a cluster."""

from dataclasses import dataclass
from pathlib import Path

from support.cluster.certificates import write_signing_key
from support.cluster.control_plane import ControlPlane
from support.cluster.processes import Process, call
from support.go_tools import go_tool
from support.s3_server import free_port

PODS = "10.244.0.0/16"
DOMAIN = "cluster.local"
NAME_SERVICE = "10.96.0.10"


def node_name(index: int) -> str:
    return f"node{index}"


@dataclass(frozen=True)
class Controllers:
    """The processes beside an API server; their files and logs lie in its folder."""

    plane: ControlPlane

    def start(self) -> None:
        """Start those that do not run. Raises CannotBuild."""
        for name, command in self._commands().items():
            Process(self.plane.folder, name).start([go_tool(name), *command])

    def stop(self) -> None:
        """Stop them; kube-proxy leaves its rules in the kernel, and they are deleted."""
        for name in self._names:
            Process(self.plane.folder, name).stop()
        for family in ("ip", "ip6"):
            call("nft", "delete", "table", family, "kube-proxy", check=False)

    @property
    def _names(self) -> tuple[str, ...]:
        return ("kube-proxy", "kube-scheduler", "kube-controller-manager")

    def _commands(self) -> dict[str, list[str | Path]]:
        users = {name: self.plane.user_kubeconfig(f"system:{name}") for name in self._names}
        authority, key = self.plane.authority.pair.certificate, self.plane.authority.pair.key
        return {
            "kube-controller-manager": [
                *_served(users["kube-controller-manager"]),
                *("--root-ca-file", authority, "--cluster-signing-cert-file", authority),
                *("--cluster-signing-key-file", key),
                *("--service-account-private-key-file", write_signing_key(self.plane.authority.folder).key),
                "--use-service-account-credentials",
            ],
            "kube-scheduler": _served(users["kube-scheduler"]),
            "kube-proxy": [
                *("--kubeconfig", users["kube-proxy"], "--cluster-cidr", PODS, "--proxy-mode", "nftables"),
                *("--hostname-override", node_name(0)),
                *("--conntrack-max-per-core", "0"),  # the machine's own limit stays
                *("--healthz-bind-address", _local(), "--metrics-bind-address", _local()),
            ],
        }


def _served(user: Path) -> list[str | Path]:
    """What the two controllers have in common: alone, and asked on this machine only."""
    files = ("--kubeconfig", user, "--authentication-kubeconfig", user, "--authorization-kubeconfig", user)
    return [*files, "--leader-elect=false", "--bind-address", "127.0.0.1", "--secure-port", str(free_port())]


def _local() -> str:
    return f"127.0.0.1:{free_port()}"
