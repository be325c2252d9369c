"""When the operator calls itself dead, and when unready."""

import asyncio
import time
from typing import Any

from repoloom_operator import health
from repoloom_operator.cluster import Key
from repoloom_operator.health import Health
from repoloom_operator.resync import Resync
from repoloom_operator.watches import Watches
from repoloom_operator.work_queue import WorkQueue
from support import clock


def parts(clock: Any = time.monotonic) -> tuple[WorkQueue[Key], Watches, Resync, Health]:
    queue: WorkQueue[Key] = WorkQueue()
    watches = Watches(clock)
    unasked: Any = None  # no list is made here
    resync = Resync(unasked, (), watches, queue.add)
    return queue, watches, resync, Health(queue, watches, resync)


def test_a_watch_that_missed_a_change_for_long_is_dead() -> None:
    now = [0.0]

    async def run() -> None:
        _, watches, _, found = parts(lambda: now[0])
        watches.listed("FineTune", {"u1": 5})
        now[0] = health.LONGEST_LAG_SECONDS - 1
        assert found.dead() == ""
        now[0] = health.LONGEST_LAG_SECONDS + 1
        assert "a watch has missed a change" in found.dead()
        watches.saw("FineTune", "u1", "5")
        watches.listed("FineTune", {"u1": 5})
        assert found.dead() == ""

    asyncio.run(run())


def test_a_queue_that_is_stuck_is_dead() -> None:
    async def run() -> None:
        queue, _, _, found = parts()
        queue.add(Key("FineTune", "default", "example"))
        worker = asyncio.create_task(queue.work(lambda _: asyncio.sleep(1e9, result=True)))
        await asyncio.sleep(health.LONGEST_LOOK_SECONDS - 1)
        assert found.dead() == ""
        await asyncio.sleep(2)
        assert "a look has taken" in found.dead()
        worker.cancel()

    clock.run(run())


def test_the_operator_is_ready_once_it_has_listed_everything_and_while_it_does() -> None:
    _, _, resync, found = parts()
    assert found.unready() == "nothing was listed yet"
    resync.last = time.monotonic()
    assert found.unready() == ""
    resync.last -= health.LONGEST_SILENCE_SECONDS + 1
    assert "nothing was listed for" in found.unready()
