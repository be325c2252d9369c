"""What there is to say about a dataset in numbers, from its samples' summaries, its tasks' counts and its pins.

`report-dataset` shows them; `stats.json` holds them. Memory follows lengths, languages and files, not texts.
"""

import heapq
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from repoloom_api.artifacts import Counts
from repoloom_api.runs import GitPin
from repoloom_stages.records import SPLITS, TRAIN, SampleSummary

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)

LARGEST_FILES = 10

Lengths = Counter[int]
"""Samples by their tokens: exact quantiles, in memory that the longest sample bounds."""


@dataclass
class Tally:
    """Samples added up."""

    samples: int = 0
    tokens: int = 0
    bytes: int = 0

    def add(self, summary: SampleSummary) -> None:
        """Add a sample."""
        self.samples += 1
        self.tokens += summary["tokens"]
        self.bytes += summary["bytes"]

    def merge(self, other: "Tally") -> None:
        """Add what another has."""
        self.samples += other.samples
        self.tokens += other.tokens
        self.bytes += other.bytes

    def document(self) -> dict[str, int]:
        """As `stats.json` has it."""
        return {"samples": self.samples, "tokens": self.tokens, "bytes": self.bytes}


class Tallies(dict[str, Tally]):
    """Samples added up by some property."""

    def of(self, name: str) -> Tally:
        """The tally of one value, new if there is none."""
        return self.setdefault(name, Tally())

    def merge(self, other: Mapping[str, Tally]) -> None:
        """Add what others have."""
        for name, tally in other.items():
            self.of(name).merge(tally)

    def by_tokens(self) -> list[tuple[str, Tally]]:
        """The largest first."""
        return sorted(self.items(), key=lambda item: (-item[1].tokens, item[0]))

    def document(self) -> dict[str, dict[str, int]]:
        """As `stats.json` has it, by name."""
        return {name: self[name].document() for name in sorted(self)}


@dataclass
class Novel:
    """What bits per byte is measured on in one split."""

    lines: int = 0
    bytes: int = 0
    samples: int = 0
    """Samples that show a novel line."""
    groups: set[str] = field(default_factory=set)

    def add(self, summary: SampleSummary) -> None:
        """Add a sample's novel lines."""
        self.lines += summary["novel_lines"]
        self.bytes += summary["novel_bytes"]
        self.samples += bool(summary["novel_lines"])
        self.groups.update(summary["novel_groups"])

    def document(self) -> dict[str, int]:
        """As `stats.json` has it."""
        return {"lines": self.lines, "bytes": self.bytes, "samples": self.samples, "groups": len(self.groups)}


@dataclass
class Window:
    """What one repository gave to one split."""

    tally: Tally = field(default_factory=Tally)
    first: str = ""
    """Earliest time of a commit its samples resolve at, ISO 8601; empty if there is none."""
    last: str = ""

    @property
    def span(self) -> str:
        """From day to day."""
        first, last = self.first[:10], self.last[:10]
        return first if first == last else f"{first} to {last}"

    def add(self, summary: SampleSummary) -> None:
        """Add a sample."""
        self.tally.add(summary)
        time = summary["committed_at"]
        self.first = min(self.first or time, time)
        self.last = max(self.last, time)

    def merge(self, other: "Window") -> None:
        """Add what it gave to another output."""
        self.tally.merge(other.tally)
        self.first = min(self.first or other.first, other.first)
        self.last = max(self.last, other.last)


@dataclass
class OutputStats:
    """One output, added up sample by sample in the order written."""

    splits: Tallies = field(default_factory=lambda: Tallies({split: Tally() for split in SPLITS}))
    recipes: Tallies = field(default_factory=Tallies)
    granularities: Tallies = field(default_factory=Tallies)
    languages: Tallies = field(default_factory=Tallies)
    lengths: dict[tuple[str, str], Lengths] = field(default_factory=dict)
    """By recipe and split."""
    novel: dict[str, Novel] = field(default_factory=lambda: {split: Novel() for split in SPLITS if split != TRAIN})
    windows: dict[tuple[str, str], Window] = field(default_factory=dict)
    """By repository and split."""
    largest: list[tuple[int, str, str]] = field(default_factory=list)
    """Files with the most tokens over all their samples, the largest first: tokens, path, repository."""
    parts: int = 0
    """Samples that are part of a unit that was too long."""
    lines_shown: int = 0
    """Lines of files that samples show, counted as often as shown."""
    lines_distinct: int = 0
    """The same, each counted once."""

    @classmethod
    def of(cls, summaries: Iterable[SampleSummary]) -> "OutputStats":
        """Add up samples that come file by file."""
        stats = cls()
        sizes = (stats._add_file(list(samples)) for _, samples in groupby(summaries, key=_file))
        stats.largest = heapq.nsmallest(LARGEST_FILES, sizes, key=lambda one: (-one[0], *one[1:]))
        return stats

    @property
    def total(self) -> Tally:
        """All samples."""
        total = Tally()
        for tally in self.splits.values():
            total.merge(tally)
        return total

    @property
    def repetition(self) -> float:
        """How often the output shows a line of source, on average; 1 if each is shown once."""
        return self.lines_shown / self.lines_distinct if self.lines_distinct else 1.0

    def recipe_lengths(self, recipe: str) -> Lengths:
        """Lengths of a recipe's samples, in all splits."""
        return sum((self.lengths.get((recipe, split), Counter()) for split in SPLITS), Lengths())

    def split_lengths(self, split: str) -> Lengths:
        """Lengths of a split's samples, of all recipes."""
        return sum((lengths for (_, where), lengths in self.lengths.items() if where == split), Lengths())

    def _add_file(self, samples: list[SampleSummary]) -> tuple[int, str, str]:
        for summary in samples:
            self._add(summary)
        for lines in _stretches(samples).values():
            self.lines_shown += sum(end - start for start, end in lines)
            self.lines_distinct += covered(lines)
        return sum(summary["tokens"] for summary in samples), samples[0]["path"], samples[0]["repo"]

    def _add(self, summary: SampleSummary) -> None:
        split = summary["split"]
        self.splits[split].add(summary)
        self.recipes.of(summary["recipe"]).add(summary)
        self.granularities.of(summary["granularity"]).add(summary)
        self.languages.of(summary["lang"]).add(summary)
        self.lengths.setdefault((summary["recipe"], split), Counter())[summary["tokens"]] += 1
        self.windows.setdefault((summary["repo"], split), Window()).add(summary)
        self.parts += not summary["complete"]
        if split != TRAIN:
            self.novel[split].add(summary)

    def document(self) -> dict[str, Any]:
        """As `stats.json` has it."""
        return {
            **self.total.document(),
            "splits": self.splits.document(),
            "recipes": {
                name: tally.document() | {"lengths": lengths_document(self.recipe_lengths(name))}
                for name, tally in sorted(self.recipes.items())
            },
            "granularities": self.granularities.document(),
            "languages": self.languages.document(),
            "novel": {split: novel.document() for split, novel in self.novel.items()},
            "parts": self.parts,
            "repetition": round(self.repetition, 4),
        }


def _file(summary: SampleSummary) -> tuple[str, str]:
    return summary["repo"], summary["path"]


def _stretches(samples: Iterable[SampleSummary]) -> dict[tuple[str, str], list[tuple[int, int]]]:
    """Lines shown of each version of a file, as (first, after last)."""
    stretches: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for summary in samples:
        version = summary["commit"], summary["split"]
        stretches.setdefault(version, []).append((summary["start"], summary["end"] + 1))
    return stretches


def covered(stretches: Iterable[tuple[int, int]]) -> int:
    """How many lines lie in at least one stretch of (first, after last)."""
    total = reached = 0
    for start, end in sorted(stretches):
        total += max(0, end - max(start, reached))
        reached = max(reached, end)
    return total


def quantile(lengths: Lengths, share: float) -> int:
    """The smallest length that so large a share of the samples does not exceed; 0 of none."""
    seen, wanted = 0, share * lengths.total()
    for length in sorted(lengths):
        seen += lengths[length]
        if seen >= wanted:
            return length
    return 0


def length_bins(longest: int) -> list[int]:
    """Edges of bins that widen by about the square root of two, from 0 to the longest or beyond."""
    edges = [0, 8]
    while edges[-1] < longest:
        edges.append(round(2 ** ((len(edges) + 5) / 2)))
    return edges


def histogram(lengths: Lengths, edges: list[int]) -> list[int]:
    """Samples in each bin: longer than an edge, up to and with the next."""
    counts = [0] * (len(edges) - 1)
    for length, samples in lengths.items():
        counts[bisect_left(edges, length) - 1] += samples
    return counts


def lengths_document(lengths: Lengths) -> dict[str, Any]:
    """Quantiles and histogram of tokens, as `stats.json` has them."""
    edges = length_bins(max(lengths, default=0))
    return {
        "quantiles": {f"p{round(share * 100):02}": quantile(lengths, share) for share in QUANTILES},
        "longest": max(lengths, default=0),
        "histogram": {"edges": edges, "samples": histogram(lengths, edges)},
    }


@dataclass(frozen=True)
class Step:
    """What a task counted, over all its shards."""

    task: str
    stage: str
    label: str
    counts: Counts

    def document(self) -> dict[str, Any]:
        """As `stats.json` has it."""
        reasons = {reason: number for reason, number in sorted(self.counts.dropped.items()) if number}
        return {
            "task": self.task,
            "stage": self.stage,
            "label": self.label,
            "recordsIn": self.counts.records_in,
            "kept": self.counts.kept,
            "reasons": reasons,
        }


def add_counts(parts: Iterable[Counts]) -> Counts:
    """The counts of several shards or tasks as one."""
    taken = kept = 0
    dropped: Counter[str] = Counter()
    for part in parts:
        taken, kept = taken + part.records_in, kept + part.kept
        dropped.update(part.dropped)
    return Counts(records_in=taken, kept=kept, dropped={reason: dropped[reason] for reason in sorted(dropped)})


@dataclass(frozen=True)
class LeakCheck:
    """A look at the finished samples, whatever earlier stages promised."""

    held_out: int
    """Held-out samples of all outputs."""
    leaked: int
    """Those whose code some training sample of some output shows, byte for byte."""


def check_leaks(summaries: Iterable[SampleSummary], trained: set[str]) -> LeakCheck:
    """Compare held-out samples with the code trained on, by its hashes."""
    held_out = [summary["content"] in trained for summary in summaries if summary["split"] != TRAIN]
    return LeakCheck(held_out=len(held_out), leaked=sum(held_out))


@dataclass(frozen=True)
class DatasetStats:
    """Everything the report shows but texts."""

    name: str
    outputs: dict[str, OutputStats]
    sources: dict[str, GitPin]
    steps: list[Step]
    leaks: LeakCheck

    @property
    def total(self) -> Tally:
        """All samples of all outputs."""
        total = Tally()
        for output in self.outputs.values():
            total.merge(output.total)
        return total

    def merged(self, part: str) -> Tallies:
        """One of the tallies (`splits`, `languages`, `granularities`, `recipes`) over all outputs."""
        tallies = Tallies()
        for output in self.outputs.values():
            tallies.merge(getattr(output, part))
        return tallies

    def windows(self, repository: str) -> dict[str, Window]:
        """What a repository gave to each split, over all outputs."""
        windows = {split: Window() for split in SPLITS}
        for output in self.outputs.values():
            for split in SPLITS:
                part = output.windows.get((repository, split))
                if part:
                    windows[split].merge(part)
        return windows

    def dropped(self) -> Iterator[Step]:
        """The steps that dropped something."""
        return (step for step in self.steps if any(step.counts.dropped.values()))

    def document(self) -> dict[str, Any]:
        """As `stats.json` has it."""
        return {
            "name": self.name,
            **self.total.document(),
            "splits": self.merged("splits").document(),
            "outputs": {name: output.document() for name, output in sorted(self.outputs.items())},
            "sources": {name: pin.document() for name, pin in sorted(self.sources.items())},
            "steps": [step.document() for step in self.steps],
            "dropped": [step.document() for step in self.dropped()],
            "leaks": {"heldOut": self.leaks.held_out, "leaked": self.leaks.leaked},
        }
