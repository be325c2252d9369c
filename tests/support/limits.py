"""Limits of time that hold on a loaded machine: of the processor, not of the clock."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import pytest


@contextmanager
def cpu_seconds(most: float) -> Iterator[None]:
    """Fails what computes for longer, as soon as Python has the word again."""

    def fail(_: int, frame: FrameType | None) -> None:
        pytest.fail(f"it computes for more than {most} s")

    before = signal.signal(signal.SIGVTALRM, fail)  # stages' own children are ended by SIGPROF
    signal.setitimer(signal.ITIMER_VIRTUAL, most)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
