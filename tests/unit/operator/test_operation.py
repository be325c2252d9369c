"""How the operator's parts end together. Each case is a process of its own, since that is what has to end."""

import json
import subprocess
import sys
from typing import Any

import pytest

SCRIPT = """
import asyncio, contextlib, json, os, signal, sys, tempfile
import repoloom_operator.operation as operation

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

async def main(parts):
    await operation.together([asyncio.create_task(globals()[part]()) for part in parts])

ends = {}
for name, parts in json.loads(sys.argv[1]).items():
    with tempfile.TemporaryFile() as said:
        child = os.fork()
        if not child:
            signal.alarm(50)
            os.dup2(said.fileno(), sys.stderr.fileno())
            if "stubborn" in parts:
                operation.LAST_SECONDS = 0.5
            sys.exit(asyncio.run(main(parts)))
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        said.seek(0)
        ends[name] = [code, said.read().decode()]
print(json.dumps(ends))
"""

CASES: dict[str, tuple[list[str], int, str]] = {
    "one dies": (["good", "dead"], 1, "RuntimeError: a watch is dead"),
    "one is stopped by a signal": (["good", "stopped"], 0, ""),
    "one dies and another does not end": (["stubborn", "dead"], 1, "tasks did not end within"),
    "one is stopped and another does not end": (["stubborn", "stopped"], 1, "tasks did not end within"),
}


@pytest.fixture(scope="module")
def ends() -> Any:
    """Exit code and standard error by case: forks of one process, which imports what they need."""
    cases = json.dumps({name: parts for name, (parts, _, _) in CASES.items()})
    return json.loads(subprocess.check_output([sys.executable, "-c", SCRIPT, cases], timeout=250))


@pytest.mark.parametrize("name", CASES)
def test_the_process_ends_when(name: str, ends: Any) -> None:
    _, expected, words = CASES[name]
    code, said = ends[name]
    assert code == expected, said
    assert words in said
