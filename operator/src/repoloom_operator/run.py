"""What a run is: one building of one resource, named before anything is rendered.

A run is its owner, what was asked, and why it started. Neither images, settings nor the rendered Workflow is in its
name, so an upgrade starts nothing anew.
"""

from dataclasses import dataclass

from repoloom_api.artifacts import Sha256, canonical_json, sha256_of
from repoloom_api.runs import Pins

NAME_DIGITS = 10
"""Hex digits of a run's name; the rest is the resource's name, which is at most 52 characters."""


@dataclass(frozen=True)
class Owner:
    """The resource that a run belongs to."""

    kind: str
    name: str
    namespace: str
    uid: str


@dataclass(frozen=True)
class Run:
    """One building of one resource."""

    name: str
    """Of its Workflow, and of its record in the object store (`runs/<name>.json`)."""
    owner: Owner
    known_pins: Pins
    """What is pinned before it starts: a FineTune's datasets, as `data/<name>` and `suite/<name>`."""
    queue: str | None = None
    """Value of Kueue's queue label on the resource; its accelerator pods carry it."""


def run_name(owner: Owner, spec_digest: Sha256, cause: str) -> str:
    """Name of the run of a spec for a cause: `spec`, a schedule's tick, a re-run's annotation, a newer dataset."""
    digits = sha256_of(canonical_json([owner.kind, owner.uid, spec_digest, cause]))[:NAME_DIGITS]
    return f"{owner.name}-{digits}"
