"""Lists of numbers by number, packed: of a whole snapshot, Python's own lists and sets take ten times as much."""

from array import array
from collections.abc import Iterable, Sequence
from typing import Self

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.uint32]


class NumberLists:
    """Lists, added in the order of their numbers from 0 on. What they hold is below 2 to the 32nd."""

    def __init__(self) -> None:
        self._starts = array("Q", [0])
        self._values = array("I")

    @classmethod
    def grouped(cls, keys: Numbers, values: Numbers, count: int) -> Self:
        """One list for each key below `count`: its values, in their order."""
        found = cls()
        found._values.frombytes(values[np.argsort(keys, kind="stable")].tobytes())
        ends = np.cumsum(np.bincount(keys, minlength=count), dtype=np.uint64)
        found._starts.frombytes(ends.tobytes())
        return found

    def add(self, values: Iterable[int]) -> None:
        """Add the next list."""
        self._values.extend(values)
        self._starts.append(len(self._values))

    def __len__(self) -> int:
        return len(self._starts) - 1

    def __getitem__(self, number: int) -> Sequence[int]:
        """The list of a number."""
        return self._values[self._starts[number] : self._starts[number + 1]]

    def size(self, number: int) -> int:
        """How long the list of a number is."""
        return self._starts[number + 1] - self._starts[number]

    def pairs(self) -> tuple[Numbers, Numbers]:
        """The number of its list beside each value, in order."""
        starts = np.frombuffer(self._starts, dtype=np.uint64).astype(np.int64)
        return np.repeat(np.arange(len(self), dtype=np.uint32), np.diff(starts)), np.frombuffer(self._values, np.uint32)
