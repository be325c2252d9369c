"""The stage `evaluate`: base and adapter on code the adapter has not seen, and a verdict about that very adapter.

A suite's measure is bits per byte on the novel spans of its datasets' test splits (`bits`), compared by a paired
bootstrap over the commits that brought them. The verdict only says; `publish` acts on it.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from peft import PeftModel

from repoloom_api.catalogue import EvaluateParams, SuiteParams
from repoloom_api.runs import Outcome, SuiteVerdict, Verdict
from repoloom_api.v1alpha1.finetune import Requirement
from repoloom_stages.records import TEST
from repoloom_stages.runtime.stage import Inputs, Outputs
from repoloom_stages.tuning import corpus, models
from repoloom_stages.tuning.bits import GroupBits, Span, measure, scored
from repoloom_stages.tuning.model_name import model_name

MAX_CHARACTERS_PER_SUITE = 600_000
"""Text of the samples a suite scores, drawn by hash: with tiny some 65 CPU seconds. More would narrow the interval by
little."""

MIN_GROUPS = 5
"""With fewer, resampled groups are so often the same ones that an interval means nothing."""

RESAMPLES = 2000
BOOTSTRAP_SEED = 0


def run(params: EvaluateParams, inputs: Inputs, outputs: Outputs) -> None:
    """Measure every suite; write `verdict/verdict.json` and what it rests on below `measured/`."""
    models.make_repeatable()
    base, adapter = inputs.one("model"), inputs.one("adapter")
    (digest,) = inputs.digests["adapter"]
    encoder = corpus.Encoder.of(models.load_tokenizer(base))
    model = models.load_tuned(base, adapter, params.max_tokens)
    measured = {
        suite.name: _measure_suite(model, encoder, inputs.many(f"suite-{suite.name}"), params.max_tokens, outputs)
        for suite in params.suites
    }
    verdict = judge(params.suites, measured, digest)
    outputs.file("verdict/verdict.json").write_text(_pretty(verdict.document()))
    _write_groups(measured, outputs)
    facts = {"base": str(model_name(base)), "max_tokens": params.max_tokens, "resamples": RESAMPLES}
    outputs.file("measured/metrics.json").write_text(_pretty({**facts, "verdict": verdict.document()}))


# ---- measurement


def _measure_suite(
    model: PeftModel, encoder: corpus.Encoder, folders: tuple[Path, ...], max_tokens: int, outputs: Outputs
) -> dict[str, GroupBits]:
    chosen = _choose(folders, outputs)
    texts = []
    for place, sample in _test_samples(folders):
        if place not in chosen:
            continue
        text = scored(sample["text"], _spans(sample), encoder, sample["controls"])
        if text:
            outputs.keep()
            texts.append(text)
        else:
            outputs.drop("nothing novel")
    return measure(model, texts, max_tokens, outputs.progress)


def _choose(folders: tuple[Path, ...], outputs: Outputs) -> set[tuple[int, int]]:
    """Places of the samples to score: those with novel spans, as many as the bound allows, by their ids' hashes."""
    novel: list[tuple[bytes, int, tuple[int, int]]] = []
    for place, sample in _test_samples(folders):
        outputs.take()
        if sample["novel"]:
            novel.append((hashlib.sha256(sample["id"].encode()).digest(), len(sample["text"]), place))
        else:
            outputs.drop("nothing novel")
    chosen, characters = set(), 0
    for _, length, place in sorted(novel):
        if characters < MAX_CHARACTERS_PER_SUITE:
            chosen.add(place)
            characters += length
        else:
            outputs.drop("enough measured")
    return chosen


def _test_samples(folders: Iterable[Path]) -> Iterator[tuple[tuple[int, int], corpus.Sample]]:
    """Test samples with their places: position of the folder, and of the line in it."""
    for position, folder in enumerate(folders):
        for line, sample in enumerate(corpus.read_samples(folder, TEST)):
            yield (position, line), sample


def _spans(sample: corpus.Sample) -> list[Span]:
    return [Span(span["start"], span["end"], span["group"]) for span in sample["novel"]]


def _write_groups(measured: dict[str, dict[str, GroupBits]], outputs: Outputs) -> None:
    with outputs.file("measured/groups.jsonl").open("w") as lines:
        for suite, groups in measured.items():
            for name, group in groups.items():
                line = {"suite": suite, "group": name, "bytes": group.bytes}
                lines.write(json.dumps({**line, "base_bits": group.base, "adapter_bits": group.adapter}) + "\n")


def _pretty(document: Any) -> str:
    return json.dumps(document, indent=2, sort_keys=True) + "\n"


# ---- verdict


def judge(suites: Iterable[SuiteParams], measured: dict[str, dict[str, GroupBits]], adapter: str) -> Verdict:
    """What the measurements say against what was asked. Without any requirement, every suite must improve."""
    suites = tuple(suites)
    asked = any(suite.require for suite in suites)
    judged = tuple(_judge_suite(suite, measured[suite.name], asked=asked) for suite in suites)
    return Verdict(
        adapter=adapter,
        outcome=Outcome.ACCEPTED if all(suite.passed for suite in judged) else Outcome.REFUSED,
        gain_percent=judged[0].gain_percent,
        suites=judged,
    )


def _judge_suite(suite: SuiteParams, groups: dict[str, GroupBits], *, asked: bool) -> SuiteVerdict:
    base = np.array([group.base for group in groups.values()])
    adapter = np.array([group.adapter for group in groups.values()])
    total = sum(group.bytes for group in groups.values())
    gain = _gain_percent(float(base.sum()), float(adapter.sum()))
    low, high = bootstrap(base, adapter)
    required, passed = _gate(suite.require, gain, low, len(groups), asked=asked)
    return SuiteVerdict(
        name=suite.name,
        base=float(base.sum()) / max(total, 1),
        adapter=float(adapter.sum()) / max(total, 1),
        gain_percent=gain,
        interval=(low, high),
        groups=len(groups),
        bytes=total,
        required=required,
        passed=passed,
    )


def _gate(require: Requirement | None, gain: float, low: float, groups: int, *, asked: bool) -> tuple[str, bool]:
    """What was asked of a suite, in words, and whether it holds.

    A gain must be shown, so chance must be excluded too; a loss need only be small enough as measured.
    """
    if require is None and asked:
        return "nothing: measured only", True
    if require and require.max_loss_percent is not None:
        required, passed = (
            f"at most {require.max_loss_percent:g} % worse than the base",
            -gain <= require.max_loss_percent,
        )
    else:
        least = require.min_gain_percent if require and require.min_gain_percent is not None else 0.0
        wanted = f"at least {least:g} % better" if least else "better"
        required, passed = (
            f"{wanted} than the base, with 95 % confidence that it is no chance",
            gain >= least and low > 0,
        )
    if groups == 0:
        return f"{required}; the test split has no novel lines to measure on", False
    if groups < MIN_GROUPS:
        return f"{required}; {groups} of at least {MIN_GROUPS} commits or files are too few groups to tell", False
    return required, passed


def _gain_percent(base: float, adapter: float) -> float:
    return 100 * (1 - adapter / base) if base > 0 else 0.0


def bootstrap(base: NDArray[np.float64], adapter: NDArray[np.float64]) -> tuple[float, float]:
    """95 % interval of the gain in percent: groups drawn with replacement, base and adapter on the same ones.

    A commit's lines are alike, so commits are drawn, not lines; drawing lines would call noise certain.
    """
    if not base.sum() > 0:
        return 0.0, 0.0
    draws = np.random.default_rng(BOOTSTRAP_SEED).multinomial(len(base), np.full(len(base), 1 / len(base)), RESAMPLES)
    with np.errstate(invalid="ignore"):
        gains = 100 * (1 - (draws @ adapter) / (draws @ base))
    low, high = np.nanpercentile(gains, [2.5, 97.5])
    return float(low), float(high)
