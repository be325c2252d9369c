"""Servers that tests leave running are found again, and nothing else is taken for them."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.cluster.processes import Process


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Process]:
    found = Process(tmp_path, "sleep")
    found.start(["sleep", "60"])
    yield found
    found.stop()


def test_another_finds_a_server_by_its_folder(server: Process) -> None:
    assert Process(server.folder, server.name).running()


def test_a_later_process_of_the_same_number_is_not_the_server(server: Process) -> None:
    file = server.folder / "sleep.pid"
    written = file.read_text()
    pid, began = written.split()
    file.write_text(f"{pid} {int(began) - 1}")
    assert not server.running()
    file.write_text(written)
    assert server.running()


def test_a_killed_server_does_not_run(server: Process) -> None:
    os.kill(int((server.folder / "sleep.pid").read_text().split()[0]), signal.SIGKILL)
    deadline = time.monotonic() + 100
    while server.running():
        assert time.monotonic() < deadline
        time.sleep(0.01)
