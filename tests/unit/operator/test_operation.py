"""How the operator's parts end together. Each case is a process of its own, since that is what has to end."""

import subprocess
import sys

import pytest

SCRIPT = """
import asyncio, contextlib, repoloom_operator.operation as operation

operation.LAST_SECONDS = 0.5

async def good():
    await asyncio.sleep(60)

async def stubborn():
    while True:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(60)

async def dead():
    await asyncio.sleep(0.1)
    raise RuntimeError("a watch is dead")

async def stopped():
    await asyncio.sleep(0.1)

async def main(*parts):
    await operation.together([asyncio.create_task(part()) for part in parts])

asyncio.run(main({parts}))
"""


@pytest.mark.parametrize(
    ("parts", "code", "said"),
    [
        pytest.param("good, dead", 1, "RuntimeError: a watch is dead", id="one dies"),
        pytest.param("good, stopped", 0, "", id="one is stopped by a signal"),
        pytest.param("stubborn, dead", 1, "tasks did not end within", id="one dies and another does not end"),
        pytest.param("stubborn, stopped", 1, "tasks did not end within", id="one is stopped and another does not end"),
    ],
)
def test_the_process_ends_when(parts: str, code: int, said: str) -> None:
    command = [sys.executable, "-c", SCRIPT.replace("{parts}", parts)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == code
    assert said in ended.stderr
