"""How much of the sources samples show, and how often: bytes of training files, by output, recipe and source.

Samples say which lines they show; what those are in bytes, the sources' files say, which are read once, one at a time.
Memory follows the files, and the pieces of them that samples show at eight bytes each.
"""

import re
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from repoloom_stages.record_files import FILES, read_records
from repoloom_stages.records import TRAIN, SampleSummary, SourceFile

ALL = ""
"""In place of a recipe: all of an output together."""

Slot = tuple[str, str]
"""Output and recipe."""

File = tuple[str, str]
"""Repository and path."""

Pieces: TypeAlias = "array[int]"
"""Of each piece, the lines before it and the lines up to its end."""


@dataclass
class Coverage:
    """What an output, or a recipe in it, shows of a source's training files, in bytes of whole lines."""

    output: str
    recipe: str
    """Empty for all recipes of the output together."""
    source: str
    eligible: int = 0
    """Of the source's training files."""
    distinct: int = 0
    """Of those, what at least one sample shows."""
    shown: int = 0
    """What samples show, counted as often as it is shown."""

    @property
    def duplication(self) -> float:
        """How often what is shown at all is shown, on average."""
        return self.shown / self.distinct if self.distinct else 1.0

    def document(self) -> dict[str, Any]:
        """As `stats.json` has it."""
        return {
            "output": self.output,
            "recipe": self.recipe or None,
            "source": self.source,
            "eligibleBytes": self.eligible,
            "distinctBytes": self.distinct,
            "shownBytes": self.shown,
            "coverage": round(self.distinct / self.eligible, 4) if self.eligible else 0.0,
            "duplication": round(self.duplication, 4),
        }


class Shown:
    """Which lines of training files samples show."""

    def __init__(self) -> None:
        self._pieces: dict[File, dict[Slot, Pieces]] = {}
        self._slots: dict[Slot, None] = {}

    def of(self, output: str, summaries: Iterable[SampleSummary]) -> Iterator[SampleSummary]:
        """The summaries of an output; what they show is noted in passing."""
        for summary in summaries:
            slot = output, summary["recipe"]
            self._slots[slot] = None
            if summary["split"] == TRAIN:
                for path, start, end in summary["shown"]:
                    pieces = self._pieces.setdefault((summary["repo"], path), {})
                    pieces.setdefault(slot, array("I")).extend((start - 1, end))
            yield summary

    def measure(self, source: str, files: Iterable[SourceFile], sides: Mapping[File, str]) -> list[Coverage]:
        """What each output and recipe shows of a source; `sides` are those of files that no time decides."""
        found = {slot: Coverage(*slot, source) for slot in self._measured()}
        eligible = 0
        for file in files:
            key = file["repo"], file["path"]
            if (file["split"] or sides.get(key)) == TRAIN:
                eligible += file["bytes"]
                self._add(found, self._pieces.get(key, {}), file["text"].encode())
        for one in found.values():
            one.eligible = eligible
        return list(found.values())

    def _measured(self) -> Iterator[Slot]:
        """Every output as a whole, where it has several recipes, and every recipe in it."""
        recipes = Counter(output for output, _ in self._slots)
        for output, number in sorted(recipes.items()):
            yield from ((output, recipe) for name, recipe in sorted(self._slots) if name == output)
            if number > 1:
                yield output, ALL

    def _add(self, found: Mapping[Slot, Coverage], by_slot: Mapping[Slot, Pieces], text: bytes) -> None:
        starts = _line_starts(text) if by_slot else []
        wholes: dict[Slot, Pieces] = {}
        for slot, pieces in by_slot.items():
            found[slot].shown += shown_bytes(pieces, starts)
            found[slot].distinct += distinct_bytes(pieces, starts)
            wholes.setdefault((slot[0], ALL), array("I")).extend(pieces)
        for slot, pieces in wholes.items():
            if slot in found:
                found[slot].shown += shown_bytes(pieces, starts)
                found[slot].distinct += distinct_bytes(pieces, starts)


def _line_starts(text: bytes) -> list[int]:
    """Where lines start in bytes, and after them where the text ends."""
    starts = [0, *(one.end() for one in re.finditer(rb"\n", text))]
    return starts if starts[-1] == len(text) else [*starts, len(text)]


def _offset(starts: list[int], line: int) -> int:
    return starts[min(line, len(starts) - 1)]


def shown_bytes(pieces: Pieces, starts: list[int]) -> int:
    """Bytes of all pieces together."""
    return sum(_offset(starts, end) - _offset(starts, start) for start, end in _pairs(pieces))


def distinct_bytes(pieces: Pieces, starts: list[int]) -> int:
    """The same, each byte counted once."""
    total = reached = 0
    for start, end in sorted(_pairs(pieces)):
        low, high = _offset(starts, max(start, reached)), _offset(starts, max(end, reached))
        total += high - low
        reached = max(reached, end)
    return total


def _pairs(pieces: Pieces) -> Iterator[tuple[int, int]]:
    return zip(pieces[::2], pieces[1::2], strict=True)


def files_of(shards: Path) -> Iterator[SourceFile]:
    """Every file of a source, from the folder with its shards."""
    for path in sorted(shards.rglob(FILES)):
        yield from read_records(path)
