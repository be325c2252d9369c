"""Which parts of a held-out sample are new to a model that learned the training side: spans of its text.

Bits per byte is measured on these alone. By time, the snapshot has marked a file's new lines; by file, a line is new if
no training sample shows it and no held-out sample before it does. Either way a file's line counts once in an output,
though samples of several granularities may show it. `write-output` says in which order samples come.
"""

from collections.abc import Iterator
from typing import TypedDict

from repoloom_stages.origins.lines import says_something
from repoloom_stages.records import Record
from repoloom_stages.sampling.sentinels import code_of, shown


class Span(TypedDict):
    """Characters of a text, from `start` up to `end`; a line's ending belongs to it."""

    start: int
    end: int
    group: str
    """What is resampled: the commit that brought the lines, or their file's path."""


class CodeLine(TypedDict):
    """A line of a sample's code; where a stretch of code starts or ends, it may be a part of the file's."""

    number: int
    """In the file, from 1."""
    start: int
    """Characters of the sample's text before it."""
    end: int
    """Characters up to the end of it, its newline included."""


def code_lines(record: Record) -> Iterator[CodeLine]:
    """The lines of a sample's code, in the text's order. Only a newline ends a line, as in git."""
    code = code_of(record)
    for stretch in shown(record):
        start, number = stretch.start, record["source"][0]["start"] + code.count("\n", 0, stretch.before)
        while start < stretch.end:
            newline = record["text"].find("\n", start, stretch.end)
            end = stretch.end if newline < 0 else newline + 1
            yield CodeLine(number=number, start=start, end=end)
            start, number = end, number + 1


def by_file(record: Record) -> bool:
    """Whether `split` decided where the record stands."""
    return not record["split"]


class Novelty:
    """Finds the new spans of held-out samples, which must come in order, all samples of a file together.

    Before, it has to be told of all held-out samples, then of all training samples; both in any order. It remembers
    the held-out lines, not the training side's.
    """

    def __init__(self) -> None:
        self._new_lines: set[str] = set()
        self._file = ("", "")
        self._shown: set[tuple[str, int]] = set()

    def hold_out(self, record: Record) -> None:
        """Remember the lines of a sample that is held out by file."""
        if by_file(record):
            self._new_lines.update(line for line in _source_lines(record) if says_something(line))

    @property
    def needs_training(self) -> bool:
        """Whether `learn` can change anything."""
        return bool(self._new_lines)

    def learn(self, record: Record) -> None:
        """Forget the lines that a training sample shows."""
        self._new_lines.difference_update(_source_lines(record))

    def spans(self, record: Record) -> list[Span]:
        """The new spans of a held-out sample, adjacent lines of a group as one."""
        groups = self._groups_by_file(record) if by_file(record) else self._groups_by_time(record)
        spans: list[Span] = []
        for line, group in groups:
            if spans and spans[-1]["end"] == line["start"] and spans[-1]["group"] == group:
                spans[-1]["end"] = line["end"]
            else:
                spans.append(Span(start=line["start"], end=line["end"], group=group))
        return spans

    def _groups_by_file(self, record: Record) -> Iterator[tuple[CodeLine, str]]:
        for line in code_lines(record):
            text = _text(record, line)
            if text in self._new_lines:
                self._new_lines.remove(text)
                yield line, record["source"][0]["path"]

    def _groups_by_time(self, record: Record) -> Iterator[tuple[CodeLine, str]]:
        origin = record["source"][0]
        if self._file != (record["repo"], origin["path"]):
            self._file = record["repo"], origin["path"]
            self._shown.clear()
        groups = {
            number: novel["group"] for novel in record["novel"] for number in range(novel["start"], novel["end"] + 1)
        }
        for line in code_lines(record):
            place = origin["blob"], line["number"]
            if line["number"] in groups and place not in self._shown:
                self._shown.add(place)
                yield line, groups[line["number"]]


def _source_lines(record: Record) -> Iterator[str]:
    """The lines of a sample's code as its source has them, without the white space around them."""
    return (line.strip() for line in code_of(record).split("\n"))


def _text(record: Record, line: CodeLine) -> str:
    return record["text"][line["start"] : line["end"]].strip()
