"""Digests and ids of a whole dataset's samples, packed: in Python's own sets and dictionaries each takes ten times as
much, and a gigabyte of source makes millions of samples.
"""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

ID_BYTES = 12
"""Of a sample's id, which has 24 hex digits."""

CODE_BYTES = 16
"""So much of a SHA-256 tells codes apart: of a billion, two are alike once in 10 to the 20th times."""

Packed = npt.NDArray[np.bytes_]
"""Digests of equal length. NumPy leaves out zeros at their ends, which harms neither order nor equality."""


class Digests:
    """Digests in the order in which they were added, the first bytes of each."""

    def __init__(self, length: int, hexadecimal: Iterable[str] = ()) -> None:
        self._length = length
        self._data = bytearray()
        for one in hexadecimal:
            self.add(one)

    def add(self, hexadecimal: str) -> None:
        """Add one, as hex digits."""
        self._data += bytes.fromhex(hexadecimal)[: self._length]

    def packed(self) -> Packed:
        """All of them."""
        return np.frombuffer(self._data, dtype=f"S{self._length}")


class SortedDigests:
    """Digests to look others up in, each once, by its place in their order."""

    def __init__(self, digests: Packed) -> None:
        self.digests = np.unique(digests)

    def __len__(self) -> int:
        return len(self.digests)

    def place(self, hexadecimal: str) -> int | None:
        """Where a digest stands, if it is one of them."""
        wanted = bytes.fromhex(hexadecimal)[: self.digests.itemsize].rstrip(b"\0")
        place = int(self.digests.searchsorted(wanted)) if len(self) else 0
        return place if place < len(self) and self.digests[place] == wanted else None

    def __contains__(self, hexadecimal: object) -> bool:
        return isinstance(hexadecimal, str) and self.place(hexadecimal) is not None

    def holds(self, digests: Packed) -> npt.NDArray[np.bool_]:
        """Of each digest, whether it is one of them."""
        if not len(self):
            return np.zeros(len(digests), dtype=bool)
        places = np.minimum(self.digests.searchsorted(digests), len(self) - 1)
        return np.asarray(self.digests[places] == digests)


def hexadecimal(digest: bytes, length: int) -> str:
    """The hex digits of a packed digest of so many bytes."""
    return digest.ljust(length, b"\0").hex()
