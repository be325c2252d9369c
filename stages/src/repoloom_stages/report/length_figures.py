"""The drawings of a dataset's report: how long the samples of each recipe are."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from markupsafe import Markup
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from repoloom_stages.records import SPLITS
from repoloom_stages.report.dataset_stats import OutputStats
from repoloom_stages.report.lengths import histogram, length_bins, quantile
from repoloom_stages.report.report_page import PAINTS, compact, figure_svg

FIRST_BIN_FROM = 5.7
"""Where the bin of the shortest samples, which starts at no token, begins on a logarithmic axis."""


def length_figures(outputs: Mapping[str, OutputStats]) -> Iterator[dict[str, Any]]:
    """A histogram for each recipe of each output, with its caption's figures."""
    for name, output in outputs.items():
        for recipe in sorted(output.recipes):
            lengths = output.recipe_lengths(recipe)
            yield {
                "output": name,
                "recipe": recipe,
                "median": quantile(lengths, 0.5),
                "high": quantile(lengths, 0.95),
                "svg": _length_figure(name, output, recipe),
            }


def _length_figure(name: str, output: OutputStats, recipe: str) -> Markup:
    """Samples by tokens on a logarithmic axis, the splits stacked."""
    edges = length_bins(max(output.recipe_lengths(recipe)))

    def draw(figure: Figure) -> None:
        axes = figure.add_axes((0.11, 0.23, 0.87, 0.73))
        lows = [max(low, FIRST_BIN_FROM) for low in edges[:-1]]
        below = [0] * len(lows)
        for split in SPLITS:
            counts = histogram(output.lengths.get((recipe, split), Counter()), edges)
            widths = [high - low for low, high in zip(lows, edges[1:], strict=True)]
            axes.bar(lows, counts, widths, below, align="edge", color=PAINTS[split], linewidth=0)
            below = [low + count for low, count in zip(below, counts, strict=True)]
        filled = [low for low, count in zip(lows, below, strict=True) if count]
        axes.set_xlim(filled[0] / 1.2, edges[-1] * 1.2)
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda tokens, _: f"{tokens:,.0f}"))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda samples, _: compact(samples)))
        axes.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
        axes.set_axisbelow(True)
        axes.grid(axis="y", color=PAINTS["line"], linewidth=0.6)
        axes.minorticks_off()
        axes.set_xlabel("tokens")

    return figure_svg(f"Samples of {recipe} in {name} by tokens", draw)
