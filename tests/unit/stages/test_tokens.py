"""Counts are the tokenizer's own, and no text of a repository becomes a control token."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, processors

from repoloom_stages.errors import BadInput
from repoloom_stages.fast_tokens import FastTokenizer
from repoloom_stages.tokens import SWITCH_CHARACTERS, TokenCounter, text_tokenizer
from support.models import END, MIDDLE, train_tokenizer
from support.shards import write_tokenizer

TEXTS = ["", "def add(a):\n    return a\n", "größe = '日本😀'\r\n\t", "    " * 9, "a" * 1000]


def document(tokenizer: Tokenizer) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(tokenizer.to_str())
    return loaded


EMPTY: dict[str, Any] = {
    "version": "1.0",
    "added_tokens": [],
    "truncation": None,
    "padding": None,
    "normalizer": None,
    "pre_tokenizer": None,
    "post_processor": None,
    "decoder": None,
}


def fast_counter() -> TokenCounter:
    counter = TokenCounter(document(train_tokenizer()))
    counter.count(["x" * 2 * SWITCH_CHARACTERS])
    return counter


COUNTERS = TokenCounter(document(train_tokenizer())), fast_counter()


def counter_of(tokenizer: Tokenizer, folder: Path) -> TokenCounter:
    tokenizer.save(str(folder / "tokenizer.json"))
    return TokenCounter.load(folder)


def test_counts_are_those_of_the_tokenizer(tmp_path: Path) -> None:
    plain = train_tokenizer()
    counter = counter_of(plain, tmp_path)
    assert counter.count(TEXTS) == [len(plain.encode(text).ids) for text in TEXTS]
    assert counter.count([]) == []


def test_counts_include_what_the_tokenizers_template_adds(tmp_path: Path) -> None:
    tokenizer = train_tokenizer()
    plain = [len(tokenizer.encode(text).ids) for text in TEXTS]
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{END} $A {END}", special_tokens=[(END, 0)])
    counter = counter_of(tokenizer, tmp_path)
    assert counter.count(TEXTS) == [number + 2 for number in plain]
    assert len(counter.starts(TEXTS[1])) == plain[1]


def test_truncation_and_padding_in_the_file_cut_no_count_short(tmp_path: Path) -> None:
    tokenizer = train_tokenizer()
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(length=64)
    assert counter_of(tokenizer, tmp_path).count(["a" * 1000, ""]) == [len(train_tokenizer().encode("a" * 1000).ids), 0]


@pytest.mark.parametrize("control", [END, MIDDLE])
def test_a_control_tokens_name_in_source_is_text(control: str) -> None:
    trained = train_tokenizer()
    assert len(trained.encode(control).ids) == 1
    tokenizer = text_tokenizer(document(trained))
    encoding = tokenizer.encode(f"a {control} b")
    assert trained.token_to_id(control) not in encoding.ids
    assert tokenizer.decode(encoding.ids, skip_special_tokens=False) == f"a {control} b"


def test_runs_of_spaces_that_a_tokenizer_adds_stay_tokens() -> None:
    trained = train_tokenizer()
    assert text_tokenizer(document(trained)).encode("    x").ids == trained.encode("    x").ids


@given(st.text(max_size=40))
def test_starts_are_in_order_within_the_text(text: str) -> None:
    starts = list(TokenCounter(document(train_tokenizer())).starts(text))
    assert starts == sorted(starts)
    assert not text or starts[0] == 0
    characters = {len(text[:number].encode()) for number in range(len(text))}
    assert set(starts) <= characters


@given(st.text(max_size=60))
def test_the_faster_tokenizer_says_the_same(text: str) -> None:
    slow, fast = COUNTERS
    assert fast.count([text, f"{text}\n{text}"]) == slow.count([text, f"{text}\n{text}"])
    assert fast.starts(text) == slow.starts(text)
    assert fast.is_fast
    assert not slow.is_fast


def test_the_faster_tokenizer_starts_with_the_first_text_over_the_limit() -> None:
    counter = TokenCounter(document(train_tokenizer()))
    words = "let x = 1;\n" * 1000
    one = counter.count([words])
    assert not counter.is_fast
    assert counter.count([words] * (SWITCH_CHARACTERS // len(words))) == one * (SWITCH_CHARACTERS // len(words))
    assert counter.is_fast


def test_names_of_control_tokens_are_text_to_the_faster_one_too() -> None:
    slow, fast = COUNTERS
    text = " ".join(token["content"] for token in document(train_tokenizer())["added_tokens"])
    assert fast.count([text]) == slow.count([text])


@pytest.mark.parametrize(
    "model",
    [
        {"type": "WordLevel", "vocab": {"a": 0, "[UNK]": 1}, "unk_token": "[UNK]"},
        {"type": "Unigram", "vocab": [["<unk>", 0.0], ["a", -1.0]], "unk_id": 0, "byte_fallback": False},
    ],
    ids=lambda model: str(model["type"]),
)
def test_a_kind_that_the_faster_one_does_not_know_is_counted_all_the_same(model: dict[str, Any]) -> None:
    counter = TokenCounter(json.loads(Tokenizer.from_str(json.dumps(EMPTY | {"model": model})).to_str()))
    assert counter.count(["a" * 2 * SWITCH_CHARACTERS])[0] > 0
    assert not counter.is_fast


def test_another_tokenizer_is_not_taken_for_the_same() -> None:
    more = document(train_tokenizer())
    more["added_tokens"].append(more["added_tokens"][-1] | {"id": 301, "content": "fn main"})
    assert FastTokenizer.of(more, text_tokenizer(document(train_tokenizer()))) is None


def test_one_difference_and_the_faster_one_is_given_up_for_good() -> None:
    plain = document(train_tokenizer())
    joined = Tokenizer.from_str(json.dumps(plain))
    joined.add_tokens([AddedToken("é", special=False)])
    counter = TokenCounter(plain)
    expected = counter.count(["é", "x"])
    counter._fast = FastTokenizer.of(plain | {"added_tokens": plain["added_tokens"][-1:]}, joined)
    assert counter.count(["x"]) == expected[1:]
    assert counter.is_fast
    assert counter.count(["é", "x"]) == expected
    assert not counter.is_fast


def test_the_digest_is_the_files(tmp_path: Path) -> None:
    first, again, other = (tmp_path / name for name in "abc")
    write_tokenizer(first), write_tokenizer(again), write_tokenizer(other)
    (other / "tokenizer.json").write_text((first / "tokenizer.json").read_text() + "\n")
    digests = [TokenCounter.load(folder).digest for folder in (first, again, other)]
    assert digests[0] == digests[1] != digests[2]


def test_a_model_without_a_tokenizer_that_can_be_read_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"spec\.tokenizer.*tokenizer\.json"):
        TokenCounter.load(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(BadInput, match=r"spec\.tokenizer.*not JSON"):
        TokenCounter.load(tmp_path)
