"""Stage `report-dataset`: a dataset's figures, its card and its report page, from what the other stages left.

Figures are `dataset_stats` and `coverage`, samples to read `excerpts`, what of code has figures of its own
`report_code`, drawings `length_figures`, the page's looks `report_page` and the templates; this module reads the
inputs, asks the finished samples once more whether any of them leaks, and arranges what the page shows.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import orjson

from repoloom_api.artifacts import COUNTS_FILE, Counts
from repoloom_api.catalogue import CATALOGUE, ReportDatasetParams
from repoloom_api.runs import GitPin, SplitMode
from repoloom_stages.errors import BadInput
from repoloom_stages.record_files import read_records, read_sides
from repoloom_stages.records import LEAK, SPLITS, TEST, TRAIN, VALIDATION, SampleSummary
from repoloom_stages.report.coverage import Coverage, Shown, files_of
from repoloom_stages.report.dataset_stats import (
    LARGEST_FILES,
    DatasetStats,
    OutputStats,
    Step,
    add_counts,
    check_leaks,
)
from repoloom_stages.report.drop_reasons import MEANINGS
from repoloom_stages.report.excerpts import Choice, Excerpt, excerpt, read_rows
from repoloom_stages.report.length_figures import length_figures
from repoloom_stages.report.lengths import quantile
from repoloom_stages.report.report_code import code_views
from repoloom_stages.report.report_page import render
from repoloom_stages.report.tallies import Window
from repoloom_stages.runtime.digests import CODE_BYTES, Digests, SortedDigests
from repoloom_stages.runtime.stage import Inputs, Outputs

OF_FILES = ("snapshot", "index-code", "link-code", "hold-out")
"""Stages that count files; the others count samples."""

SHOWN_RANKS = 12
"""Languages, and granularities, with the most tokens."""

SIZE_CATEGORIES = ("n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M", "100M<n<1B", "n>1B")
"""As the Hub writes them: https://huggingface.co/docs/hub/datasets-cards"""


def run(params: ReportDatasetParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write `stats.json`, `README.md` and `report.html` below `report/`. Raises BadInput for a source without git."""
    stats, choices = _stats(params, inputs)
    outputs.take(stats.total.samples)
    outputs.keep(stats.total.samples)
    document = orjson.dumps(stats.document(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    outputs.file("report/stats.json").write_bytes(document)
    shared = _shared(stats)
    card = render("dataset_card.md.j2", **shared, **_card(stats))
    outputs.file("report/README.md").write_text(card, encoding="utf-8")
    excerpts = [one for name in params.outputs for one in _excerpts(inputs, name, choices[name])]
    page = render("dataset_report.html.j2", **shared, **_page(stats, excerpts))
    outputs.file("report/report.html").write_text(page, encoding="utf-8")


def _stats(params: ReportDatasetParams, inputs: Inputs) -> tuple[DatasetStats, dict[str, Choice]]:
    """All figures, and for each output the choice of samples to read, which has seen their lengths."""
    choices = {name: Choice() for name in params.outputs}
    trained = Digests(CODE_BYTES)
    shown = Shown()
    outputs = {
        name: OutputStats.of(_noting_code(shown.of(name, choices[name].count(_summaries(inputs, name))), trained))
        for name in params.outputs
    }
    held_out = (summary for name in params.outputs for summary in _summaries(inputs, name))
    stats = DatasetStats(
        name=params.name,
        outputs=outputs,
        sources={name: _pin(inputs, name) for name in params.sources},
        steps=[Step(one.task, one.stage, one.label, _counts(inputs, one.task)) for one in params.counted],
        leaks=check_leaks(held_out, SortedDigests(trained.packed())),
        coverage=_coverage(params, inputs, shown),
        graphs={
            name: orjson.loads((folder / "figures.json").read_bytes())
            for name in params.sources
            for folder in inputs.many(f"graph-{name}")
        },
        patterns={
            one.label: orjson.loads((folder / "patterns.json").read_bytes())
            for one in params.counted
            for folder in inputs.many(f"patterns-{one.task}")
        },
    )
    return stats, choices


def _coverage(params: ReportDatasetParams, inputs: Inputs, shown: Shown) -> list[Coverage]:
    """By output and recipe, source by source."""
    sides = read_sides(inputs.many("sides"))
    measured = (shown.measure(name, files_of(inputs.one(f"files-{name}")), sides) for name in params.sources)
    return sorted((one for of_source in measured for one in of_source), key=lambda one: (one.output, one.recipe))


def _summaries(inputs: Inputs, output: str) -> Iterator[SampleSummary]:
    return read_records(inputs.one(f"summary-{output}") / "samples.jsonl.zst")


def _noting_code(summaries: Iterator[SampleSummary], trained: Digests) -> Iterator[SampleSummary]:
    """The summaries; the code of training samples is noted in passing, by its hash."""
    for summary in summaries:
        if summary["split"] == TRAIN:
            trained.add(summary["content"])
        yield summary


def _pin(inputs: Inputs, source: str) -> GitPin:
    pin = inputs.pin(f"source-{source}")
    if pin.git is None:
        raise BadInput(f"pin.json of source {source} names no git repository, and only those can be reported yet")
    return pin.git


def _counts(inputs: Inputs, task: str) -> Counts:
    files = (folder / COUNTS_FILE for folder in inputs.many(f"counts-{task}"))
    return add_counts(Counts.model_validate_json(file.read_bytes()) for file in files)


def _excerpts(inputs: Inputs, output: str, choice: Choice) -> Iterator[Excerpt]:
    """Samples to read, split by split; one of each is unfolded."""
    chosen = choice.choose(_summaries(inputs, output))
    for split in SPLITS:
        of_split = [summary for summary in chosen if summary["split"] == split]
        if not of_split:
            continue
        rows = read_rows(inputs.one(f"output-{output}") / output / f"{split}.jsonl", {one["id"] for one in of_split})
        for position, summary in enumerate(of_split):
            yield excerpt(output, summary, rows[summary["id"]], unfolded=position == len(of_split) // 2)


# What card and page show.


@dataclass(frozen=True)
class SourceView:
    """A source, and how it was held out."""

    name: str
    pin: GitPin
    windows: dict[str, Window]

    @property
    def by_time(self) -> bool:
        """Whether its newest commits are held out."""
        return self.pin.mode is SplitMode.TIME

    @property
    def short_url(self) -> str:
        """Host and path."""
        url = urlsplit(self.pin.url)
        return f"{url.netloc}{url.path}".removesuffix(".git")

    @property
    def reason(self) -> str:
        """The pin's reason as a sentence."""
        return f"{self.pin.reason[:1].upper()}{self.pin.reason[1:].removesuffix('.')}."

    @property
    def first_commits(self) -> dict[str, str | None]:
        """Of each held-out window, by time."""
        return {VALIDATION: self.pin.validation, TEST: self.pin.test}


@dataclass(frozen=True)
class StepView:
    """Tasks of a stage as one step of the flow."""

    title: str
    about: str
    noun: str
    counts: Counts

    @property
    def dropped(self) -> list[tuple[str, int]]:
        """Reasons, the most frequent first."""
        reasons = ((reason, number) for reason, number in self.counts.dropped.items() if number)
        return sorted(reasons, key=lambda one: (-one[1], one[0]))


def _shared(stats: DatasetStats) -> dict[str, Any]:
    return {
        "stats": stats,
        "total": stats.total,
        "sources": [SourceView(name, pin, stats.windows(pin.url)) for name, pin in stats.sources.items()],
        "split_rows": [row for name, output in stats.outputs.items() for row in _split_rows(name, output)],
    }


def _split_rows(name: str, output: OutputStats) -> Iterator[dict[str, Any]]:
    """Of the splits that have samples; of the first where none has."""
    for split in [one for one in SPLITS if output.splits[one].samples] or SPLITS[:1]:
        lengths = output.split_lengths(split)
        yield {
            "output": name,
            "split": split,
            "tally": output.splits[split],
            "median": quantile(lengths, 0.5),
            "longest": max(lengths, default=0),
        }


def _card(stats: DatasetStats) -> dict[str, Any]:
    filled = {
        name: [split for split in SPLITS if output.splits[split].samples] for name, output in stats.outputs.items()
    }
    return {
        "languages": sorted(stats.merged("languages")),
        "size_category": SIZE_CATEGORIES[min(max(len(str(stats.total.samples)) - 3, 0), len(SIZE_CATEGORIES) - 1)],
        "configs": [{"name": name, "filled": splits} for name, splits in filled.items() if splits],
    }


def _page(stats: DatasetStats, excerpts: list[Excerpt]) -> dict[str, Any]:
    steps = _steps(stats)
    modes = {pin.mode for pin in stats.sources.values()}
    return {
        "splits": stats.merged("splits"),
        "novel_rows": [
            {"output": name, "split": split, "novel": novel}
            for name, output in stats.outputs.items()
            for split, novel in output.novel.items()
            if novel.lines
        ],
        "groups_are": " and ".join(
            noun for mode, noun in ((SplitMode.TIME, "commits"), (SplitMode.FILE, "files")) if mode in modes
        ),
        "steps": steps,
        "widest": max((step.counts.records_in for step in steps), default=0),
        "reasons": {
            reason: MEANINGS[reason] for reason in sorted(MEANINGS) if any(reason in dict(one.dropped) for one in steps)
        },
        "figures": list(length_figures(stats.outputs)),
        "languages": stats.merged("languages").by_tokens()[:SHOWN_RANKS],
        "granularities": stats.merged("granularities").by_tokens()[:SHOWN_RANKS],
        "largest": _largest(stats),
        "repetition_rows": [_repetition_row(stats, name) for name in stats.outputs],
        **code_views(stats),
        "samples": excerpts,
        "any_novel": any(part.novel for one in excerpts for part in one.parts),
        "any_control": any(part.control for one in excerpts for part in one.parts),
        "example_id": excerpts[0].about["id"] if excerpts else None,
    }


def _steps(stats: DatasetStats) -> list[StepView]:
    """The flow: the tasks of each stage added up. A stage that had nothing to do with these sources is left out."""
    by_stage: dict[str, list[Counts]] = {}
    for step in stats.steps:
        by_stage.setdefault(step.stage, []).append(step.counts)
    views = (
        StepView(
            title=CATALOGUE[stage].summary.capitalize(),
            about=stage,
            noun="files" if stage in OF_FILES else "samples",
            counts=add_counts(counts),
        )
        for stage, counts in by_stage.items()
    )
    return [view for view in views if view.counts.records_in]


def _largest(stats: DatasetStats) -> list[dict[str, Any]]:
    files = [(tokens, path, name) for name, output in stats.outputs.items() for tokens, path, _ in output.largest]
    return [
        {"path": path, "output": name, "tokens": tokens, "of": stats.outputs[name].total.tokens}
        for tokens, path, name in sorted(files, key=lambda file: (-file[0], *file[1:]))[:LARGEST_FILES]
    ]


def _repetition_row(stats: DatasetStats, name: str) -> dict[str, Any]:
    output = stats.outputs[name]
    written = add_counts(step.counts for step in stats.steps if (step.stage, step.label) == ("write-output", name))
    return {
        "output": name,
        "judged": written.records_in,
        "copies": written.dropped.get("copy", 0),
        "leaks": written.dropped.get(LEAK, 0),
        "parts": output.parts,
        "samples": output.total.samples,
    }
