"""Ids of items: where each is in its workspace, as a reader of the language would write it, and distinct."""

import hashlib
from array import array
from collections.abc import Sequence
from heapq import merge

import numpy as np

from repoloom_stages.linking.number_lists import Numbers

SORTED_AT_ONCE = 200_000
"""Ids that are unpacked together to sort them."""

_BY_MODULE = {"rust": "::", "python": ".", "go": ".", "java": "."}
"""Languages whose modules have paths, with what stands between them and a name; elsewhere files tell items apart."""


def item_id(language: str, module: str, path: str, name: str) -> str:
    """`router::core::payments::Processor::process`; `src/net.c::connect` where modules have no paths."""
    separator = _BY_MODULE.get(language)
    return f"{module}{separator}{name}" if separator and module else f"{path}::{name}"


class ItemIds:
    """Ids by item number, packed; equal ones of the training side are told apart by `#2`, `#3`, … in their order."""

    def __init__(self) -> None:
        self._text = bytearray()
        self._ends = array("Q", [0])
        self._hashes = array("Q")
        self._training = array("Q")
        self._copies: dict[int, int] = {}

    def add(self, ids: Sequence[str], *, training: bool) -> None:
        """Add a file's items. A held-out file's are told apart among themselves: they stand for what they replace."""
        seen: dict[str, int] = {}
        for one in ids:
            number = len(self._ends) - 1
            data = one.encode()
            self._text += data
            self._ends.append(len(self._text))
            if training:
                self._training.append(number)
                self._hashes.append(int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big"))
            else:
                seen[one] = seen.get(one, 0) + 1
                if seen[one] > 1:
                    self._copies[number] = seen[one]

    def settle(self) -> None:
        """Number the copies; all items have been added."""
        hashes = np.frombuffer(self._hashes, dtype=np.uint64)
        order = np.argsort(hashes, kind="stable")
        same = np.flatnonzero(hashes[order][1:] == hashes[order][:-1]) + 1
        copy = 0
        before = -1
        for position in same.tolist():
            copy = copy + 1 if position == before + 1 else 2
            before = position
            self._copies[self._training[int(order[position])]] = copy

    def training_by_id(self) -> Numbers:
        """The training side's items in the order of their ids: their places among the training side's."""
        count = len(self._training)
        starts = range(0, count, SORTED_AT_ONCE)
        runs = (sorted(range(one, min(one + SORTED_AT_ONCE, count)), key=self._training_id) for one in starts)
        return np.fromiter(merge(*(array("I", run) for run in runs), key=self._training_id), np.uint32, count)

    def training(self) -> Numbers:
        """Numbers of the training side's items."""
        return np.frombuffer(self._training, np.uint64).astype(np.uint32)

    def _training_id(self, place: int) -> str:
        return self[self._training[place]]

    def __getitem__(self, number: int) -> str:
        """The id of an item."""
        text = self._text[self._ends[number] : self._ends[number + 1]].decode()
        return f"{text}#{self._copies[number]}" if number in self._copies else text
