"""Starts operators in no time: a process that has imported all of it forks one for each line it reads.

Every operator is a process of its own all the same, and dies alone. Tests that start hundreds need this; a start by
command takes seconds, most of them for imports.

A line is JSON: `{"arguments": […], "environment": {…}, "log": "…"}`. The answer is the new process's id.
"""

import json
import os
import signal
import sys

import kopf  # noqa: F401  imported for those that are forked
from argo_workflows import models  # noqa: F401
from boto3.session import Session  # noqa: F401

from repoloom_operator.__main__ import main
from repoloom_operator.render import workflow  # noqa: F401


def operator(arguments: list[str], environment: dict[str, str], log: str) -> None:
    """What a forked process does."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    written = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(written, 1)
    os.dup2(written, 2)
    os.environ |= environment
    main(arguments)


signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
for line in sys.stdin:
    asked = json.loads(line)
    child = os.fork()
    if child == 0:
        sys.stdin.close()
        operator(**asked)
        os._exit(0)
    print(child, flush=True)
