"""Bits per byte are what they are by hand, chance is told from gain, and a verdict is about one adapter."""

import json
import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from repoloom_api.catalogue import EvaluateParams, SuiteParams
from repoloom_api.runs import Outcome, Verdict
from repoloom_api.v1alpha1.finetune import Requirement
from repoloom_stages import evaluate
from repoloom_stages.errors import BadInput
from repoloom_stages.runtime.stage import Inputs, Outputs
from repoloom_stages.tuning import bits, corpus, models
from repoloom_stages.tuning.bits import GroupBits, Span
from repoloom_stages.tuning.generate import generate
from support.models import TEXTS, change_weights, write_adapter, write_dataset, write_model

ADAPTER_DIGEST = "a" * 64
MAX_TOKENS = 64


def untouched(done: int, total: int) -> None:
    assert 0 < done <= total


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("base") / "model")


@pytest.fixture(scope="module")
def uniform(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model to which every token is as likely as any other."""
    folder = write_model(tmp_path_factory.mktemp("uniform") / "model", tied=False)
    change_weights(folder, lambda name, tensor: torch.zeros_like(tensor) if "lm_head" in name else tensor)
    return folder


@pytest.fixture(scope="module")
def adapter(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A noisy adapter: worse than its base, and not by chance."""
    return write_adapter(tmp_path_factory.mktemp("adapter"), base, scale=10.0)


@pytest.fixture(scope="module")
def encoder(base: Path) -> corpus.Encoder:
    return corpus.Encoder.of(models.load_tokenizer(base))


# ---- spans


def test_a_token_counts_by_the_share_of_its_bytes_in_the_span(encoder: corpus.Encoder) -> None:
    text = " self left"
    assert [text[start:end] for start, end in encoder.encode(text).offsets] == [" self", " left"]
    scored = bits.scored(text, [Span(1, 8, "one"), Span(8, 10, "two")], encoder)
    assert scored is not None
    assert scored.shares["one"].tolist() == pytest.approx([4 / 5, 3 / 5])
    assert scored.shares["two"].tolist() == pytest.approx([0, 2 / 5])
    assert scored.span_bytes == {"one": 7, "two": 2}


def test_adjoining_spans_share_every_token_out_whole(encoder: corpus.Encoder) -> None:
    text = "def é(left):\n    return '日本' + left\n"
    edges = [0, 3, 5, 17, 26, 27, len(text)]
    spans = [Span(start, end, str(start)) for start, end in pairwise(edges)]
    scored = bits.scored(text, spans, encoder)
    assert scored is not None
    assert sum(scored.shares.values()).tolist() == pytest.approx([1.0] * (len(scored.ids) - 1))
    assert sum(scored.span_bytes.values()) == len(text.encode())


def test_characters_outside_every_token_belong_to_the_next_one() -> None:
    before = bits._bytes_before("  ab é ")
    assert before.tolist() == [0, 1, 2, 3, 4, 5, 7, 8]
    # "ab" without the spaces before it, then é in two tokens; the last space is no token's.
    assert bits._byte_edges(before, [0, 4, 6, 6]).tolist() == [0, 2, 4, 6, 8]
    assert bits._byte_edges(before, [4, 6, 6]).tolist() == [0, 4, 6, 8]


def test_a_text_without_novel_bytes_is_not_scored(encoder: corpus.Encoder) -> None:
    assert bits.scored("x = 1", [], encoder) is None
    assert bits.scored("x = 1", [Span(2, 2, "one")], encoder) is None
    assert bits.scored("", [], encoder) is None


# ---- windows


@pytest.mark.parametrize(("tokens", "max_tokens"), [(5, 8), (8, 8), (9, 8), (40, 8), (41, 7), (3, 2)])
def test_windows_score_every_token_once_behind_half_a_window(tokens: int, max_tokens: int) -> None:
    text = bits.Scored(list(range(tokens + 1)), {"one": np.ones(tokens)}, {"one": tokens})
    cut = list(bits.windows(0, text, max_tokens))
    scored = [token for window in cut for token in window.ids[window.first :]]
    assert scored == list(range(1, tokens + 1))
    assert all(len(window.ids) <= max_tokens for window in cut)
    assert all(window.first >= max_tokens // 2 for window in cut[1:])


def test_windows_without_novel_tokens_cost_nothing() -> None:
    shares = np.zeros(100)
    shares[50:52] = 1
    (window,) = bits.windows(0, bits.Scored(list(range(101)), {"one": shares}, {"one": 2}), 16)
    assert window.ids[window.first :] == [51, 52]
    assert window.ids[-1] == 52


# ---- bits


def measure(folder: Path, adapter: Path, texts: list[tuple[str, list[Span]]]) -> dict[str, GroupBits]:
    model = models.load_tuned(folder, adapter, MAX_TOKENS)
    encoder = corpus.Encoder.of(models.load_tokenizer(folder))
    ready = [scored for text, spans in texts if (scored := bits.scored(text, spans, encoder))]
    return bits.measure(model, ready, MAX_TOKENS, untouched)


def test_a_uniform_model_spends_the_logarithm_of_its_vocabulary_on_each_token(
    uniform: Path, encoder: corpus.Encoder, tmp_path: Path
) -> None:
    text = TEXTS[0] * 10
    groups = measure(uniform, write_adapter(tmp_path, uniform), [(text, [Span(0, len(text), "one")])])
    tokens = len(encoder.encode(text).ids)
    vocabulary = models.load_base(uniform, MAX_TOKENS).config.vocab_size
    assert tokens > 2 * MAX_TOKENS
    assert groups["one"].base == pytest.approx(tokens * math.log2(vocabulary))
    assert groups["one"].adapter == pytest.approx(tokens * math.log2(vocabulary))
    assert groups["one"].bytes == len(text.encode())


def test_bits_are_those_of_the_model_alone_on_the_text(base: Path, adapter: Path, encoder: corpus.Encoder) -> None:
    """By the plain way: one text, one pass, no padding, no windows."""
    text, start, end = TEXTS[1], 10, 40
    many = [(text, [Span(start, end, "one")]), (TEXTS[0] * 3, [Span(0, 20, "two")]), ("x", [Span(0, 1, "three")])]
    groups = measure(base, adapter, many)
    ids = [encoder.start, *encoder.encode(text).ids]
    with torch.no_grad():
        logits = models.load_base(base, MAX_TOKENS)(input_ids=torch.tensor([ids])).logits[0]
    nats = torch.nn.functional.cross_entropy(logits[:-1], torch.tensor(ids[1:]), reduction="none").numpy()
    shares = [
        max(0, min(end, right) - max(start, left)) / (right - left) for left, right in encoder.encode(text).offsets
    ]
    assert groups["one"].base == pytest.approx(float(nats @ shares) / math.log(2), rel=1e-5)
    assert groups["one"].adapter > groups["one"].base
    assert groups["one"].bytes == 30


def test_an_adapter_that_changes_nothing_gains_nothing(base: Path, tmp_path: Path) -> None:
    groups = measure(base, write_adapter(tmp_path, base), [(text, [Span(0, len(text), "one")]) for text in TEXTS])
    assert groups["one"].adapter == groups["one"].base


# ---- bootstrap


def test_equal_gains_everywhere_leave_no_doubt() -> None:
    base = np.array([10.0, 20.0, 70.0, 5.0, 40.0])
    assert evaluate.bootstrap(base, 0.8 * base) == pytest.approx((20.0, 20.0))


def test_the_interval_is_as_wide_as_the_normal_approximation_says() -> None:
    """Half of 400 equal groups gain 20 %, half nothing: the mean's deviation is 10 % / sqrt(400)."""
    base = np.full(400, 100.0)
    adapter = base - np.where(np.arange(400) % 2, 20.0, 0.0)
    low, high = evaluate.bootstrap(base, adapter)
    assert low == pytest.approx(10 - 1.96 * 0.5, abs=0.06)
    assert high == pytest.approx(10 + 1.96 * 0.5, abs=0.06)


def test_the_interval_is_the_same_again() -> None:
    base, adapter = np.random.default_rng(3).uniform(1, 2, (2, 30))
    assert evaluate.bootstrap(base, adapter) == evaluate.bootstrap(base, adapter)


# ---- verdict


def groups(*gains: float) -> dict[str, GroupBits]:
    """Groups of 100 bits each, with gains in percent."""
    return {f"commit-{number}": GroupBits(50, 100.0, 100.0 - gain) for number, gain in enumerate(gains)}


STEADY = (10.0, 11.0, 9.0, 10.0, 10.0, 12.0)
MIXED = (-20.0, 25.0, -10.0, 20.0, -15.0, 10.0)
"""A gain of 1.7 %, by chance."""

AT_LEAST_5 = Requirement(min_gain_percent=5)
AT_LEAST_1 = Requirement(min_gain_percent=1)
AT_LEAST_20 = Requirement(min_gain_percent=20)
LOSE_2 = Requirement(max_loss_percent=2)

CASES: dict[str, tuple[Requirement | None, tuple[float, ...], bool]] = {
    "without a requirement, a sure gain passes": (None, STEADY, True),
    "without a requirement, a gain by chance is refused": (None, MIXED, False),
    "without a requirement, a loss is refused": (None, (-1.0,) * 6, False),
    "without a requirement, no difference is refused": (None, (0.0,) * 6, False),
    "a gain that is large enough passes": (AT_LEAST_5, STEADY, True),
    "a gain that is too small is refused": (AT_LEAST_20, STEADY, False),
    "a large enough gain by chance is refused": (AT_LEAST_1, MIXED, False),
    "a loss within bounds passes": (LOSE_2, (-1.0, -2.0, -1.5, -1.0, -2.5, -1.0), True),
    "a loss out of bounds is refused": (LOSE_2, (-3.0,) * 6, False),
    "a gain is no loss": (LOSE_2, STEADY, True),
    "four groups are too few for a gain": (AT_LEAST_5, STEADY[:4], False),
    "four groups are too few for a loss": (LOSE_2, STEADY[:4], False),
    "four groups are too few for the default": (None, STEADY[:4], False),
    "five groups are enough": (None, STEADY[:5], True),
    "nothing novel is refused": (None, (), False),
}


@pytest.mark.parametrize(("require", "gains", "passed"), CASES.values(), ids=CASES.keys())
def test_verdict(require: Requirement | None, gains: tuple[float, ...], passed: bool) -> None:
    suites = [SuiteParams(name="held-out", require=require)]
    verdict = evaluate.judge(suites, {"held-out": groups(*gains)}, ADAPTER_DIGEST)
    assert verdict.suites[0].passed is passed
    assert verdict.outcome is (Outcome.ACCEPTED if passed else Outcome.REFUSED)
    assert verdict.adapter == ADAPTER_DIGEST
    assert verdict.gain_percent == verdict.suites[0].gain_percent == pytest.approx(np.mean(gains) if gains else 0)
    assert Verdict.model_validate_json(json.dumps(verdict.document())) == verdict


def test_a_suite_without_a_requirement_only_measures_beside_one_that_has_one() -> None:
    suites = [SuiteParams(name="general"), SuiteParams(name="own", require=AT_LEAST_5)]
    measured = {"general": groups(-3.0, -3.0), "own": groups(*STEADY)}
    verdict = evaluate.judge(suites, measured, ADAPTER_DIGEST)
    assert verdict.outcome is Outcome.ACCEPTED
    assert verdict.suites[0].required == "nothing: measured only"


def test_without_any_requirement_every_suite_must_improve() -> None:
    suites = [SuiteParams(name="one"), SuiteParams(name="two")]
    verdict = evaluate.judge(suites, {"one": groups(*STEADY), "two": groups(*MIXED)}, ADAPTER_DIGEST)
    assert verdict.outcome is Outcome.REFUSED
    assert [suite.passed for suite in verdict.suites] == [True, False]


def test_a_refusal_for_want_of_groups_says_so() -> None:
    def required(*gains: float) -> str:
        return evaluate.judge([SuiteParams(name="one")], {"one": groups(*gains)}, ADAPTER_DIGEST).suites[0].required

    assert "too few groups to tell" in required(1.0, 2.0)
    assert "no novel lines" in required()


# ---- the stage


def test_it_writes_a_verdict_about_that_adapter_and_what_it_rests_on(base: Path, adapter: Path, tmp_path: Path) -> None:
    test = [sample(number, novel=number < 8) for number in range(10)]
    data = write_dataset(tmp_path / "data", test=test)
    outputs = Outputs(tmp_path / "out")
    run(base, adapter, data, outputs)
    verdict = Verdict.model_validate_json((outputs.folder / "verdict/verdict.json").read_bytes())
    assert verdict.adapter == ADAPTER_DIGEST
    assert verdict.outcome is Outcome.REFUSED
    assert (verdict.suites[0].groups, verdict.suites[0].bytes) == (8, 8 * len(TEXTS[0]))
    lines = [json.loads(line) for line in (outputs.folder / "measured/groups.jsonl").read_text().splitlines()]
    assert [line["group"] for line in lines] == [f"commit-{number}" for number in range(8)]
    assert sum(line["base_bits"] for line in lines) / verdict.suites[0].bytes == pytest.approx(verdict.suites[0].base)
    assert (outputs.records_in, outputs.kept, outputs.dropped) == (10, 8, {"nothing novel": 2})
    again = Outputs(tmp_path / "again")
    run(base, adapter, data, again)
    for name in ("verdict/verdict.json", "measured/groups.jsonl", "measured/metrics.json"):
        assert (outputs.folder / name).read_bytes() == (again.folder / name).read_bytes()


def test_a_test_split_without_novel_lines_is_refused_in_words(base: Path, adapter: Path, tmp_path: Path) -> None:
    run(base, adapter, write_dataset(tmp_path / "data"), Outputs(tmp_path / "out"))
    verdict = Verdict.model_validate_json((tmp_path / "out/verdict/verdict.json").read_bytes())
    assert verdict.outcome is Outcome.REFUSED
    assert "no novel lines" in verdict.suites[0].required


def test_more_text_than_the_bound_is_sampled(
    base: Path, adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate, "MAX_CHARACTERS_PER_SUITE", 3 * len(TEXTS[0]))
    data = write_dataset(tmp_path / "data", test=[sample(number) for number in range(10)])
    outputs = Outputs(tmp_path / "out")
    run(base, adapter, data, outputs)
    assert (outputs.kept, outputs.dropped) == (3, {"enough measured": 7})


def sample(number: int, *, novel: bool = True) -> dict[str, Any]:
    spans = [{"start": 0, "end": len(TEXTS[0]), "group": f"commit-{number}"}] if novel else []
    return {"id": f"{number:024x}", "text": TEXTS[0], "novel": spans}


def run(base: Path, adapter: Path, data: Path, outputs: Outputs) -> None:
    folders = {"model": (base,), "adapter": (adapter,), "suite-held-out": (data,)}
    suite = SuiteParams(name="held-out", require=Requirement(min_gain_percent=100))
    params = EvaluateParams(suites=(suite,), max_tokens=MAX_TOKENS)
    evaluate.run(params, Inputs(folders, digests={"adapter": (ADAPTER_DIGEST,)}), outputs)


# ---- generate


def test_a_completion_longer_than_the_model_reaches_is_refused(base: Path) -> None:
    with pytest.raises(BadInput, match=r"length with 300 new tokens is 302, but tiny takes at most 256"):
        generate(base, None, "x", 300, 0.0, 0)


def test_a_prompt_is_completed_alike_by_the_same_seed(base: Path, adapter: Path) -> None:
    assert generate(base, None, "def ", 8, 1.0, 3) == generate(base, None, "def ", 8, 1.0, 3)
    assert generate(base, None, "def ", 8, 0.0, 3) == generate(base, None, "def ", 8, 0.0, 4)
    assert generate(base, None, "def ", 8, 0.0, 0) != generate(base, adapter, "def ", 8, 0.0, 0)
