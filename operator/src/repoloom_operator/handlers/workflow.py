"""Events of Workflows that carry out runs."""

from typing import Any

import kopf

from repoloom_operator import labels
from repoloom_operator.cluster import KINDS, Key
from repoloom_operator.handlers.notice import Notice


def register(registry: kopf.OperatorRegistry, notice: Notice) -> None:
    """Add the handler of Workflows that have our label."""

    async def handle(type: Any, body: Any, **_: Any) -> None:  # noqa: A002  the name is kopf's
        notice.seen("Workflow", type, body)
        for owner in body["metadata"].get("ownerReferences") or ():
            if owner["kind"] in KINDS:
                notice.changed(Key(owner["kind"], body["metadata"]["namespace"], owner["name"]))

    selected = {labels.RUN: kopf.PRESENT}
    kopf.on.event("argoproj.io", "v1alpha1", "workflows", labels=selected, registry=registry, id="workflows")(handle)
