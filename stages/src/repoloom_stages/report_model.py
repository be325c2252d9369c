"""The stage `report-model`: what a tuned model is, what it was judged by and how it got there, for people.

`report/metrics.json` has the figures, `README.md` is the card that the Hub shows, `report.html` one page to read. All
three say what other stages found; nothing is measured or decided here.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from repoloom_api.catalogue import ReportModelParams
from repoloom_api.runs import Outcome, SuiteVerdict, Verdict
from repoloom_stages.report.report_page import PAINTS, figure_svg, render
from repoloom_stages.runtime.stage import Inputs, Outputs

EXTREMES = 5
"""Groups shown at each end of a suite."""

SMOOTHED_SHARE = 0.05
"""Share of the steps that a point of the smoothed loss is the mean of."""

Lines = list[dict[str, Any]]


def run(params: ReportModelParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write the report."""
    verdict = Verdict.model_validate_json((inputs.one("verdict") / "verdict.json").read_bytes())
    measured = json.loads((inputs.one("measured") / "metrics.json").read_bytes())
    groups = _read_lines(inputs.one("measured") / "groups.jsonl")
    log = _read_lines(inputs.one("log") / "log.jsonl")
    config = json.loads((inputs.one("adapter") / "adapter_config.json").read_bytes())
    metrics = _metrics(params.name, verdict, measured, log, config)
    outputs.take(len(groups))
    outputs.keep(len(groups))
    context = {
        "metrics": metrics,
        "verdict": verdict,
        "accepted": verdict.outcome is Outcome.ACCEPTED,
        "base": {"name": config["base_model_name_or_path"], "revision": config.get("revision")},
    }
    outputs.file("report/metrics.json").write_text(json.dumps(metrics, indent=2, sort_keys=True) + "\n")
    outputs.file("report/README.md").write_text(render("model_card.md.j2", **context))
    suites = [_suite(suite, [one for one in groups if one["suite"] == suite.name]) for suite in verdict.suites]
    page = render("model_report.html.j2", suites=suites, loss=_loss_figure(log), **context)
    outputs.file("report/report.html").write_text(page)


def _read_lines(path: Path) -> Lines:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


def _metrics(
    name: str, verdict: Verdict, measured: dict[str, Any], log: Lines, config: dict[str, Any]
) -> dict[str, Any]:
    return {
        "name": name,
        "base": measured["base"],
        **verdict.document(),
        "evaluation": {"maxTokens": measured["max_tokens"], "resamples": measured["resamples"]},
        "training": {
            "steps": len(log),
            "tokens": log[-1]["tokens"],
            "firstLoss": _mean_loss(log[: _smoothed_over(log)]),
            "lastLoss": _mean_loss(log[-_smoothed_over(log) :]),
            "peakLearningRate": max(line["learning_rate"] for line in log),
        },
        "lora": {
            "rank": config["r"],
            "alpha": config["lora_alpha"],
            "dropout": config["lora_dropout"],
            "layers": len(config["target_modules"]),
        },
    }


def _smoothed_over(log: Lines) -> int:
    return max(1, round(SMOOTHED_SHARE * len(log)))


def _mean_loss(lines: Lines) -> float:
    return float(sum(line["loss"] for line in lines) / len(lines))


# ---- suites


def _suite(suite: SuiteVerdict, groups: Lines) -> dict[str, Any]:
    """What the page shows of a suite, its groups from the greatest gain to the greatest loss."""
    ranked = sorted((_gain(group) for group in groups if group["bytes"]), key=lambda one: (-one["gain"], one["group"]))
    few = len(ranked) <= 2 * EXTREMES
    return {
        "verdict": suite,
        "figure": _gain_figure(suite, ranked) if ranked else None,
        "most": ranked if few else ranked[:EXTREMES],
        "least": [] if few else ranked[-EXTREMES:],
        "better": sum(group["gain"] > 0 for group in ranked),
    }


def _gain(group: dict[str, Any]) -> dict[str, Any]:
    base, adapter = group["base_bits"], group["adapter_bits"]
    return {
        "group": group["group"],
        "bytes": group["bytes"],
        "base": base / group["bytes"],
        "adapter": adapter / group["bytes"],
        "gain": 100 * (1 - adapter / base) if base else 0.0,
    }


# ---- figures


def _loss_figure(log: Lines) -> Markup:
    """Loss of each step, faint, and their running mean, against tokens read."""
    tokens = [line["tokens"] for line in log]
    losses = [line["loss"] for line in log]
    width = _smoothed_over(log)
    smooth = [sum(losses[max(0, end - width) : end]) / len(losses[max(0, end - width) : end]) for end in _ends(losses)]

    def draw(axes: Axes) -> None:
        axes.plot(tokens, losses, color=PAINTS["line"], linewidth=1)
        axes.plot(tokens, smooth, color=PAINTS["train"], linewidth=1.8)
        axes.set_xlabel("tokens read")
        axes.xaxis.set_major_locator(_few_ticks())
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")

    return figure_svg("Training loss by tokens read", _on_axes(draw))


def _ends(items: list[float]) -> range:
    return range(1, len(items) + 1)


def _gain_figure(suite: SuiteVerdict, ranked: Lines) -> Markup:
    """A dot for each group by rank, as large as its share of bytes; the whole suite's gain and interval behind them."""
    most = max(group["bytes"] for group in ranked)
    low, high = suite.interval

    def draw(axes: Axes) -> None:
        axes.axhspan(low, high, color=PAINTS["validation"], alpha=0.25, linewidth=0)
        axes.axhline(suite.gain_percent, color=PAINTS["validation"], linewidth=1.4)
        axes.axhline(0, color=PAINTS["soft"], linewidth=0.8)
        axes.scatter(
            range(1, len(ranked) + 1),
            [group["gain"] for group in ranked],
            s=[6 + 60 * group["bytes"] / most for group in ranked],
            c=[PAINTS["train"] if group["gain"] > 0 else PAINTS["test"] for group in ranked],
            alpha=0.75,
            linewidths=0,
        )
        axes.set_xlabel("groups, from the greatest gain")
        axes.xaxis.set_major_locator(_few_ticks())
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g} %")

    return figure_svg(f"Gain of each group in {suite.name}", _on_axes(draw))


def _few_ticks() -> MaxNLocator:
    return MaxNLocator(5, integer=True)


def _on_axes(draw: Callable[[Axes], None]) -> Callable[[Figure], None]:
    """A drawing on axes that leave room for labels."""

    def on_figure(figure: Figure) -> None:
        axes = figure.add_axes((0.1, 0.2, 0.88, 0.76))
        axes.grid(axis="y", color=PAINTS["line"], linewidth=0.6)
        axes.set_axisbelow(True)
        draw(axes)

    return on_figure
