"""Waiting until something is so, for what happens elsewhere and in its own time."""

import time
from collections.abc import Callable
from typing import TypeVar

PAUSE_SECONDS = 0.2

T = TypeVar("T")


def until(probe: Callable[[], T | None], seconds: float, late: Callable[[], str], pause: float = PAUSE_SECONDS) -> T:
    """The first answer that is not empty; `late` says what an assertion tells when there is none in time."""
    deadline = time.monotonic() + seconds
    while not (answer := probe()):
        assert time.monotonic() < deadline, f"after {seconds:.0f} s: {late()}"
        time.sleep(pause)
    return answer
