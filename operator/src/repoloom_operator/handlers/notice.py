"""What handlers tell the rest of the operator."""

from collections.abc import Callable
from dataclasses import dataclass

from repoloom_operator.cluster import Document, Key
from repoloom_operator.watches import Watches


@dataclass(frozen=True)
class Notice:
    """Where a handler leaves what it was called for."""

    watches: Watches
    changed: Callable[[Key], None]
    """Has a resource looked at, and those that depend on it."""

    def seen(self, kind: str, event: str | None, document: Document) -> None:
        """Note what a watch showed."""
        metadata = document["metadata"]
        if event == "DELETED":
            self.watches.gone(kind, metadata["uid"])
        else:
            self.watches.saw(kind, metadata["uid"], metadata["resourceVersion"])
