"""Bodies that could stand in place of another function's, for the wrong answers of `code_contrasts`.

Looking through a file's functions for each of them takes hours where a generated file has 20,000: here they are put in
order once, and what a function may not have is left out by its place in that order.
"""

import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from dataclasses import dataclass, field

from repoloom_stages.facts import Item
from repoloom_stages.sampling.code_file import CodeFile
from repoloom_stages.sampling.neighbourhood import parameters_of

_NOTHING = re.compile(r"[\s{}.;]*(?:pass)?[\s{};]*")
"""The body of a function that does nothing."""


@dataclass
class _Level:
    """Functions that stand as deep, in the order of the file."""

    functions: list[Item] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    alike: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    """Places in this order, by parameters."""

    def add(self, function: Item) -> None:
        """Take in the next function."""
        self.alike[parameters_of(function["signature"])].append(len(self.functions))
        self.functions.append(function)
        self.starts.append(function["start"])


class OtherBodies:
    """The functions of one file whose bodies do something."""

    def __init__(self, file: CodeFile) -> None:
        self._file = file
        self._items = file.facts["items"]
        self._levels: defaultdict[str, _Level] = defaultdict(_Level)
        """By indentation."""
        self._around: dict[int, int] = {}
        """Of a function that stands in another, where this is among the items."""
        within: list[int] = []
        for position, item in enumerate(self._items):
            if item["kind"] != "function" or item["body"] >= item["end"]:
                continue
            while within and self._items[within[-1]]["end"] <= item["start"]:
                within.pop()
            if within:
                self._around[position] = within[-1]
            within.append(position)
            if not _NOTHING.fullmatch(file.code(item["body"], item["end"])):
                self._levels[self._indentation(item)].add(item)

    def choose(self, position: int, number: int) -> Item | None:
        """For a function with a body, by its place among the items: another that stands as deep, takes other arguments,
        and neither holds it nor stands in it. Of all these a number chooses one; None where there is none.
        """
        function = self._items[position]
        level = self._levels[self._indentation(function)]
        alike = level.alike.get(parameters_of(function["signature"]), [])
        apart = sorted(one for one in self._overlapping(level, position) if not _has(alike, one))
        left = len(level.functions) - len(alike) - len(apart)
        if left == 0:
            return None
        place = bisect_left(
            range(len(level.functions)),
            number % left + 1,
            key=lambda at: at + 1 - bisect_right(alike, at) - bisect_right(apart, at),
        )
        return level.functions[place]

    def _overlapping(self, level: _Level, position: int) -> set[int]:
        """Places of a function, of what stands in it and of what it stands in."""
        function = self._items[position]
        first, last = (bisect_left(level.starts, function[edge]) for edge in ("start", "end"))
        places = set(range(first, last))
        around = self._around.get(position)
        while around is not None:
            start = self._items[around]["start"]
            places.update(range(bisect_left(level.starts, start), bisect_right(level.starts, start)))
            around = self._around.get(around)
        return places

    def _indentation(self, item: Item) -> str:
        code = self._file.code(item["start"], item["body"])
        return code[: len(code) - len(code.lstrip())]


def _has(ordered: list[int], number: int) -> bool:
    place = bisect_left(ordered, number)
    return place < len(ordered) and ordered[place] == number
