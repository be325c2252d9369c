"""Events of DatasetBuilds and FineTunes."""

from typing import Any

import kopf

from repoloom_api import API_VERSION
from repoloom_operator.cluster import KINDS, Key
from repoloom_operator.handlers.notice import Notice


def register(registry: kopf.OperatorRegistry, notice: Notice) -> None:
    """Add a handler for each kind."""
    for kind, plural in KINDS.items():
        kopf.on.event(API_VERSION, plural, registry=registry, id=plural)(_handler(kind, notice))


def _handler(kind: str, notice: Notice) -> Any:
    async def handle(type: Any, body: Any, **_: Any) -> None:  # noqa: A002  the name is kopf's
        notice.seen(kind, type, body)
        notice.changed(Key(kind, body["metadata"]["namespace"], body["metadata"]["name"]))

    return handle
