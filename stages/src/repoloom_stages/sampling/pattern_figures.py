"""What patterns are made of, in numbers, for the report: error types, macros and derives by frequency."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from repoloom_stages.facts import IndexedFile
from repoloom_stages.records import TRAIN
from repoloom_stages.sampling.pattern_matches import MACRO
from repoloom_stages.sampling.written_names import arguments_of, path_of

SHOWN = 100
"""Of each kind, so many names."""


@dataclass
class PatternFigures:
    """Counts over the files that are not held out by time."""

    _error_types: Counter[str] = field(default_factory=Counter)
    _macros: Counter[str] = field(default_factory=Counter)
    _derives: Counter[str] = field(default_factory=Counter)
    _derive_sets: Counter[str] = field(default_factory=Counter)
    _matches: dict[str, Counter[str]] = field(default_factory=dict)

    def see(self, file: IndexedFile) -> None:
        """Count what a file holds."""
        if file["split"] not in ("", TRAIN):
            return
        macros = (path_of(name) for _, _, how, name, _ in file["calls"] if how == MACRO)
        self._macros.update(path[-1] for path in macros if path)
        for item in file["items"]:
            if item["kind"] == "function" and (error := _error_type(item["returns"])):
                self._error_types[error] += 1
            for attribute in item["attributes"]:
                if path_of(attribute)[-1:] == ("derive",):
                    derived = [path[-1] for path in map(path_of, arguments_of(attribute)) if path]
                    self._derives.update(derived)
                    self._derive_sets[", ".join(sorted(derived))] += 1

    def matched(self, pattern: str, names: tuple[str, ...]) -> None:
        """Count a match of a pattern."""
        self._matches.setdefault(pattern, Counter()).update(names)

    def document(self) -> dict[str, Any]:
        """The most frequent of each, and how many matches every pattern has by name."""
        return {
            "errorTypes": _most(self._error_types),
            "macros": _most(self._macros),
            "derives": _most(self._derives),
            "deriveSets": _most(self._derive_sets),
            "patterns": {name: _most(counts) for name, counts in sorted(self._matches.items())},
        }


def _error_type(returns: str) -> str:
    """The error of a result, as written; nothing where an alias says it."""
    name, arguments = path_of(returns)[-1:], arguments_of(returns)
    return " ".join(arguments[1].split()) if name and name[0].endswith("Result") and len(arguments) > 1 else ""


def _most(counts: Counter[str]) -> dict[str, Any]:
    """How many in all, how many names, and the most frequent names."""
    first = sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:SHOWN]
    return {"all": counts.total(), "names": len(counts), "most": [{"name": name, "count": n} for name, n in first]}
