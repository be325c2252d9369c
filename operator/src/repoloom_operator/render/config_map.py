"""The plan's way into the pods: an immutable ConfigMap, so that no Workflow carries a user's words."""

from typing import Any, Final

from repoloom_api.artifacts import canonical_json, sha256_of
from repoloom_api.resources import Fault, InvalidResource
from repoloom_api.tasks import Plan
from repoloom_operator.render.pods import PINS_FILE, PLAN_FILE
from repoloom_operator.run import Run

MAX_BYTES: Final = 1_000_000
"""Kubernetes takes 1 MiB of data; https://kubernetes.io/docs/concepts/configuration/configmap/#motivation"""
NAME_DIGITS: Final = 16


def config_map(plan: Plan, run: Run, metadata: dict[str, Any]) -> dict[str, Any]:
    """The ConfigMap of a plan, named by what it holds and whose it is. Raises InvalidResource for too large a plan.

    The owner is in the name: a resource that is made anew under its old name has the same plan, and would otherwise
    share a ConfigMap that the garbage collector is about to take away with the old one.
    """
    data = {
        PLAN_FILE: canonical_json(plan.document()).decode(),
        PINS_FILE: canonical_json(run.known_pins.document()).decode(),
    }
    size = sum(len(content.encode()) for content in data.values())
    if size > MAX_BYTES:
        message = f"its plan of {len(plan.tasks)} tasks takes {size:,} bytes, and a cluster holds {MAX_BYTES:,}"
        raise InvalidResource([Fault("spec", f"{message}; divide it into several with fewer recipes or sources each")])
    digits = sha256_of(canonical_json([run.owner.uid, data]))[:NAME_DIGITS]
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": f"repoloom-{digits}", **metadata},
        "immutable": True,
        "data": data,
    }
