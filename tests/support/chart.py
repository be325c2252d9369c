"""The chart as Helm renders it, and what is in the result."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).parents[2] / "charts" / "repoloom"
RELEASE = ("repoloom", "--namespace", "repoloom")
KUBERNETES = "--kube-version=1.34.0"
"""What Helm renders for where no cluster is asked: it takes its own libraries' version if its build was told none."""

Document = dict[str, Any]


class HelmRefused(Exception):
    """What Helm said."""


@dataclass(frozen=True)
class Rendered:
    """Objects of a release, in the order in which Helm installs them."""

    documents: tuple[Document, ...]

    def one(self, kind: str, name: str, namespace: str | None = "repoloom") -> Document:
        """The only object of that kind and name."""
        found = [
            each
            for each in self.documents
            if (each["kind"], each["metadata"]["name"], each["metadata"].get("namespace")) == (kind, name, namespace)
        ]
        assert len(found) == 1, f"{len(found)} of {kind} {namespace}/{name}"
        return found[0]

    def kinds(self, *kinds: str) -> list[Document]:
        """Objects of these kinds."""
        return [each for each in self.documents if each["kind"] in kinds]

    def pod_templates(self) -> Iterator[tuple[str, Document]]:
        """Every pod the chart brings, with the name of what brings it."""
        for each in self.kinds("Deployment", "CronJob"):
            spec = each["spec"]
            spec = spec["jobTemplate"]["spec"] if each["kind"] == "CronJob" else spec
            yield f"{each['kind']} {each['metadata']['name']}", spec["template"]


def helm_template(helm: Path, *values: Path | Mapping[str, Any]) -> Rendered:
    """Render with files and blocks of values, the later over the earlier. Raises HelmRefused."""
    options = [option for each in values for option in _as_option(each)]
    text = run_helm(helm, "template", *RELEASE, KUBERNETES, str(CHART), *options)
    return Rendered(tuple(each for each in yaml.safe_load_all(text) if each))


def run_helm(helm: Path, *arguments: str) -> str:
    """What Helm prints. Raises HelmRefused."""
    done = subprocess.run([str(helm), *arguments], capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise HelmRefused(done.stderr)
    return done.stdout


def _as_option(values: Path | Mapping[str, Any]) -> tuple[str, ...]:
    if isinstance(values, Path):
        return "--values", str(values)
    return tuple(part for key, value in values.items() for part in ("--set-json", f"{key}={json.dumps(value)}"))
