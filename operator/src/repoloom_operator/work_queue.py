"""Keys to look at: each once however often it is added, never two looks at one key at once, later after a failure."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)

logger = logging.getLogger(__name__)

FIRST_DELAY_SECONDS = 0.5
LONGEST_DELAY_SECONDS = 60.0
"""As long as the time between resyncs, which would add the key anyhow."""


class WorkQueue(Generic[T]):
    """A queue for one event loop."""

    def __init__(self) -> None:
        self._ready: deque[T] = deque()
        self._waiting: set[T] = set()
        self._at_work: dict[T, float] = {}
        self._again: set[T] = set()
        self._timers: dict[T, asyncio.TimerHandle] = {}
        self._failures: dict[T, int] = {}
        self._added = asyncio.Event()

    def __len__(self) -> int:
        """Keys that wait to be looked at now."""
        return len(self._ready)

    @property
    def delayed(self) -> int:
        """Keys that wait for their time."""
        return len(self._timers)

    def longest_at_work(self) -> float:
        """Seconds since the oldest look that is not over began."""
        now = asyncio.get_running_loop().time()
        return max((now - since for since in self._at_work.values()), default=0.0)

    def add(self, key: T) -> None:
        """Have a key looked at. While it is being looked at: again, after that."""
        if key in self._at_work:
            self._again.add(key)
        elif key not in self._waiting:
            self._waiting.add(key)
            self._ready.append(key)
            self._added.set()

    def add_after(self, key: T, seconds: float) -> None:
        """Have a key looked at in a while, unless that is due sooner already."""
        loop = asyncio.get_running_loop()
        due = loop.time() + seconds
        timer = self._timers.get(key)
        if timer is None or timer.when() > due:
            if timer:
                timer.cancel()
            self._timers[key] = loop.call_at(due, self._due, key)

    def _due(self, key: T) -> None:
        del self._timers[key]
        self.add(key)

    def forget(self, key: T) -> None:
        """Drop what is kept of a key that is no more."""
        self._failures.pop(key, None)
        timer = self._timers.pop(key, None)
        if timer:
            timer.cancel()

    async def work(self, look: Callable[[T], Awaitable[bool]]) -> None:
        """Look at keys, one after the other, for ever. `look` says whether it succeeded."""
        while True:
            await self.work_once(look)

    async def work_once(self, look: Callable[[T], Awaitable[bool]]) -> None:
        """Wait for a key and look at it."""
        key = await self._next()
        self._at_work[key] = asyncio.get_running_loop().time()
        looking = asyncio.ensure_future(look(key))
        try:
            # Whatever a look raises is the matter of its key alone: the others must still be looked at.
            await asyncio.wait([looking])
        finally:
            looking.cancel()
            del self._at_work[key]
        self._looked(key, looking)

    def _looked(self, key: T, looking: "asyncio.Future[bool]") -> None:
        error = looking.exception()
        if error:
            logger.error("cannot look at %s", key, exc_info=error)
        if error is None and looking.result():
            self._failures.pop(key, None)
        else:
            self._later(key)
        if key in self._again:
            self._again.discard(key)
            self.add(key)

    async def _next(self) -> T:
        while not self._ready:
            self._added.clear()
            await self._added.wait()
        key = self._ready.popleft()
        self._waiting.discard(key)
        return key

    def _later(self, key: T) -> None:
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        self.add_after(key, min(FIRST_DELAY_SECONDS * 2.0**failures, LONGEST_DELAY_SECONDS))
