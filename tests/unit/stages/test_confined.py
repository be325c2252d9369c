"""Work in a child process: what it answers, what ends it, and that nothing of one piece of work reaches the next."""

import os
import resource
import signal
import time
from collections.abc import Callable, Iterator

import pytest

from repoloom_stages.errors import TryAgain
from repoloom_stages.runtime.confined import Bounds, Confined

MEGABYTE = 1_000_000
ROOM = 100 * MEGABYTE

ENOUGH_SECONDS = 10.0
"""For all honest work here, on any machine."""

kept: list[bytes] = []
"""What work has left in the memory of its process."""


def work(name: str, text: bytes) -> bytes:
    """What the name says, with the text as its measure."""
    return str(WORKS[name](int(text))).encode()


def take_time(_: int) -> int:
    while True:
        pass


def compute(milliseconds: int) -> int:
    until = time.process_time() + milliseconds / 1000
    while time.process_time() < until:
        pass
    return os.getpid()


def fail(_: int) -> int:
    raise LookupError("a fault of ours")


WORKS: dict[str, Callable[[int], object]] = {
    "echo": lambda size: size,
    "process": lambda _: os.getpid(),
    "take memory": lambda size: len(bytearray(size)),
    "take memory in small pieces": lambda size: len([bytearray(1000) for _ in range(size // 1000)]),
    "keep memory": lambda size: kept.append(bytes(size)),
    "take time": take_time,
    "compute": compute,
    "end by a signal": lambda number: os.kill(os.getpid(), number),
    "fail": fail,
    "limit of cores": lambda _: resource.getrlimit(resource.RLIMIT_CORE)[0],
}


@pytest.fixture
def confined() -> Iterator[Confined]:
    with Confined(work, lambda size: Bounds(ROOM, ENOUGH_SECONDS)) as confined:
        yield confined


@pytest.fixture
def short() -> Iterator[Confined]:
    with Confined(work, lambda size: Bounds(ROOM, cpu_seconds=0.5)) as confined:
        yield confined


def test_one_child_does_all_the_work(confined: Confined) -> None:
    assert confined.run("echo", b"12") == b"12"
    children = {confined.run("process", b"0") for _ in range(3)}
    assert len(children) == 1
    assert children != {str(os.getpid()).encode()}


@pytest.mark.parametrize(
    ("name", "measure"),
    [
        ("take memory", 2 * ROOM),
        ("take memory in small pieces", 10 * ROOM),  # what the parent has freed is there for the child too
        ("end by a signal", signal.SIGSEGV),
        ("end by a signal", signal.SIGABRT),
    ],
)
def test_work_beyond_its_bounds_has_no_answer_and_the_next_has(confined: Confined, name: str, measure: int) -> None:
    assert confined.run("echo", b"1") == b"1"
    assert confined.run(name, str(int(measure)).encode()) is None
    assert confined.run("echo", b"2") == b"2"


def test_work_that_does_not_end_has_no_answer_and_the_next_has(short: Confined) -> None:
    assert short.run("echo", b"1") == b"1"
    assert short.run("take time", b"0") is None
    assert short.run("echo", b"2") == b"2"


def test_memory_bounds_follow_the_text() -> None:
    with Confined(work, lambda size: Bounds(size * 10 * MEGABYTE, ENOUGH_SECONDS)) as confined:
        assert confined.run("take memory", b"0050000000") == b"50000000"
        assert confined.run("take memory", b"150000000") is None
        assert confined.run("take memory", b"0" * 12 + b"150000000") == b"150000000"


def test_what_earlier_work_keeps_takes_no_room_from_the_next(confined: Confined) -> None:
    first = confined.run("process", b"0")
    assert confined.run("keep memory", str(ROOM // 2).encode()) == b"None"
    assert confined.run("take memory", str(ROOM * 3 // 4).encode()) == str(ROOM * 3 // 4).encode()
    assert confined.run("process", b"0") != first


def test_an_error_in_the_work_is_no_bound(confined: Confined, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ChildProcessError, match="exit code 1"):
        confined.run("fail", b"0")
    assert "a fault of ours" in capfd.readouterr().err


def test_a_child_killed_from_outside_is_to_be_tried_again(confined: Confined) -> None:
    with pytest.raises(TryAgain, match="SIGKILL"):
        confined.run("end by a signal", str(int(signal.SIGKILL)).encode())


def test_a_child_leaves_no_core_and_ends_with_its_parents_work() -> None:
    with Confined(work, lambda size: Bounds(ROOM, ENOUGH_SECONDS)) as confined:
        assert confined.run("limit of cores", b"0") == b"0"
        child = int(confined.run("process", b"0") or 0)
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def test_time_counts_for_each_piece_of_work(short: Confined) -> None:
    child = short.run("compute", b"200")
    assert child
    assert [short.run("compute", b"200") for _ in range(3)] == [child] * 3
    assert short.run("compute", b"1000") is None


def test_time_between_two_pieces_of_work_does_not_count(short: Confined) -> None:
    first = short.run("process", b"0")
    time.sleep(0.6)
    assert short.run("process", b"0") == first
