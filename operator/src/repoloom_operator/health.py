"""Liveness and readiness, over HTTP."""

import time
from typing import Final

from aiohttp import web

from repoloom_operator import metrics
from repoloom_operator.cluster import KINDS, Key
from repoloom_operator.resync import RESYNC_SECONDS, Resync
from repoloom_operator.watches import Watches
from repoloom_operator.work_queue import WorkQueue

LONGEST_LAG_SECONDS: Final = 2.5 * RESYNC_SECONDS
"""A watch that is later than that is dead: a resync finds what it missed, and the next one that it still misses it."""
LONGEST_LOOK_SECONDS: Final = 300.0
"""Every request has a time limit, so no look takes this long unless the queue is stuck."""
LONGEST_SILENCE_SECONDS: Final = 3 * RESYNC_SECONDS
"""Without a resync that long the operator may not know what there is."""


class Health:
    """What the probes ask."""

    def __init__(self, queue: WorkQueue[Key], watches: Watches, resync: Resync) -> None:
        self._queue = queue
        self._watches = watches
        self._resync = resync

    def dead(self) -> str:
        """Why the operator has to be restarted; empty if it need not be."""
        if self._watches.longest_lag_seconds > LONGEST_LAG_SECONDS:
            return f"a watch has missed a change for {self._watches.longest_lag_seconds:.0f} seconds"
        if self._queue.longest_at_work() > LONGEST_LOOK_SECONDS:
            return f"a look has taken {self._queue.longest_at_work():.0f} seconds"
        return ""

    def unready(self) -> str:
        """Why the operator may not know what there is; empty if it does."""
        last = self._resync.last
        if last is None:
            return "nothing was listed yet"
        silent = time.monotonic() - last
        return f"nothing was listed for {silent:.0f} seconds" if silent > LONGEST_SILENCE_SECONDS else ""

    def measure(self) -> None:
        """Bring the gauges up to date."""
        metrics.QUEUED.set(len(self._queue))
        metrics.DELAYED.set(self._queue.delayed)
        for kind in (*KINDS, "Workflow"):
            metrics.WATCH_LAG.labels(kind).set(self._watches.lag_seconds(kind))


async def serve(health: Health, port: int) -> web.AppRunner:
    """Answer /healthz and /readyz until the runner is cleaned up."""

    async def live(_: web.Request) -> web.Response:
        health.measure()
        return _answer(health.dead())

    async def ready(_: web.Request) -> web.Response:
        return _answer(health.dead() or health.unready())

    app = web.Application()
    app.add_routes([web.get("/healthz", live), web.get("/readyz", ready)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, port=port).start()
    return runner


def _answer(fault: str) -> web.Response:
    return web.Response(text=f"{fault or 'ok'}\n", status=503 if fault else 200)
