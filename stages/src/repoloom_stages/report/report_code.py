"""What a dataset's report shows of code alone: coverage of the sources, call graphs, frequencies of patterns."""

from collections.abc import Iterator, Mapping
from typing import Any

from repoloom_stages.links import Figures
from repoloom_stages.report.dataset_stats import DatasetStats

SHOWN_NAMES = 5
"""Of each pattern and each kind of name, the most frequent."""

CALLS = {
    "free": "helper(x)",
    "path": "module::function(x)",
    "self": "self.method()",
    "method": "value.method()",
    "macro": "macro!(x)",
    "new": "new Thing()",
}
"""How calls are written, by example."""

NAMES = {"errorTypes": "Error types", "macros": "Macros", "derives": "Derives", "deriveSets": "Derived together"}


def code_views(stats: DatasetStats) -> dict[str, Any]:
    """The values of the template, by name."""
    return {
        "coverage_rows": stats.coverage,
        "make_rows": [
            {"output": name, "make": make, "tally": tally, "of": output.total.tokens}
            for name, output in stats.outputs.items()
            for make, tally in sorted(output.makes.items())
        ],
        "graphs": [_graph(name, figures) for name, figures in stats.graphs.items()],
        "pattern_tables": [_patterns(label, figures) for label, figures in stats.patterns.items()],
    }


def _graph(source: str, figures: Figures) -> dict[str, Any]:
    calls, resolved = figures["calls"], figures["resolved"]
    return {
        "source": source,
        "figures": figures,
        "calls": sum(calls.values()),
        "resolved": sum(resolved.values()),
        "rows": [
            {"how": how, "example": CALLS.get(how, ""), "calls": number, "resolved": resolved.get(how, 0)}
            for how, number in sorted(calls.items(), key=lambda one: (-one[1], one[0]))
            if number
        ],
    }


def _patterns(label: str, figures: Mapping[str, Any]) -> dict[str, Any]:
    """Two lists of counted names: those that patterns match, and those of the source whatever the patterns."""
    return {"label": label, "patterns": list(_rows(figures["patterns"])), "names": list(_rows(_named(figures)))}


def _named(figures: Mapping[str, Any]) -> dict[str, Any]:
    return {name: figures[key] for key, name in NAMES.items()}


def _rows(counted: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name, counts in counted.items():
        if counts["all"]:
            most = counts["most"][:SHOWN_NAMES]
            yield {"name": name, "all": counts["all"], "names": counts["names"], "most": most}
