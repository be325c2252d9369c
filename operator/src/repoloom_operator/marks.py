"""What the operator writes on its Workflows so that it knows them again, without asking the store or its own memory."""

import gzip
import json
from base64 import b64decode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Final

from repoloom_api import GROUP
from repoloom_api.artifacts import Sha256

SPEC_DIGEST: Final = f"{GROUP}/spec-digest"
CAUSE: Final = f"{GROUP}/cause"
PINS: Final = f"{GROUP}/pins"
STEPS: Final = f"{GROUP}/steps"
STOPPED: Final = f"{GROUP}/stopped"

RERUN: Final = f"{GROUP}/rerun"
"""Annotation of a resource: every new value is a new run of the same spec."""

ENDED = frozenset({"Succeeded", "Failed", "Error"})
"""Phases of a Workflow that goes on no more."""


@dataclass(frozen=True)
class Node:
    """One node of a Workflow's status: a pod, a retry of pods, or a group of shards."""

    id: str
    type: str
    step: str
    phase: str
    message: str
    progress: str
    started: datetime | None
    finished: datetime | None
    children: tuple[str, ...]

    @classmethod
    def parse(cls, name: str, raw: Mapping[str, Any]) -> "Node":
        return cls(
            id=name,
            type=raw.get("type", ""),
            step=raw.get("templateName", ""),
            phase=raw.get("phase") or "Pending",
            message=raw.get("message") or "",
            progress=raw.get("progress") or "",
            started=moment(raw.get("startedAt")),
            finished=moment(raw.get("finishedAt")),
            children=tuple(raw.get("children") or ()),
        )


@dataclass(frozen=True)
class Workflow:
    """A Workflow that some run of a resource is carried out by."""

    name: str
    uid: str
    created: datetime
    spec_digest: Sha256
    cause: str
    pins: Mapping[str, Sha256]
    """Digests of the datasets it was started with, by the plan's names."""
    steps: Mapping[str, tuple[str, ...]]
    """Tasks of each step."""
    stopped: bool
    """Whether the operator stopped it."""
    phase: str
    """As Argo says; empty until Argo has seen it."""
    message: str = ""
    raw_status: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def ended(self) -> bool:
        return self.phase in ENDED

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """Its nodes; Argo packs those of a large Workflow."""
        packed = self.raw_status.get("compressedNodes")
        raw = json.loads(gzip.decompress(b64decode(packed))) if packed else self.raw_status.get("nodes") or {}
        return tuple(Node.parse(name, node) for name, node in sorted(raw.items()))

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> "Workflow":
        """Read one that `marked` has marked."""
        metadata, status = document["metadata"], document.get("status") or {}
        notes = metadata.get("annotations") or {}
        created = moment(metadata["creationTimestamp"])
        assert created is not None
        return cls(
            name=metadata["name"],
            uid=metadata["uid"],
            created=created,
            spec_digest=notes.get(SPEC_DIGEST, ""),
            cause=notes.get(CAUSE, ""),
            pins=json.loads(notes.get(PINS, "{}")),
            steps={step: tuple(tasks) for step, tasks in json.loads(notes.get(STEPS, "{}")).items()},
            stopped=STOPPED in notes,
            phase=status.get("phase") or "",
            message=status.get("message") or "",
            raw_status=status,
        )


def marked(
    workflow: Mapping[str, Any],
    *,
    spec_digest: Sha256,
    cause: str,
    pins: Mapping[str, Sha256],
    steps: Mapping[str, Iterable[str]],
) -> dict[str, Any]:
    """A rendered Workflow with what says later which run it is. None of it is text that a user wrote."""
    metadata = workflow["metadata"]
    notes = {
        SPEC_DIGEST: spec_digest,
        CAUSE: cause,
        PINS: json.dumps(dict(pins), sort_keys=True),
        STEPS: json.dumps({step: list(tasks) for step, tasks in steps.items()}),
    }
    return {**workflow, "metadata": {**metadata, "annotations": {**metadata.get("annotations", {}), **notes}}}


def moment(text: str | None) -> datetime | None:
    """A time as Kubernetes writes it."""
    return datetime.fromisoformat(text) if text else None
