"""The level behind the edges: within every minute all is listed, and what changed since its last look is looked at."""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Final

from repoloom_operator import metrics
from repoloom_operator.cluster import KINDS, Cluster, ClusterError, Document, Key
from repoloom_operator.watches import Watches

logger = logging.getLogger(__name__)

RESYNC_SECONDS: Final = 45.0
"""So that whatever a watch missed is looked at, and done, within a minute."""
WHOLE_EVERY: Final = 10
"""Of so many resyncs one has everything looked at: what changed may lie in the store or in a namespace's labels."""
RETRY_SECONDS: Final = 5.0

Versions = frozenset[tuple[str, str]]


class Resync:
    """Lists resources and Workflows, in the namespaces given or in all."""

    def __init__(
        self, cluster: Cluster, namespaces: Iterable[str], watches: Watches, changed: Callable[[Key], None]
    ) -> None:
        self._cluster = cluster
        self._namespaces: tuple[str | None, ...] = tuple(namespaces) or (None,)
        self._watches = watches
        self._changed = changed
        self._before: dict[Key, Versions] = {}
        self._rounds = 0
        self.last: float | None = None
        """When everything was last listed, by the monotonic clock."""

    async def run(self) -> None:
        """Resync for ever."""
        while True:
            try:
                await self.once()
            except ClusterError as error:
                logger.warning("cannot list everything: %s", error)
                await asyncio.sleep(RETRY_SECONDS)
            else:
                await asyncio.sleep(RESYNC_SECONDS)

    async def once(self) -> None:
        """List everything, and have looked at what is new, changed or gone. Raises ClusterError."""
        versions: defaultdict[Key, set[tuple[str, str]]] = defaultdict(set)
        for kind in KINDS:
            shown = {}
            for namespace in self._namespaces:
                async for document in self._cluster.resources(kind, namespace):
                    versions[key_of(kind, document)].add(_version(document))
                    shown.update(_shown(document))
            self._watches.listed(kind, shown)
        await self._list_workflows(versions)
        now = {key: frozenset(one) for key, one in versions.items()}
        whole = self._rounds % WHOLE_EVERY == 0
        for key, seen in now.items():
            if whole or self._before.get(key) != seen:
                self._changed(key)
        for key in self._before.keys() - now.keys():
            self._changed(key)
        self._before, self._rounds, self.last = now, self._rounds + 1, time.monotonic()
        metrics.RESYNC_TIME.set_to_current_time()

    async def _list_workflows(self, versions: defaultdict[Key, set[tuple[str, str]]]) -> None:
        shown = {}
        for namespace in self._namespaces:
            async for document in self._cluster.owned_workflows(namespace):
                shown.update(_shown(document))
                for owner in document["metadata"].get("ownerReferences") or ():
                    key = Key(owner["kind"], document["metadata"]["namespace"], owner["name"])
                    if key in versions:
                        versions[key].add(_version(document))
        self._watches.listed("Workflow", shown)


def key_of(kind: str, document: Document) -> Key:
    """Names a resource that was listed."""
    return Key(kind, document["metadata"]["namespace"], document["metadata"]["name"])


def _version(document: Document) -> tuple[str, str]:
    return document["metadata"]["uid"], document["metadata"]["resourceVersion"]


def _shown(document: Document) -> dict[str, int]:
    return {document["metadata"]["uid"]: int(document["metadata"]["resourceVersion"])}
