"""Texts made to exhaust a parser, through `index-code` and `code-units`: left unread with a reason, and the rest read.

What stands in the way of a whole repository is in `test_hostile_repositories`.
"""

import resource
from pathlib import Path

import pytest

from repoloom_stages.index_code import PARSER_LIMITS, TOO_LARGE, facts_of
from repoloom_stages.runtime.memos import Memo
from repoloom_stages.syntax.finders import FINDERS
from support.shards import cut_units, index_shard, made, source_file, write_shard

INDEX = "index/files.jsonl.zst"
GOOD = source_file("z/good.py", "def good():\n    return 'good'\n")

SUFFIXES = {
    "c": "c",
    "cpp": "cpp",
    "csharp": "cs",
    "go": "go",
    "java": "java",
    "javascript": "js",
    "python": "py",
    "rust": "rs",
    "tsx": "tsx",
    "typescript": "ts",
}

EXHAUSTING = {
    "a gigabyte for ten kilobytes": ("rust", "]/=x(" * 2_000),
    "conditions in patterns": ("python", "if as pattern " * 6_000),
    "comparisons of nothing": ("java", "> _literal ( " * 1_500),
}


@pytest.mark.parametrize("case", EXHAUSTING)
def test_a_text_that_exhausts_the_parser_is_left_unread_and_counted(case: str, tmp_path: Path) -> None:
    language, text = EXHAUSTING[case]
    shard = write_shard(tmp_path / "in", source_file(f"a.{SUFFIXES[language]}", text), GOOD)
    outputs = index_shard(shard, tmp_path / "out")
    bad, good = made(outputs, INDEX)
    assert (bad["unread"], bad["parsed"], bad["items"], bad["lines"]) == (PARSER_LIMITS, False, [], 1)
    assert [item["name"] for item in good["items"]] == ["good"]
    assert (outputs.records_in, outputs.kept, dict(outputs.dropped)) == (2, 1, {PARSER_LIMITS: 1})


def test_the_memo_knows_that_a_text_is_not_read(tmp_path: Path) -> None:
    language, text = EXHAUSTING["a gigabyte for ten kilobytes"]
    shard = write_shard(tmp_path / "in", source_file(f"a.{SUFFIXES[language]}", text))
    cold = index_shard(shard, tmp_path / "cold")
    warm = index_shard(shard, tmp_path / "warm", Memo(cold.memo.added()))
    assert (warm.memo.computed, dict(warm.dropped)) == (0, {PARSER_LIMITS: 1})
    assert (warm.folder / INDEX).read_bytes() == (cold.folder / INDEX).read_bytes()


def test_units_of_an_unread_text_are_cut_between_lines_without_parsing_it(tmp_path: Path) -> None:
    text = "// a line\n" * 200 + EXHAUSTING["a gigabyte for ten kilobytes"][1]
    before = peak_bytes()
    outputs = cut_units(tmp_path / "out", source_file("a.rs", text), max_tokens=512, granularities=["file"])
    samples = made(outputs, "records/records.jsonl.zst")
    assert len(samples) > 1
    assert not any(one["parsed"] for one in samples)
    assert {line for one in samples for line in range(one["source"][0]["start"], one["source"][0]["end"] + 1)} == set(
        range(1, 202)
    )
    assert peak_bytes() - before < 200_000_000
    assert outputs.records_in == outputs.kept + sum(outputs.dropped.values())


def peak_bytes() -> int:
    """The most memory that this process, without its children, has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def test_a_file_of_fifty_megabytes_is_counted_and_not_parsed(tmp_path: Path) -> None:
    line = "fn a() { b(c, d); }\n"
    text = line * (50_000_000 // len(line))
    outputs = index_shard(write_shard(tmp_path / "in", source_file("a.rs", text), GOOD), tmp_path / "out")
    large, good = made(outputs, INDEX)
    assert (large["unread"], large["lines"], good["unread"]) == (TOO_LARGE, 2_500_000, "")
    assert (outputs.records_in, outputs.kept, dict(outputs.dropped)) == (2, 1, {TOO_LARGE: 1})


NESTED = {"brackets": ("(", ")"), "braces": ("{", "}"), "brackets without end": ("(", "")}


@pytest.mark.parametrize("language", sorted(FINDERS))
def test_a_hundred_thousand_levels_are_read_or_left_and_counted(language: str, tmp_path: Path) -> None:
    files = [
        source_file(f"{number}.{SUFFIXES[language]}", opener * 100_000 + closer * 100_000)
        for number, (opener, closer) in enumerate(NESTED.values())
    ]
    outputs = index_shard(write_shard(tmp_path / "in", *files, GOOD), tmp_path / "out")
    found = made(outputs, INDEX)
    assert [one["path"] for one in found] == sorted(one["path"] for one in [*files, GOOD])
    assert not any(one["parsed"] for one in found[:-1])
    assert found[-1]["parsed"]
    unread = sum(one["unread"] == PARSER_LIMITS for one in found)
    assert (outputs.kept, outputs.dropped[PARSER_LIMITS]) == (len(found) - unread, unread)


ODD = {
    "CRLF": "{code}",
    "a byte order mark": "\ufeff{code}",
    "control characters": "{code}\x01\x02\x07\x08\x0b\x0c\x1b[31m\x7f\x85\u2028\u2029\n",
    "bidirectional characters": "{code}/* \u202e\u2066 } \u2069\u2066 */ \u200f\u061c\n",
    "special tokens": "{code}<|endoftext|><|fim_prefix|><s></s>[INST]<|im_start|>system\n",
    "private use and beyond": "{code}\ue000\U0010fffd\ufffe\n",
}


@pytest.mark.parametrize("oddity", ODD)
@pytest.mark.parametrize("language", sorted(FINDERS))
def test_odd_characters_leave_what_stands_before_them_read(language: str, oddity: str) -> None:
    code = CODE.get(language, "void good() { }\n")
    text = ODD[oddity].replace("{code}", code)
    if oddity == "CRLF":
        text = text.replace("\n", "\r\n")
    facts = facts_of(language, text.encode())
    assert "good" in [item["name"].rpartition(".")[2] for item in facts["items"]]
    assert all(0 <= item["start"] < item["end"] <= len(text.encode()) for item in facts["items"])


CODE = {
    "csharp": "class A { void good() { } }\n",
    "go": "package a\n\nfunc good() { }\n",
    "java": "class A { void good() { } }\n",
    "javascript": "function good() { }\n",
    "python": "def good(): pass\n\n",
    "rust": "fn good() { }\n",
    "tsx": "function good() { }\n",
    "typescript": "function good() { }\n",
}
