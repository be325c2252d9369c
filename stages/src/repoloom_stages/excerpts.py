"""Samples to read: a deterministic handful of each output and split, and as much of their text as fits a report.

Lengths are counted first and samples chosen then, so that memory follows neither the samples' number nor their texts.
"""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from repoloom_stages.dataset_stats import Lengths, quantile
from repoloom_stages.novelty import Span
from repoloom_stages.records import SampleSummary

READ_AT = (0.1, 0.5, 0.9)
"""Quantiles of tokens at which samples are read: a short, a middling and a long one."""

MAX_LINES = 60
MAX_CHARACTERS = 6_000
LINES_BEFORE_NOVEL = 6
"""Where novel lines stand far down, the excerpt starts so many lines before the first."""

_LINE = re.compile(r"[^\n]*\n|[^\n]+")


@dataclass(frozen=True)
class Part:
    """A stretch of text, novel or not."""

    text: str
    novel: bool


@dataclass(frozen=True)
class Excerpt:
    """What a report shows of a sample."""

    output: str
    about: SampleSummary
    parts: list[Part]
    before: int
    """Lines left out before what is shown."""
    after: int
    open: bool = False
    """Whether the page shows it unfolded."""


class Choice:
    """Chooses samples of one output in two looks at all of them."""

    def __init__(self) -> None:
        self._lengths: dict[tuple[str, bool], Lengths] = {}

    def count(self, summaries: Iterable[SampleSummary]) -> Iterator[SampleSummary]:
        """First look, in passing: lengths by split, and by whether there is something novel to show."""
        for summary in summaries:
            self._lengths.setdefault(_kind(summary), Counter())[summary["tokens"]] += 1
            yield summary

    def choose(self, summaries: Iterable[SampleSummary]) -> list[SampleSummary]:
        """Second look: of the samples of each wanted length the one with the smallest id; short ones come first."""
        wanted = set(self._wanted())
        chosen: dict[tuple[str, bool, int], SampleSummary] = {}
        for summary in summaries:
            place = (*_kind(summary), summary["tokens"])
            if place in wanted and (place not in chosen or summary["id"] < chosen[place]["id"]):
                chosen[place] = summary
        return [chosen[place] for place in sorted(chosen)]

    def _wanted(self) -> Iterator[tuple[str, bool, int]]:
        for (split, novel), lengths in self._lengths.items():
            if novel or (split, True) not in self._lengths:
                yield from ((split, novel, quantile(lengths, share)) for share in READ_AT)


def _kind(summary: SampleSummary) -> tuple[str, bool]:
    return summary["split"], bool(summary["novel_lines"])


def read_rows(file: Path, ids: set[str]) -> dict[str, dict[str, Any]]:
    """The rows of those ids in a file of JSON lines."""
    with file.open("rb") as lines:
        rows = (orjson.loads(line) for line in lines)
        return {row["id"]: row for row in rows if row["id"] in ids}


def excerpt(output: str, about: SampleSummary, row: dict[str, Any], *, unfolded: bool) -> Excerpt:
    """As much of a sample's text as fits, around the first novel line if there is one."""
    text: str = row["text"]
    starts = [line.start() for line in _LINE.finditer(text)]
    first = _first_line(starts, row["novel"])
    shown = starts[first : first + MAX_LINES + 1] or [0]
    end = min(shown[MAX_LINES] if len(shown) > MAX_LINES else len(text), shown[0] + MAX_CHARACTERS)
    parts = list(_parts(text, row["novel"], shown[0], end))
    return Excerpt(output, about, parts, before=first, after=len(_LINE.findall(text, end)), open=unfolded)


def _first_line(starts: list[int], spans: list[Span]) -> int:
    """Number of the first line to show, from 0: the text's, unless what is novel would then be out of sight."""
    novel = bisect_right(starts, spans[0]["start"]) - 1 if spans else 0
    return novel - LINES_BEFORE_NOVEL if novel + LINES_BEFORE_NOVEL >= MAX_LINES else 0


def _parts(text: str, spans: Iterable[Span], start: int, end: int) -> Iterator[Part]:
    """The text from start up to end, cut where novelty begins and ends."""
    for span in spans:
        low, high = max(span["start"], start), min(span["end"], end)
        if low < high:
            yield Part(text[start:low], novel=False)
            yield Part(text[low:high], novel=True)
            start = high
    yield Part(text[start:end], novel=False)
