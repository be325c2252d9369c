"""A scratch file: what a stage that sees a whole source needs again in another order, kept out of memory."""

import tempfile
from array import array
from types import TracebackType
from typing import Any, Self

import orjson


class Scratch:
    """Values that JSON can hold, by number, in a temporary file that goes when this is closed."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="repoloom-")  # noqa: SIM115 - closed with this
        self._ends = array("Q", [0])

    def put(self, value: Any) -> int:
        """Keep a value; returns its number, from 0 on. All are put before the first is read."""
        data = orjson.dumps(value)
        self._file.write(data)
        self._ends.append(self._ends[-1] + len(data))
        return len(self._ends) - 2

    def get(self, number: int) -> Any:
        """The value of a number."""
        start, end = self._ends[number], self._ends[number + 1]
        self._file.seek(start)
        return orjson.loads(self._file.read(end - start))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
