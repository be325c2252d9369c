"""Work on text that may be made to do harm, in a child process with bounds of memory and time.

A step of a parser written in C can take a gigabyte for ten kilobytes of text, or hours, and nothing in its own process
can stop it. In a child it ends the child alone: the caller is told that the work went beyond its bounds, and the next
work has a new child. What the work is, and what its bounds are, is the caller's to know.
"""

import faulthandler
import gc
import os
import resource
import signal
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Self

from repoloom_stages.errors import TryAgain

_BEYOND = 3
"""Exit code of a child in which Python found no more memory. Code in C that finds none ends by a signal."""

_ENDS = frozenset({_BEYOND, -signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS, -signal.SIGPROF})
"""How a child ends that went beyond its bounds, as `Process.exitcode` has it."""

_STACK_BYTES = 8 * 1024 * 1024
"""A parser that calls itself for each level ends at the same level, whatever the stack that the machine allows."""

_STATM = Path("/proc/self/statm")


@dataclass(frozen=True)
class Bounds:
    """What one piece of work may take."""

    memory_bytes: int
    """That the child may map beyond what it started with."""
    cpu_seconds: float
    """Of the processor, whatever else the machine does. What takes so long depends on the machine: set it where no
    honest work comes near, and let memory be what ends the rest."""


Work = Callable[[str, bytes], bytes]
"""From a name and a text to a result: a function of a module, whose errors are errors of ours."""


class Confined:
    """Does the work in a child process, which is started for the first piece and takes all that follow."""

    def __init__(self, work: Work, bounds_of: Callable[[int], Bounds]) -> None:
        """`bounds_of`: from the text's size in bytes to the bounds of the work on it."""
        self._work = work
        self._bounds_of = bounds_of
        self._child: _Child | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._child:
            self._child.kill()

    def run(self, name: str, text: bytes) -> bytes | None:
        """The result, or None if the work goes beyond its bounds. Raises TryAgain if the child is killed from outside.

        Memory counts from a child's start: what fails for want of it in one that has worked before is done once more
        in a new one, so that the answer never depends on the work before.
        """
        first, child = self._child is None, self._child or _Child(self._work, self._bounds_of)
        self._child = child
        result = child.ask(name, text)
        if result is not None:
            return result
        self._child = None
        ended = child.end()
        if ended not in _ENDS:
            raise _failure(ended)
        return None if first or ended == -signal.SIGPROF else self.run(name, text)


def _failure(ended: int) -> Exception:
    if ended < 0:
        name = signal.Signals(-ended).name
        return TryAgain(f"a child process was ended by {name} from outside: is there enough memory? run it again")
    return ChildProcessError(f"a child process failed with exit code {ended}: its error stands above")


class _Child:
    """The parent's end of a child process."""

    def __init__(self, work: Work, bounds_of: Callable[[int], Bounds]) -> None:
        # A fork has the modules and grammars that its parent has, in milliseconds.
        context = get_context("fork")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(self._connection, theirs, work, bounds_of), daemon=True, name="confined"
        )
        self._process.start()
        theirs.close()

    def ask(self, name: str, text: bytes) -> bytes | None:
        """The work's result; None if the child ends over it."""
        try:
            self._connection.send_bytes(name.encode() + b"\0" + text)
            return self._connection.recv_bytes()
        except (EOFError, ConnectionError):
            return None

    def end(self) -> int:
        """The exit code of a child that ends; a signal's number is negative."""
        self._connection.close()
        self._process.join()
        ended = self._process.exitcode
        assert ended is not None  # it has been joined
        return ended

    def kill(self) -> None:
        """End it at once, whatever it does."""
        self._process.kill()
        self.end()


def _serve(theirs: Connection, own: Connection, work: Work, bounds_of: Callable[[int], Bounds]) -> None:
    theirs.close()
    _leave_the_parents_ways()
    start = _mapped_bytes()
    try:
        while True:
            name, _, text = own.recv_bytes().partition(b"\0")
            bounds = bounds_of(len(text))
            _set_soft_limit(resource.RLIMIT_AS, start + bounds.memory_bytes)
            signal.setitimer(signal.ITIMER_PROF, bounds.cpu_seconds)
            result = work(name.decode(), text)
            signal.setitimer(signal.ITIMER_PROF, 0)
            own.send_bytes(result)
    except (EOFError, ConnectionError):  # the parent is done
        return
    except MemoryError:
        os._exit(_BEYOND)


def _leave_the_parents_ways() -> None:
    """Signals end the child, without a word and without a core on the disk; only the parent hears the keyboard."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    faulthandler.disable()
    _set_soft_limit(resource.RLIMIT_CORE, 0)
    _set_soft_limit(resource.RLIMIT_STACK, _STACK_BYTES)
    gc.freeze()  # what the parent has is not looked through, and stays shared


def _set_soft_limit(kind: int, wanted: int) -> None:
    _, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


def _mapped_bytes() -> int:
    """Of this process's address space."""
    return int(_STATM.read_text().split()[0]) * resource.getpagesize()
