"""What there is to say about a dataset in numbers, from its samples' summaries, its tasks' counts and its pins.

`report-dataset` shows them; `stats.json` holds them. Memory follows lengths, languages and files, not texts.
"""

import heapq
from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, NamedTuple

from repoloom_api.artifacts import Counts
from repoloom_api.runs import GitPin
from repoloom_stages.links import Figures
from repoloom_stages.records import SPLITS, TRAIN, SampleSummary
from repoloom_stages.report.coverage import Coverage
from repoloom_stages.report.lengths import Lengths, lengths_document
from repoloom_stages.report.tallies import Novel, Tallies, Tally, Window

LARGEST_FILES = 10


class Make(NamedTuple):
    """What samples are alike in."""

    recipe: str
    granularity: str
    view: str
    shape: str


@dataclass
class OutputStats:
    """One output, added up sample by sample in the order written."""

    splits: Tallies = field(default_factory=lambda: Tallies({split: Tally() for split in SPLITS}))
    recipes: Tallies = field(default_factory=Tallies)
    granularities: Tallies = field(default_factory=Tallies)
    languages: Tallies = field(default_factory=Tallies)
    makes: defaultdict[Make, Tally] = field(default_factory=lambda: defaultdict(Tally))
    lengths: defaultdict[tuple[str, str], Lengths] = field(default_factory=lambda: defaultdict(Counter))
    """By recipe and split."""
    novel: dict[str, Novel] = field(default_factory=lambda: {split: Novel() for split in SPLITS if split != TRAIN})
    windows: defaultdict[tuple[str, str], Window] = field(default_factory=lambda: defaultdict(Window))
    """By repository and split."""
    largest: list[tuple[int, str, str]] = field(default_factory=list)
    """Files with the most tokens over all their samples, the largest first: tokens, path, repository."""
    parts: int = 0
    """Samples that are part of a unit that was too long."""

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

    def recipe_lengths(self, recipe: str) -> Lengths:
        """Lengths of a recipe's samples, in all splits."""
        return sum((self.lengths.get((recipe, split), Counter()) for split in SPLITS), Lengths())

    def split_lengths(self, split: str) -> Lengths:
        """Lengths of a split's samples, of all recipes."""
        return sum((lengths for (_, where), lengths in self.lengths.items() if where == split), Lengths())

    def _add_file(self, samples: list[SampleSummary]) -> tuple[int, str, str]:
        for summary in samples:
            self._add(summary)
        return sum(summary["tokens"] for summary in samples), samples[0]["path"], samples[0]["repo"]

    def _add(self, summary: SampleSummary) -> None:
        split = summary["split"]
        self.splits[split].add(summary)
        self.recipes.of(summary["recipe"]).add(summary)
        self.granularities.of(summary["granularity"]).add(summary)
        self.languages.of(summary["lang"]).add(summary)
        make = Make(summary["recipe"], summary["granularity"], summary["view"], summary["shape"])
        self.makes[make].add(summary)
        self.lengths[summary["recipe"], split][summary["tokens"]] += 1
        self.windows[summary["repo"], split].add(summary)
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
            "makes": [make._asdict() | tally.document() for make, tally in sorted(self.makes.items())],
            "parts": self.parts,
        }


def _file(summary: SampleSummary) -> tuple[str, str]:
    return summary["repo"], summary["path"]


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


def check_leaks(summaries: Iterable[SampleSummary], trained: Container[str]) -> LeakCheck:
    """Compare held-out samples with the code trained on, by its hashes."""
    leaked = Counter(summary["content"] in trained for summary in summaries if summary["split"] != TRAIN)
    return LeakCheck(held_out=leaked.total(), leaked=leaked[True])


@dataclass(frozen=True)
class DatasetStats:
    """Everything the report shows but texts."""

    name: str
    outputs: dict[str, OutputStats]
    sources: dict[str, GitPin]
    steps: list[Step]
    leaks: LeakCheck
    coverage: list[Coverage] = field(default_factory=list)
    graphs: dict[str, Figures] = field(default_factory=dict)
    """The call graph of each source that was linked."""
    patterns: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What `code-patterns` counted, by what it worked on."""

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
            "coverage": [one.document() for one in self.coverage],
            "callGraphs": self.graphs,
            "patterns": self.patterns,
        }
