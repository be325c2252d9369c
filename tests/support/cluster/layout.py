"""The nodes that kind-config.yaml describes: kind makes them from it, and the source-built cluster reads them here."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

KIND_CONFIG = Path(__file__).parents[3] / "kind-config.yaml"
POOL_LABEL = "nvidia.com/gpu.product"
"""What tells the node of the pool from the other."""
ACCELERATOR = "nvidia.com/gpu"


@dataclass(frozen=True)
class Worker:
    """What a node is registered with."""

    labels: dict[str, str]
    taints: list[dict[str, str]]

    @property
    def in_pool(self) -> bool:
        return POOL_LABEL in self.labels


def workers() -> list[Worker]:
    """Every node but the control plane's, in the file's order."""
    nodes = yaml.safe_load(KIND_CONFIG.read_text())["nodes"]
    return [Worker(node.get("labels", {}), _taints(node)) for node in nodes if node["role"] == "worker"]


def _taints(node: dict[str, Any]) -> list[dict[str, str]]:
    patches = [yaml.safe_load(patch) for patch in node.get("kubeadmConfigPatches", ())]
    return [taint for patch in patches for taint in patch["nodeRegistration"].get("taints", ())]
