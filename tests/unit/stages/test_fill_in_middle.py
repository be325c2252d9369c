"""A middle to fill in: what it is, how it is written, and that nothing of the source is lost."""

import email
import hashlib
import json
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from repoloom_stages.errors import BadInput
from repoloom_stages.records import Record
from repoloom_stages.runtime.stage import Outputs
from repoloom_stages.sampling.fill_in_middle import draws, fill_in_middle
from repoloom_stages.sampling.sentinels import FAMILIES, TEXT, Parts, Sentinels, arrange, code_of, sentinels_of
from repoloom_stages.syntax.grammars import grammar_of
from repoloom_stages.tokens import text_tokenizer
from repoloom_stages.tuning.corpus import Encoder
from support import samples
from support.shards import cut_units, made, source_file, write_tokenizer

QWEN = Sentinels(*FAMILIES[0], control=True)
RUST = "//! Größe.\n\n" + "".join(
    f"/// Adds {n}.\npub fn add_{n}(left: u32) -> u32 {{\n    let right = {n};\n    left + right\n}}\n\n"
    for n in range(40)
)
PACKAGE = Path(email.__file__).parent
"""Python files written by others, that every machine has."""

ONLY_FILLED = {"fillInMiddle": {"percent": 100}}


def filled(outputs: Outputs) -> list[Any]:
    return [one for one in made(outputs, "records/records.jsonl.zst") if one["view"] == "fill-in-middle"]


def written(parts: Parts, sentinels: Sentinels, *, suffix_first: bool, header: str = "") -> Record:
    text, controls = arrange(parts, sentinels, suffix_first=suffix_first)
    moved = [{"start": one["start"] + len(header), "end": one["end"] + len(header)} for one in controls]
    return samples.record("a", text, header=header, view="fill-in-middle", controls=moved)


def test_a_random_middle_says_something_and_so_does_what_is_around_it() -> None:
    code = b"alpha beta gamma\n\n\n"
    texts = {fill_in_middle(code, 0, len(code), None, TEXT, draws(str(number)))[0] for number in range(300)}
    prefix, suffix, middle = TEXT.prefix, TEXT.suffix, TEXT.middle
    prefix_first = [text for text in texts if text.startswith(prefix) and not text.startswith(prefix + suffix)]
    assert len(prefix_first) > 5
    for text in prefix_first:
        before, rest = text.removeprefix(prefix).split(suffix)
        after, between = rest.split(middle)
        assert between.strip(), text
        assert (before + after).strip(), text


@pytest.mark.parametrize("sentinels", [QWEN, TEXT], ids=["controls", "text"])
@given(st.text(), st.text(), st.text(), st.booleans(), st.text())
def test_the_parts_rejoin_to_the_code(
    sentinels: Sentinels, prefix: str, middle: str, suffix: str, suffix_first: bool, header: str
) -> None:
    parts = Parts(prefix, middle, suffix)
    if not sentinels.control and any(one in prefix + middle + suffix for one in sentinels.all):
        return
    assert code_of(written(parts, sentinels, suffix_first=suffix_first, header=header)) == prefix + middle + suffix


def test_sentinels_in_code_are_no_matter_where_control_tokens_are_marked() -> None:
    parts = Parts("a <|fim_suffix|>\n", "<|fim_middle|>", "<|fim_prefix|> b")
    for suffix_first in (False, True):
        assert code_of(written(parts, QWEN, suffix_first=suffix_first)) == "".join(parts)


def test_both_arrangements_are_as_published() -> None:
    parts = Parts("P", "M", "S")
    assert arrange(parts, TEXT, suffix_first=False) == ("<fim_prefix>P<fim_suffix>S<fim_middle>M", [])
    assert arrange(parts, TEXT, suffix_first=True) == ("<fim_prefix><fim_suffix>S<fim_middle>PM", [])


@given(st.text(min_size=3), st.integers())
def test_any_text_without_a_tree_has_a_middle(code: str, seed: int) -> None:
    source = code.encode()
    text, controls = fill_in_middle(source, 0, len(source), None, QWEN, draws(str(seed)))
    record = samples.record("a", text, view="fill-in-middle", controls=controls)
    assert code_of(record) == code


def middles(number: int) -> tuple[int, int, int]:
    """Of so many middles in a file: whole nodes, random spans, and texts with the suffix first."""
    grammar = grammar_of("rust")
    assert grammar is not None
    source = RUST.encode()
    tree = grammar.parse(source)
    assert tree is not None
    nodes, stack = set(), [tree.root_node]
    while stack:
        node = stack.pop()
        nodes.add((node.start_byte, node.end_byte))
        stack += node.children
    whole = suffix_first = 0
    for seed in range(number):
        text, _ = fill_in_middle(source, 0, len(source), tree, TEXT, draws("seed", str(seed)))
        first, rest = text.removeprefix(TEXT.prefix).split(TEXT.suffix)
        suffix, last = rest.split(TEXT.middle)
        middle = len(last.encode()) if first else len(source) - len(suffix.encode())
        start = len(first.encode())
        suffix_first += not first
        whole += (start, start + middle) in nodes if first else any(end == middle for _, end in nodes)
    return whole, number - whole, suffix_first


def test_four_middles_of_five_are_whole_nodes_and_half_of_the_texts_have_the_suffix_first() -> None:
    nodes, _, suffix_first = middles(1500)
    assert nodes / 1500 == pytest.approx(0.8, abs=0.06)
    assert suffix_first / 1500 == pytest.approx(0.5, abs=0.05)


def test_draws_follow_from_the_identity_alone() -> None:
    assert list(islice(draws("a", "b"), 5)) == list(islice(draws("a", "b"), 5)) != list(islice(draws("ab", ""), 5))
    many = list(islice(draws("x"), 2000))
    assert all(0 <= one < 1 for one in many)
    assert sum(many) / 2000 == pytest.approx(0.5, abs=0.03)


def test_every_sample_of_real_files_rejoins_to_its_lines(tmp_path: Path) -> None:
    paths = sorted(PACKAGE.glob("*.py"))[:12]
    files = [source_file(path.name, path.read_text()) for path in paths]
    outputs = cut_units(tmp_path, *files, granularities=["file", "function"], max_tokens=700, views=ONLY_FILLED)
    records = filled(outputs)
    assert len(records) == outputs.kept > 100
    assert outputs.records_in == outputs.kept + outputs.dropped.total()
    lines = {path.name: path.read_text().splitlines(keepends=True) for path in paths}
    for one in records:
        (origin,) = one["source"]
        assert hashlib.sha256(code_of(one).encode()).hexdigest() == origin["sha256"]
        assert code_of(one) in "".join(lines[origin["path"]][origin["start"] - 1 : origin["end"]])
        assert one["tokens"] <= 700


def test_tokens_count_each_control_token_as_one(tmp_path: Path) -> None:
    folder = write_tokenizer(tmp_path / "model", *QWEN.all)
    text = RUST + "// <|fim_suffix|>\n"
    for tagged in (False, True):
        outputs = cut_units(
            tmp_path / str(tagged), source_file("a.rs", text), tokenizer=folder, tagged=tagged, views=ONLY_FILLED
        )
        (one,) = filled(outputs)
        assert tuple(one["text"][place["start"] : place["end"]] for place in one["controls"]) == QWEN.all
        plain = text_tokenizer(json.loads((folder / "tokenizer.json").read_text()))
        edges = [0, *(place[end] for place in one["controls"] for end in ("start", "end")), len(one["text"])]
        pieces = [one["text"][low:high] for low, high in zip(edges[::2], edges[1::2], strict=True)]
        if tagged:
            pieces[0], pieces[-1] = f"<code>\n{pieces[0]}", f"{pieces[-1]}\n</code>"
        assert one["tokens"] == 3 + sum(len(plain.encode(piece).ids) for piece in pieces)
        assert code_of(one) == text


def test_training_reads_control_tokens_as_such_and_their_names_as_text(tmp_path: Path) -> None:
    folder = write_tokenizer(tmp_path / "model", *QWEN.all)
    outputs = cut_units(
        tmp_path,
        source_file("a.rs", f"{RUST}// {QWEN.middle}\n"),
        tokenizer=folder,
        views=ONLY_FILLED,
        header={"none": {}},
    )
    (one,) = filled(outputs)
    known = Tokenizer.from_file(str(folder / "tokenizer.json"))
    encoder = Encoder(text_tokenizer(json.loads((folder / "tokenizer.json").read_text())), start=0, end=0)
    encoded = encoder.encode(one["text"], one["controls"])
    controls = [known.token_to_id(name) for name in QWEN.all]
    assert [number for number in encoded.ids if number in controls] == controls
    assert len(encoded.ids) == one["tokens"]
    assert encoded.offsets == sorted(encoded.offsets)
    assert [encoded.offsets[encoded.ids.index(number)] for number in controls] == [
        (place["start"], place["end"]) for place in one["controls"]
    ]
    assert not set(controls) & set(encoder.encode(one["text"]).ids)


def test_a_model_without_the_control_tokens_of_a_dataset_is_refused(tmp_path: Path) -> None:
    folder = write_tokenizer(tmp_path)
    encoder = Encoder(text_tokenizer(json.loads((folder / "tokenizer.json").read_text())), start=0, end=0)
    with pytest.raises(BadInput, match=r"fim_prefix.*spec\.tokenizer"):
        encoder.encode("<|fim_prefix|>x", [{"start": 0, "end": 14}])


@pytest.mark.parametrize("family", FAMILIES, ids=lambda names: names[0])
def test_the_sentinels_are_the_tokenizers_own(family: tuple[str, str, str]) -> None:
    assert sentinels_of(frozenset({*family, "<s>"})) == Sentinels(*family, control=True)
    assert sentinels_of(frozenset({*family[:2], "<s>"})) == TEXT


def test_code_with_sentinels_as_text_has_no_such_view_where_they_are_text(tmp_path: Path) -> None:
    outputs = cut_units(tmp_path, source_file("a.rs", f"{RUST}// {TEXT.suffix}\n"), views=ONLY_FILLED)
    assert (outputs.kept, outputs.dropped) == (0, {"no-middle": 1})


def test_so_many_percent_of_the_units_have_the_view(tmp_path: Path) -> None:
    views = {"plain": {}, "fillInMiddle": {"percent": 25}}
    text = "".join(f"fn f{n}() {{ g({n}); }}\n" for n in range(600))
    outputs = cut_units(tmp_path, source_file("a.rs", text), granularities=["function"], views=views)
    count = Counter(one["view"] for one in made(outputs, "records/records.jsonl.zst"))
    assert count["plain"] == 600
    assert count["fill-in-middle"] == pytest.approx(150, abs=35)
    names = {one["name"] for one in filled(outputs)}
    again = cut_units(tmp_path / "again", source_file("a.rs", text), granularities=["function"], views=views)
    assert {one["name"] for one in filled(again)} == names
    assert [one["text"] for one in filled(again)] == [one["text"] for one in filled(outputs)]


def test_the_plain_sample_comes_before_the_one_to_fill_in(tmp_path: Path) -> None:
    views = {"plain": {}, "fillInMiddle": {"percent": 100}}
    outputs = cut_units(tmp_path, source_file("a.rs", RUST), granularities=["function"], views=views)
    records = made(outputs, "records/records.jsonl.zst")
    assert [one["view"] for one in records[:4]] == ["plain", "fill-in-middle"] * 2
    assert len({one["id"] for one in records}) == len(records)


HOSTILE = {
    "deep nesting": "fn a() { " + "(" * 100_000 + "1" + ")" * 100_000 + " }\n",
    "bidirectional characters": 'fn a() { /* \u202e\u2066 */ "\u200f" }\n' * 3,
    "line ends of two characters and a mark": "\ufefffn a() {\r\n    b();\r\n}\r\n",
    "nothing but brackets": "}{" * 1000,
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_code_rejoins_or_is_counted(tmp_path: Path, case: str) -> None:
    outputs = cut_units(tmp_path, source_file("a.rs", HOSTILE[case]), views=ONLY_FILLED, max_tokens=2048)
    assert outputs.records_in == outputs.kept + outputs.dropped.total() > 0
    assert outputs.kept > 0
    # Parts of one line that say the same are made once.
    assert set(outputs.dropped) <= {"repeated"}
    assert outputs.dropped or "".join(code_of(one) for one in filled(outputs)) == HOSTILE[case]
