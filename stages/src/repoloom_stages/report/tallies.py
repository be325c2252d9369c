"""Samples added up, from their summaries: in all, by some property, by what is novel, by repository."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from repoloom_stages.records import SampleSummary


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
        if name not in self:
            self[name] = Tally()
        return self[name]

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
