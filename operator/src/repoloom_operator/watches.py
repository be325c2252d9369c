"""Whether watches are alive: what our own lists show has to have come through them as well.

A watch that ends takes the process with it (kopf 1.45.2). One that stays open and silent would go unnoticed without
this; resyncs keep the operator right meanwhile, but a minute late.
"""

import time
from collections.abc import Callable, Mapping


class Watches:
    """What watches have shown, by kind."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[str, dict[str, int]] = {}
        self._missed: dict[str, dict[str, tuple[int, float]]] = {}

    def saw(self, kind: str, uid: str, version: str) -> None:
        """A watch showed an object at a resourceVersion."""
        self._seen.setdefault(kind, {})[uid] = int(version)

    def gone(self, kind: str, uid: str) -> None:
        """A watch showed that an object is no more."""
        self._seen.get(kind, {}).pop(uid, None)

    def listed(self, kind: str, versions: Mapping[str, int]) -> None:
        """A list showed these objects, by uid: whatever their watch has not shown by now, it may have missed.

        resourceVersions of one kind can be compared as numbers (Kubernetes promises it from 1.35 on, etcd all along).
        """
        seen, before = self._seen.setdefault(kind, {}), self._missed.get(kind, {})
        for uid in set(seen) - set(versions):
            del seen[uid]
        missed = {uid: (version, self._clock()) for uid, version in versions.items() if seen.get(uid, 0) < version}
        still = {uid: one for uid, one in before.items() if uid in versions and seen.get(uid, 0) < one[0]}
        self._missed[kind] = missed | still

    def lag_seconds(self, kind: str) -> float:
        """For how long the watch of a kind has missed a change; 0 if it has missed none."""
        now = self._clock()
        return max((now - since for _, since in self._missed.get(kind, {}).values()), default=0.0)

    @property
    def longest_lag_seconds(self) -> float:
        """The longest of any kind."""
        return max(map(self.lag_seconds, self._missed), default=0.0)
