"""Samples to read: a deterministic handful of each output and split, and as much of their text as fits a report.

Lengths are counted first and samples chosen then, so that memory follows neither the samples' number nor their texts.
"""

import re
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from repoloom_api.v1alpha1.recipes import Shape
from repoloom_stages.records import SPLITS, TEXTS, TRAIN, SampleSummary
from repoloom_stages.report.lengths import Lengths, quantile
from repoloom_stages.runtime.digests import ID_BYTES

READ_AT = (0.1, 0.5, 0.9)
"""Quantiles of tokens at which samples are read: a short, a middling and a long one."""

MAX_LINES = 60
MAX_CHARACTERS = 6_000
LINES_BEFORE_NOVEL = 6
"""Where novel lines stand far down, the excerpt starts so many lines before the first."""

_ID = slice(len('{"id":"'), len('{"id":"') + 2 * ID_BYTES)
"""Where a row has its id, its first column in every format."""

_LINE = re.compile(r"[^\n]*\n|[^\n]+")


@dataclass(frozen=True)
class Part:
    """A stretch of text that is novel, or a control token, or neither."""

    text: str
    novel: bool = False
    control: bool = False


@dataclass(frozen=True)
class Section:
    """A text of a sample, as far as it is shown."""

    column: str
    """The column that holds it."""
    parts: list[Part]
    before: int
    """Lines left out before what is shown."""
    after: int


@dataclass(frozen=True)
class Excerpt:
    """What a report shows of a sample."""

    output: str
    about: SampleSummary
    sections: list[Section]
    open: bool = False
    """Whether the page shows it unfolded."""

    @property
    def parts(self) -> list[Part]:
        """Of all its texts."""
        return [part for section in self.sections for part in section.parts]


class _Kind(NamedTuple):
    """Samples among which lengths are compared."""

    split: str
    novel: bool
    """Whether there is something novel to show."""
    make: tuple[str, ...] = ()
    """Recipe, granularity and view, of each of which one training sample is shown; empty for all of a split."""


def _kinds(summary: SampleSummary) -> Iterator[_Kind]:
    yield _Kind(summary["split"], bool(summary["novel_lines"]))
    if summary["split"] == TRAIN:
        yield _Kind(TRAIN, False, (summary["recipe"], summary["granularity"], summary["view"]))


class Choice:
    """Chooses samples of one output in two looks at all of them."""

    def __init__(self) -> None:
        self._lengths: defaultdict[_Kind, Lengths] = defaultdict(Counter)

    def count(self, summaries: Iterable[SampleSummary]) -> Iterator[SampleSummary]:
        """First look, in passing: lengths by kind of sample."""
        for summary in summaries:
            for kind in _kinds(summary):
                self._lengths[kind][summary["tokens"]] += 1
            yield summary

    def choose(self, summaries: Iterable[SampleSummary]) -> list[SampleSummary]:
        """Second look: of the samples of each wanted length the one with the smallest id; short ones come first."""
        wanted = set(self._wanted())
        chosen: dict[tuple[_Kind, int], SampleSummary] = {}
        for summary in summaries:
            for place in ((kind, summary["tokens"]) for kind in _kinds(summary)):
                if place in wanted and (place not in chosen or summary["id"] < chosen[place]["id"]):
                    chosen[place] = summary
        once = {one["id"]: one for one in chosen.values()}
        return sorted(once.values(), key=lambda one: (SPLITS.index(one["split"]), one["tokens"], one["id"]))

    def _wanted(self) -> Iterator[tuple[_Kind, int]]:
        for kind, lengths in self._lengths.items():
            if kind.make:
                yield kind, quantile(lengths, 0.5)
            elif kind.novel or kind._replace(novel=True) not in self._lengths:
                yield from ((kind, quantile(lengths, share)) for share in READ_AT)


def read_rows(file: Path, ids: set[str]) -> dict[str, dict[str, Any]]:
    """The rows of those ids in a file of JSON lines."""
    with file.open("rb") as lines:
        wanted = (orjson.loads(line) for line in lines if line[_ID].decode() in ids)
        return {row["id"]: row for row in wanted}


def excerpt(output: str, about: SampleSummary, row: dict[str, Any], *, unfolded: bool) -> Excerpt:
    """As much of each of a sample's texts as fits."""
    sections: list[Section] = []
    joined = 0
    for column in TEXTS[Shape(about["shape"])]:
        spans = () if column == "rejected" else _spans(row, joined)
        sections.append(_section(column, row[column], list(spans)))
        joined += len(row[column])
    return Excerpt(output, about, sections, open=unfolded)


class _Stretch(NamedTuple):
    """Characters of a text that are novel, or a control token."""

    start: int
    end: int
    control: bool


def _spans(row: dict[str, Any], offset: int) -> Iterator[_Stretch]:
    """A row's spans, counted from so many characters on in its texts, joined."""
    for name in ("novel", "controls"):
        yield from (_Stretch(one["start"] - offset, one["end"] - offset, name == "controls") for one in row[name])


def _section(column: str, text: str, spans: list[_Stretch]) -> Section:
    """As much of a text as fits, around the first novel line if there is one."""
    starts = [line.start() for line in _LINE.finditer(text)]
    first = _first_line(starts, [span.start for span in spans if not span.control and 0 <= span.start < len(text)])
    shown = starts[first : first + MAX_LINES + 1] or [0]
    end = min(shown[MAX_LINES] if len(shown) > MAX_LINES else len(text), shown[0] + MAX_CHARACTERS)
    parts = list(_parts(text, spans, shown[0], end))
    return Section(column, parts, before=first, after=len(_LINE.findall(text, end)))


def _first_line(starts: list[int], novel: list[int]) -> int:
    """Number of the first line to show, from 0: the text's, unless what is novel would then be out of sight."""
    line = bisect_right(starts, novel[0]) - 1 if novel else 0
    return line - LINES_BEFORE_NOVEL if line + LINES_BEFORE_NOVEL >= MAX_LINES else 0


def _parts(text: str, spans: list[_Stretch], start: int, end: int) -> Iterator[Part]:
    """The text from start up to end, cut where a span begins or ends."""
    edges = {start, end} | {edge for span in spans for edge in (span.start, span.end) if start < edge < end}
    for low, high in pairwise(sorted(edges)):
        over = [span.control for span in spans if span.start <= low and high <= span.end]
        yield Part(text[low:high], novel=False in over, control=True in over)
