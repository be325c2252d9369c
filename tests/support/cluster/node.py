"""A node of the source-built cluster: containerd, a network of its own, and a kubelet, as plain processes.

Two nodes of one machine share nothing: each has its own containerd, bridge, addresses, ports and group of processes, or
the two kubelets would end each other's pods. Needs root, and control groups of version 1.
"""

import json
import os
import shutil
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import yaml

from support.cluster.control_plane import ControlPlane
from support.cluster.controllers import DOMAIN, NAME_SERVICE, node_name
from support.cluster.images import PAUSE, exported
from support.cluster.kubeconfig import certified, write_kubeconfig
from support.cluster.layout import Worker
from support.cluster.processes import Process, call
from support.go_tools import go_tool
from support.s3_server import free_port

START_SECONDS = 60
IMPORT_SECONDS = 1800
CONTROL_GROUPS = Path("/sys/fs/cgroup")
CONTROLLERS = ("cpu", "cpuacct", "cpuset", "devices", "freezer", "memory", "blkio", "pids", "systemd")
NETWORK_PLUGINS = next(
    (folder for folder in map(Path, ("/opt/cni/bin", "/usr/lib/cni")) if (folder / "bridge").exists()), None
)


@dataclass(frozen=True)
class Node:
    """One node. What it keeps of images outlives it in its folder, for the next one."""

    plane: ControlPlane
    index: int
    worker: Worker

    @property
    def name(self) -> str:
        return node_name(self.index)

    @property
    def address(self) -> str:
        """Of the node, and of the gateway of its pods."""
        return address(self.index)

    @property
    def folder(self) -> Path:
        return self.plane.folder / self.name

    @property
    def _state(self) -> Path:
        """Short, since a socket's path may have no more than 107 bytes."""
        return Path("/run") / f"repoloom-{self.name}"

    def start(self) -> None:
        """Start both processes, unless they run; the kubelet registers the node. Raises NotReady, and CannotBuild."""
        make_bridge(self.index)
        call("sysctl", "-qw", "net.ipv4.ip_forward=1")
        self._start_containerd()
        if not self._kubelet.running():
            self._make_control_groups()
            self._kubelet.start(self._kubelet_command())

    def ctr(self, *arguments: str | Path, check: bool = True) -> str:
        """What containerd's own client prints about the pods' containers and images."""
        pods = ("--address", self.socket, "--namespace=k8s.io")
        return call("ctr", *pods, *arguments, check=check, seconds=IMPORT_SECONDS)

    def load(self, image: str, content: str) -> None:
        """Give the node an image that buildah has under an id, unless the node has that one."""
        record = self.folder / "images.json"
        known = json.loads(record.read_text()) if record.exists() else {}
        if known.get(image) == content and image in self.ctr("images", "list", "--quiet").split():
            return
        with exported(image, self._blobs, self.folder) as archive:
            self.ctr("images", "import", archive)
        record.write_text(json.dumps(known | {image: content}))

    @property
    def _blobs(self) -> Path:
        """Where containerd keeps the parts of images under their digests."""
        return self.folder / "containerd/io.containerd.content.v1.content/blobs/sha256"

    @property
    def socket(self) -> Path:
        return self._state / "containerd.sock"

    def stop(self) -> None:
        """Stop everything, and leave nothing behind but images, however much of it has died already."""
        self._kubelet.stop()
        if self._state.exists():  # then it knows of pods, which outlive it
            self._start_containerd()
            for container in self.ctr("containers", "list", "--quiet").split():
                self._remove(container)
        self._containerd.stop()
        _unmount(self.folder, self._state)
        for folder in ("kubelet", "network"):
            shutil.rmtree(self.folder / folder, ignore_errors=True)
        shutil.rmtree(self._state, ignore_errors=True)
        call("ip", "link", "delete", bridge(self.index), check=False)
        self._remove_control_groups()

    @cached_property
    def _containerd(self) -> Process:
        return Process(self.plane.folder, f"containerd-{self.name}")

    @cached_property
    def _kubelet(self) -> Process:
        return Process(self.plane.folder, f"kubelet-{self.name}")

    def _start_containerd(self) -> None:
        self._containerd.start(["containerd", "--config", self._write_containerd_config()])
        self._containerd.wait_until(self._answers, seconds=START_SECONDS)

    def _answers(self) -> bool:
        return "Server" in self.ctr("version", check=False)

    def _remove(self, container: str) -> None:
        spec = json.loads(self.ctr("containers", "info", container))["Spec"]
        self.ctr("tasks", "delete", "--force", container, check=False)
        self.ctr("containers", "delete", container, check=False)
        for namespace in spec["linux"]["namespaces"]:
            if namespace["type"] == "network" and namespace.get("path"):
                call("ip", "netns", "delete", Path(namespace["path"]).name, check=False)

    def _write_containerd_config(self) -> Path:
        network = self._write_network()
        path = self.folder / "containerd.toml"
        path.write_text(f"""\
version = 2
root = "{self.folder / "containerd"}"
state = "{self._state}"
[grpc]
  address = "{self.socket}"
[plugins."io.containerd.grpc.v1.cri"]
  restrict_oom_score_adj = true
  sandbox_image = "{PAUSE}"
  stream_server_port = "0"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{NETWORK_PLUGINS}"
    conf_dir = "{network}"
""")
        return path

    def _write_network(self) -> Path:
        """A folder with the configuration of the pods' network: a bridge, and no way out of the machine."""
        folder = self.folder / "network"
        folder.mkdir(parents=True, exist_ok=True)
        addresses = {
            "type": "host-local",
            "dataDir": str(folder / "addresses"),
            "ranges": [[{"subnet": f"10.244.{self.index}.0/24"}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        }
        plugin = {
            "type": "bridge",
            "bridge": bridge(self.index),
            "isGateway": True,
            "hairpinMode": True,
            "ipam": addresses,
        }
        document = {"cniVersion": "1.0.0", "name": bridge(self.index), "plugins": [plugin]}
        (folder / "10-pods.conflist").write_text(json.dumps(document))
        return folder

    def _make_control_groups(self) -> None:
        for controller in CONTROLLERS:
            (CONTROL_GROUPS / controller / f"repoloom-{self.name}").mkdir(exist_ok=True)
        cpus = CONTROL_GROUPS / "cpuset"
        for file in ("cpuset.cpus", "cpuset.mems"):  # empty in a new group, and nothing may join it
            (cpus / f"repoloom-{self.name}" / file).write_text((cpus / file).read_text())

    def _remove_control_groups(self) -> None:
        for top in CONTROL_GROUPS.glob(f"*/repoloom-{self.name}"):  # runc makes some that nobody asked for
            groups = [top, *(path for path in top.rglob("*") if path.is_dir())]
            for group in sorted(groups, reverse=True):
                _empty(group)
                group.rmdir()

    def _kubelet_command(self) -> list[str | Path]:
        user = self.plane.authority.issue(
            self.name, f"system:node:{self.name}", groups=("system:nodes",), hosts=(self.address, self.name)
        )
        authority = self.plane.authority.pair.certificate
        kubeconfig = self.folder / "kubelet.kubeconfig"
        write_kubeconfig(kubeconfig, self.plane.url, authority.read_bytes(), certified(user))
        config = self.folder / "kubelet.yaml"
        config.write_text(yaml.safe_dump(self._kubelet_config(authority, user.certificate, user.key)))
        labels = ",".join(f"{name}={value}" for name, value in self.worker.labels.items())
        return [
            go_tool("kubelet"),
            *("--config", config, "--kubeconfig", kubeconfig, "--root-dir", self.folder / "kubelet"),
            *("--hostname-override", self.name, "--node-ip", self.address, "--node-labels", labels),
        ]

    def _kubelet_config(self, authority: Path, certificate: Path, key: Path) -> dict[str, object]:
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "port": free_port(),
            "healthzPort": free_port(),
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(authority)},
            },
            "authorization": {"mode": "Webhook"},
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/repoloom-{self.name}",
            "failCgroupV1": False,
            "failSwapOn": False,
            "featureGates": {"KubeletInUserNamespace": True},  # lives without CAP_SYS_RESOURCE
            "clusterDomain": DOMAIN,
            "clusterDNS": [NAME_SERVICE],
            "containerRuntimeEndpoint": f"unix://{self.socket}",
            "resolvConf": "/dev/null",
            "makeIPTablesUtilChains": False,  # nothing needs them beside kube-proxy's nftables, and nobody removes them
            "evictionHard": {"nodefs.available": "1%", "imagefs.available": "1%", "memory.available": "100Mi"},
            "imageGCHighThresholdPercent": 100,
            "imageGCLowThresholdPercent": 99,
            "registerWithTaints": self.worker.taints,
            "tlsCertFile": str(certificate),
            "tlsPrivateKeyFile": str(key),
        }


def address(index: int) -> str:
    return f"10.244.{index}.1"


def bridge(index: int) -> str:
    return f"repoloom{index}"


def make_bridge(index: int) -> None:
    """Give a node its address, which the API server needs before there is a node."""
    if not Path("/sys/class/net", bridge(index)).exists():
        call("ip", "link", "add", bridge(index), "type", "bridge")
        call("ip", "address", "add", f"{address(index)}/24", "dev", bridge(index))
        call("ip", "link", "set", bridge(index), "up")


def _empty(group: Path) -> None:
    """Kill what is left in a control group, which cannot be removed before."""
    deadline = time.monotonic() + START_SECONDS
    while pids := (group / "cgroup.procs").read_text().split():
        assert time.monotonic() < deadline, f"processes stay in {group}"
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        time.sleep(0.05)


def _unmount(*folders: Path) -> None:
    """Unmount all that pods left mounted below folders, the newest first."""
    mounted = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for path in reversed(mounted):
        if any(Path(path).is_relative_to(folder) for folder in folders):
            call("umount", "--lazy", path, check=False)
