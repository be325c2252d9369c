"""Which matches of a pattern are taken: all, examples of its most frequent names, or the most central items.

Names and items are ranked by files that are trained on. Examples are taken of each side apart, and spread over crates:
one of each crate in turn, first those that come first in their file.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import NamedTuple, Protocol

from repoloom_api.v1alpha1.recipes import Limit
from repoloom_stages.records import TRAIN


class Key(NamedTuple):
    """A match, by the number of its file in the scratch file and its own in it."""

    file: int
    number: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """What the choice depends on."""

    key: Key
    path: str
    split: str
    crate: str
    names: tuple[str, ...]
    id: str
    """Of the item, in the links."""
    rank: int
    """The item's place by centrality, from 1; 0 for none."""


class Choice(Protocol):
    """A pattern's limit."""

    def see(self, candidate: Candidate) -> None:
        """Take in a match. Those of a file come in the order of the file."""

    def settle(self) -> None:
        """Choose, once all have been seen."""

    def takes(self, key: Key, item: str) -> bool:
        """Whether a match, of an item with that id, is taken."""


def choice_of(limit: Limit | None) -> Choice:
    """The choice that a pattern's limit asks for."""
    if limit and limit.most_frequent:
        return MostFrequent(limit.most_frequent, limit.examples_each)
    return MostCentral(limit.most_central) if limit and limit.most_central else Everything()


class Everything:
    """All matches."""

    def see(self, candidate: Candidate) -> None:
        """Nothing depends on it."""

    def settle(self) -> None:
        """Nothing to choose."""

    def takes(self, key: Key, item: str) -> bool:  # noqa: ARG002 - as every choice
        """Whatever it is."""
        return True


class MostFrequent:
    """So many examples of each of so many names."""

    def __init__(self, names: int, each: int) -> None:
        self._names = names
        self._each = each
        self._counts: Counter[str] = Counter()
        self._examples: defaultdict[tuple[str, str, str], list[tuple[int, str, Key]]] = defaultdict(list)
        """By name, split and crate: how many of that name came before in its file, path, and key."""
        self._in_file: Counter[str] = Counter()
        self._file = -1
        self._chosen: frozenset[Key] = frozenset()

    def see(self, candidate: Candidate) -> None:
        """Count it, and remember it as long as it is among the best examples of its crate."""
        if candidate.key.file != self._file:
            self._file, self._in_file = candidate.key.file, Counter()
        for name in candidate.names:
            self._counts[name] += candidate.split in ("", TRAIN)
            examples = self._examples[name, candidate.split, candidate.crate]
            examples.append((self._in_file[name], candidate.path, candidate.key))
            if len(examples) > 2 * self._each:
                examples[:] = sorted(examples)[: self._each]
            self._in_file[name] += 1

    def settle(self) -> None:
        """Choose the names, then examples of each."""
        ranked = sorted(self._counts, key=lambda name: (-self._counts[name], name))
        wanted = {name for name in ranked[: self._names] if self._counts[name]}
        crates: defaultdict[tuple[str, str], list[list[Key]]] = defaultdict(list)
        for (name, split, _), examples in sorted(self._examples.items()):
            if name in wanted:
                crates[name, split].append([key for _, _, key in sorted(examples)])
        self._chosen = frozenset(key for some in crates.values() for key in self._spread(some))
        self._examples.clear()

    def _spread(self, crates: list[list[Key]]) -> Iterator[Key]:
        in_turn = (key for key in chain.from_iterable(zip_longest(*crates)) if key)
        return (key for _, key in zip(range(self._each), in_turn, strict=False))

    def takes(self, key: Key, item: str) -> bool:  # noqa: ARG002 - as every choice
        """Whether it is one of the examples."""
        return key in self._chosen


class MostCentral:
    """So many items, those of the best ranks. A held-out version of one is taken too."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._best: list[tuple[int, str]] = []
        self._chosen: frozenset[str] = frozenset()

    def see(self, candidate: Candidate) -> None:
        """Remember it as long as it is among the best."""
        if candidate.rank and candidate.split in ("", TRAIN):
            self._best.append((candidate.rank, candidate.id))
            if len(self._best) > 2 * self._number:
                self._trim()

    def _trim(self) -> None:
        self._best = sorted(set(self._best))[: self._number]

    def settle(self) -> None:
        """Choose the best."""
        self._trim()
        self._chosen = frozenset(item for _, item in self._best)

    def takes(self, key: Key, item: str) -> bool:  # noqa: ARG002 - as every choice
        """Whether its item is one of the best."""
        return item in self._chosen
