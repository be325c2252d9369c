"""The queue of keys: what is looked at, how often, and when."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable

import pytest

from repoloom_operator import work_queue
from repoloom_operator.watches import Watches
from repoloom_operator.work_queue import WorkQueue
from support import clock


def working(
    queue: WorkQueue[str], look: Callable[[str], Awaitable[bool]], *, workers: int = 2, seconds: float = 0.3
) -> None:
    """Let workers look for a while."""

    async def run() -> None:
        tasks = [asyncio.create_task(queue.work(look)) for _ in range(workers)]
        await asyncio.sleep(seconds)
        for task in tasks:
            task.cancel()

    clock.run(run())


def test_a_key_that_is_added_twice_is_looked_at_once() -> None:
    seen: list[str] = []

    async def look(key: str) -> bool:
        seen.append(key)
        return True

    queue: WorkQueue[str] = WorkQueue()
    for key in ("a", "b", "a", "a"):
        queue.add(key)
    assert len(queue) == 2
    working(queue, look, seconds=0.05)
    assert seen == ["a", "b"]


def test_no_key_is_looked_at_twice_at_once() -> None:
    queue: WorkQueue[str] = WorkQueue()
    at_work: set[str] = set()
    seen: list[str] = []

    async def look(key: str) -> bool:
        assert key not in at_work
        at_work.add(key)
        if len(seen) < 3:
            queue.add(key)  # something changed meanwhile
            queue.add(key)
        await asyncio.sleep(0.02)
        at_work.discard(key)
        seen.append(key)
        return True

    queue.add("a")
    working(queue, look, workers=4)
    assert seen == ["a"] * 4  # the first, and one for each time that something changed


def test_different_keys_are_looked_at_side_by_side() -> None:
    queue: WorkQueue[str] = WorkQueue()
    most: list[int] = []
    at_work: set[str] = set()

    async def look(key: str) -> bool:
        at_work.add(key)
        most.append(len(at_work))
        await asyncio.sleep(0.02)
        at_work.discard(key)
        return True

    for key in "abcd":
        queue.add(key)
    working(queue, look, workers=4)
    assert max(most) == 4


def test_a_failure_is_tried_again_later_and_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work_queue, "LONGEST_DELAY_SECONDS", 1.5)
    times: list[float] = []

    async def look(_: str) -> bool:
        times.append(asyncio.get_running_loop().time())
        return len(times) > 3

    queue: WorkQueue[str] = WorkQueue()
    queue.add("a")
    working(queue, look, seconds=60)
    delays = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert delays == pytest.approx([0.5, 1, 1.5])  # the last would be 2, were it not the longest


def test_a_look_that_raises_is_logged_and_stops_nobody_else(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[str] = []

    async def look(key: str) -> bool:
        if key == "bad":
            raise ZeroDivisionError
        seen.append(key)
        return True

    queue: WorkQueue[str] = WorkQueue()
    queue.add("bad")
    queue.add("good")
    working(queue, look, workers=1, seconds=0.1)
    assert seen == ["good"]
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_the_nearest_of_several_times_counts() -> None:
    times: list[float] = []

    async def look(_: str) -> bool:
        times.append(asyncio.get_running_loop().time())
        return True

    async def run() -> None:
        queue: WorkQueue[str] = WorkQueue()
        began = asyncio.get_running_loop().time()
        for seconds in (5.0, 0.05, 3.0):
            queue.add_after("a", seconds)
        await asyncio.wait_for(queue.work_once(look), 1)
        assert times[0] - began == pytest.approx(0.05)
        assert queue.delayed == 0

    clock.run(run())


def test_a_key_that_is_no_more_is_forgotten() -> None:
    async def run() -> None:
        queue: WorkQueue[str] = WorkQueue()
        queue.add_after("a", 0.02)
        queue.forget("a")
        await asyncio.sleep(0.05)
        assert (len(queue), queue.delayed) == (0, 0)

    clock.run(run())


def test_a_look_that_never_ends_is_noticed() -> None:
    async def run() -> None:
        queue: WorkQueue[str] = WorkQueue()
        queue.add("a")
        worker = asyncio.create_task(queue.work(lambda _: asyncio.sleep(60, result=True)))
        await asyncio.sleep(0.05)
        assert queue.longest_at_work() == pytest.approx(0.05)
        worker.cancel()

    clock.run(run())


def test_a_watch_that_shows_what_lists_show_is_alive() -> None:
    now = [0.0]
    watches = Watches(lambda: now[0])
    watches.saw("DatasetBuild", "u1", "12")
    watches.listed("DatasetBuild", {"u1": 10})
    now[0] = 500
    assert watches.longest_lag_seconds == 0


def test_a_watch_that_missed_a_change_lags_until_it_shows_it() -> None:
    now = [0.0]
    watches = Watches(lambda: now[0])
    watches.saw("DatasetBuild", "u1", "10")
    watches.listed("DatasetBuild", {"u1": 10, "u2": 11})
    now[0] = 60
    watches.listed("DatasetBuild", {"u1": 10, "u2": 15})
    assert watches.lag_seconds("DatasetBuild") == 60
    assert watches.lag_seconds("FineTune") == 0
    watches.saw("DatasetBuild", "u2", "15")
    watches.listed("DatasetBuild", {"u1": 10, "u2": 15})
    assert watches.longest_lag_seconds == 0


def test_changes_that_are_under_way_during_every_list_are_no_lag() -> None:
    now = [0.0]
    watches = Watches(lambda: now[0])
    for version in range(1, 6):
        watches.listed("Workflow", {"u1": version})
        watches.saw("Workflow", "u1", str(version))
        now[0] += 60
        watches.listed("Workflow", {"u1": version + 1})
        assert watches.longest_lag_seconds == 0
        watches.saw("Workflow", "u1", str(version + 1))


def test_an_object_that_is_gone_is_missed_no_more() -> None:
    now = [0.0]
    watches = Watches(lambda: now[0])
    watches.listed("FineTune", {"u1": 5})
    watches.listed("FineTune", {})
    now[0] = 500
    assert watches.longest_lag_seconds == 0
