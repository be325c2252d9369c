"""`write-output`: which samples are written, in what order, in which columns, and what in them is new."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from repoloom_api.catalogue import DeduplicateParams, SplitParams, WriteOutputParams
from repoloom_stages import deduplicate, split, write_output
from repoloom_stages.errors import BadInput
from repoloom_stages.runtime.stage import Outputs
from repoloom_stages.sampling.novelty import code_lines
from repoloom_stages.sampling.sentinels import FAMILIES, TEXT, Parts, Sentinels, arrange
from support import samples

SPLITS = ("train", "validation", "test")
CONTROLS = Sentinels(*FAMILIES[0], control=True)
HELD_OUT = [{"start": 2, "end": 2, "group": "c" * 40}]


BEFORE_TEXT = (
    *("id", "kind", "view", "recipe", "granularity", "name", "crate", "module", "repo", "commit", "committed_at"),
    *("split", "lang", "license", "source"),
)
AFTER_TEXT = ("novel", "controls", "tokens", "complete", "parsed")


def params(format_: str = "records", shape: str = "text") -> WriteOutputParams:
    given = {"name": "out", "format": {format_: {}}, "shape": shape, "sources": [samples.SOURCE]}
    return WriteOutputParams.model_validate(given)


def run(
    folder: Path,
    records: list[Any],
    *,
    format_: str = "records",
    shards: int = 1,
    refused: tuple[Any, ...] = (),
    sides: dict[str, str] | None = None,
    shape: str = "text",
) -> Outputs:
    """Write records after `deduplicate` and `split`, or on sides given by path."""
    roles = samples.shards(folder / "in", records, shards)
    roles["refused"] = samples.refused(folder / "in", *refused)
    samples.run(deduplicate, DeduplicateParams(), roles, folder / "deduplicate")
    roles["copies"] = (folder / "deduplicate/copies",)
    if sides is None:
        roles["sides"] = samples.sides(folder / "in", records)
        samples.run(split, SplitParams(), roles, folder / "split")
        roles["splits"] = (folder / "split/splits",)
    else:
        table = [{"id": one["id"], "split": sides[one["source"][0]["path"]]} for one in records]
        roles["splits"] = (samples.written(folder / "in/splits", "ids.jsonl.zst", table),)
    return samples.run(
        write_output, params(format_, shape), samples.of_source(folder / "commit", roles), folder / "out"
    )


def rows(folder: Path, split_: str) -> list[dict[str, Any]]:
    text = (folder / f"out/output/out/{split_}.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def novel_texts(row: dict[str, Any]) -> list[tuple[str, str]]:
    return [(row["text"][span["start"] : span["end"]], span["group"]) for span in row["novel"]]


def mixed(number: int = 60) -> list[Any]:
    texts = [f"def function_{n % 50}(argument):\n    return argument + {n % 50}\n" for n in range(number)]
    return [samples.record(f"src/{n:03}.py", text, header=f"# src/{n:03}.py\n") for n, text in enumerate(texts)]


def test_each_record_is_written_once_or_dropped_for_one_reason(tmp_path: Path) -> None:
    records = mixed()
    leak = samples.record("z/test.py", "shared = 1\n", split="test")
    shown = samples.record("z/train.py", "shared = 1\n", split="train", recipe="other")
    roles = samples.shards(tmp_path / "in", [*records, leak])
    everything = samples.shards(tmp_path / "all", [*records, leak, shown])
    everything["sides"] = samples.sides(tmp_path / "all", records)
    roles["refused"] = samples.refused(tmp_path / "in", records[3])
    samples.run(deduplicate, DeduplicateParams(), roles, tmp_path / "deduplicate")
    roles["copies"] = (tmp_path / "deduplicate/copies",)
    samples.run(split, SplitParams(), everything, tmp_path / "split")
    roles["splits"] = (tmp_path / "split/splits",)
    outputs = samples.run(write_output, params(), samples.of_source(tmp_path / "commit", roles), tmp_path / "out")
    written = [row["id"] for split_ in SPLITS for row in rows(tmp_path, split_)]
    assert outputs.records_in == 61
    assert dict(outputs.dropped) == {"refused": 1, "copy": 10 - 1, "leak": 1}
    assert outputs.kept == len(written) == len(set(written)) == 50


def test_the_splits_hold_what_split_assigned(tmp_path: Path) -> None:
    run(tmp_path, mixed(50), sides={f"src/{n:03}.py": SPLITS[n % 3] for n in range(50)})
    for position, split_ in enumerate(SPLITS):
        found = rows(tmp_path, split_)
        assert {row["split"] for row in found} == {split_}
        assert [row["source"][0]["path"] for row in found] == [f"src/{n:03}.py" for n in range(50) if n % 3 == position]


def test_samples_come_by_repository_path_line_and_granularity(tmp_path: Path) -> None:
    places = [
        ("b", "a.py", 1, "file"),
        ("a", "b.py", 9, "function"),
        ("a", "b.py", 9, "class"),
        ("a", "b.py", 2, "file"),
        ("a", "a.py", 5, "file"),
    ]
    records = [
        samples.record(
            path, f"x = {n}\n", repo=f"https://example.org/{repo}", start=start, granularity=granularity, split="train"
        )
        for n, (repo, path, start, granularity) in enumerate(places)
    ]
    parts = [[one] for one in records]
    roles = {
        "records": tuple(
            samples.written(tmp_path / f"r{n}", "records.jsonl.zst", part) for n, part in enumerate(parts)
        ),
        "copies": (samples.written(tmp_path / "c", "ids.jsonl.zst", []),),
        "splits": (
            samples.written(tmp_path / "s", "ids.jsonl.zst", [{"id": one["id"], "split": "train"} for one in records]),
        ),
    }
    samples.run(write_output, params(), samples.of_source(tmp_path / "commit", roles), tmp_path / "out")
    assert [row["id"] for row in rows(tmp_path, "train")] == [records[n]["id"] for n in (4, 3, 2, 1, 0)]


@pytest.mark.parametrize("format_", ["records", "text", "taggedText"])
def test_parquet_and_json_lines_hold_the_same(tmp_path: Path, format_: str) -> None:
    run(tmp_path, mixed(50), format_=format_, sides={f"src/{n:03}.py": SPLITS[n % 3] for n in range(50)})
    for split_ in SPLITS:
        table = pq.read_table(tmp_path / f"out/output/out/{split_}.parquet")
        assert table.to_pylist() == rows(tmp_path, split_)
        assert rows(tmp_path, split_)


def test_records_are_published_without_what_is_internal(tmp_path: Path) -> None:
    run(tmp_path, mixed(1))
    (row,) = rows(tmp_path, "train")
    assert list(row) == [*BEFORE_TEXT, "text", *AFTER_TEXT]


PAIR = {"prompt_end": len("ask\n"), "text": "ask\nanswer\n", "rejected": "wrong\n", "code_start": 4, "code_end": 11}
PAIRS = {
    "promptCompletion": {"prompt": "ask\n", "completion": "answer\n"},
    "preference": {"prompt": "ask\n", "chosen": "answer\n", "rejected": "wrong\n"},
}


@pytest.mark.parametrize("shape", PAIRS)
def test_pairs_are_published_in_columns_as_trainers_name_them(tmp_path: Path, shape: str) -> None:
    novel = [{"start": 1, "end": 1, "group": "c" * 40}]
    record = samples.record("a.py", "answer\n", split="test", novel=novel, shape=shape) | PAIR
    run(tmp_path, [record], shape=shape)
    (row,) = rows(tmp_path, "test")
    assert list(row) == [*BEFORE_TEXT, *PAIRS[shape], *AFTER_TEXT]
    assert {name: row[name] for name in PAIRS[shape]} == PAIRS[shape]
    joined = row["prompt"] + row.get("completion", row.get("chosen"))
    assert novel_texts(row | {"text": joined}) == [("answer\n", "c" * 40)]
    assert pq.read_table(tmp_path / "out/output/out/test.parquet").to_pylist() == [row]
    (summary,) = samples.lines(tmp_path / "out/summary/samples.jsonl.zst")
    assert summary["bytes"] == sum(len(text) for text in PAIRS[shape].values())


def test_control_tokens_move_with_the_tags(tmp_path: Path) -> None:
    text, controls = arrange(Parts("one\n", "two\n", "three\n"), CONTROLS, suffix_first=False)
    record = samples.record("a.py", text, split="train", view="fill-in-middle", controls=controls)
    for format_ in ("records", "taggedText"):
        run(tmp_path / format_, [record], format_=format_)
        (row,) = rows(tmp_path / format_, "train")
        assert tuple(row["text"][one["start"] : one["end"]] for one in row["controls"]) == CONTROLS.all


@pytest.mark.parametrize("sentinels", [CONTROLS, TEXT], ids=["controls", "text"])
@pytest.mark.parametrize("suffix_first", [False, True])
def test_novel_lines_around_a_middle_keep_their_numbers(
    tmp_path: Path, sentinels: Sentinels, suffix_first: bool
) -> None:
    text, controls = arrange(Parts("one\ntw", "o\nthree", "\nfour\n"), sentinels, suffix_first=suffix_first)
    novel = [{"start": 2, "end": 2, "group": "c" * 40}, {"start": 4, "end": 4, "group": "d" * 40}]
    record = samples.record("a.py", text, split="test", view="fill-in-middle", controls=controls, novel=novel)
    run(tmp_path, [record])
    shown = novel_texts(rows(tmp_path, "test")[0])
    assert ("four\n", "d" * 40) in shown
    assert next(text for text, group in shown if group == "c" * 40) in ("tw", "two\n")


@pytest.mark.parametrize("suffix_first", [False, True])
def test_training_on_a_text_with_a_middle_teaches_the_lines_it_was_cut_in(tmp_path: Path, suffix_first: bool) -> None:
    text, controls = arrange(Parts("known = 1\nalso_", "known = 2\nlas", "t = 3\n"), TEXT, suffix_first=suffix_first)
    trained = samples.record("z.py", text, view="fill-in-middle", controls=controls)
    held = samples.record("a.py", "known = 1\nalso_known = 2\nlast = 3\nnew = 4\n")
    run(tmp_path, [trained, held], sides={"z.py": "train", "a.py": "test"})
    assert novel_texts(rows(tmp_path, "test")[0]) == [("new = 4\n", "a.py")]


def test_a_record_without_a_commit_stands_in_the_snapshot_of_its_source(tmp_path: Path) -> None:
    records = {
        name: [
            samples.record(f"{name}/a.py", f"a = '{name}'\n", split="train", commit="", committed_at=""),
            samples.record(f"{name}/b.py", f"b = '{name}'\n", split="train"),
        ]
        for name in ("one", "two")
    }
    roles = {}
    for name, made in records.items():
        roles |= samples.of_source(tmp_path / name, samples.shards(tmp_path / name, made), name)
    (tmp_path / "two" / "commit.json").write_text('{"commit": "other", "committed_at": "2026-02-02T00:00:00Z"}')
    ids = [one["id"] for made in records.values() for one in made]
    splits = [{"id": one, "split": "train"} for one in ids]
    roles["splits"] = (samples.written(tmp_path / "s", "ids.jsonl.zst", splits),)
    of_both = params().model_copy(update={"sources": ("one", "two")})
    samples.run(write_output, of_both, roles, tmp_path / "out")
    known = {"one/a.py": (samples.SNAPSHOT, "2026-01-01T00:00:00Z"), "two/a.py": ("other", "2026-02-02T00:00:00Z")}
    own = (samples.COMMIT, "2026-01-02T03:04:05Z")
    for row in rows(tmp_path, "train") + samples.lines(tmp_path / "out/summary/samples.jsonl.zst"):
        path = row["path"] if "path" in row else row["source"][0]["path"]
        assert (row["commit"], row["committed_at"]) == known.get(path, own)


def test_an_empty_split_has_no_rows_and_the_same_columns(tmp_path: Path) -> None:
    run(tmp_path, mixed(1))
    tables = [pq.read_table(tmp_path / f"out/output/out/{split_}.parquet") for split_ in SPLITS]
    assert [table.num_rows for table in tables] == [1, 0, 0]
    assert tables[0].schema.equals(tables[1].schema, check_metadata=True)
    assert [(tmp_path / f"out/output/out/{split_}.jsonl").stat().st_size > 0 for split_ in SPLITS] == [
        True,
        False,
        False,
    ]


def test_nothing_at_all_is_still_an_output(tmp_path: Path) -> None:
    outputs = run(tmp_path, [])
    assert outputs.kept == 0
    assert samples.lines(tmp_path / "out/summary/samples.jsonl.zst") == []


def test_same_records_in_other_shards_give_the_same_bytes(tmp_path: Path) -> None:
    run(tmp_path / "one", mixed(), refused=tuple(mixed()[5:7]))
    run(tmp_path / "many", mixed()[::-1], refused=tuple(mixed()[5:7]), shards=5)
    assert samples.files(tmp_path / "one/out") == samples.files(tmp_path / "many/out")


def test_row_groups_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_output, "ROW_GROUP_BYTES", 4_000)
    run(tmp_path, mixed(50), sides={f"src/{n:03}.py": "train" for n in range(50)})
    file = pq.ParquetFile(tmp_path / "out/output/out/train.parquet")
    assert file.num_row_groups > 3
    assert sum(file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)) == 50


def test_training_samples_have_no_novel_spans(tmp_path: Path) -> None:
    run(tmp_path, mixed(50), sides={f"src/{n:03}.py": SPLITS[n % 3] for n in range(50)})
    assert all(row["novel"] == [] for row in rows(tmp_path, "train"))
    assert any(row["novel"] for row in rows(tmp_path, "test"))


def test_novel_lines_of_a_commit_become_spans_of_the_text(tmp_path: Path) -> None:
    novel = [{"start": 11, "end": 12, "group": "c" * 40}, {"start": 13, "end": 13, "group": "d" * 40}]
    record = samples.record(
        "a.py", "ä\r\nnew 1\r\nnew 2\nnew 3", header="# header\n", start=10, split="test", novel=novel
    )
    run(tmp_path, [record])
    (row,) = rows(tmp_path, "test")
    assert novel_texts(row) == [("new 1\r\nnew 2\n", "c" * 40), ("new 3", "d" * 40)]


def test_lines_of_a_unit_that_starts_in_mid_line_keep_their_numbers(tmp_path: Path) -> None:
    record = samples.record(
        "a.rs", "fn a() {\n    new();\n} ", header="// a.rs\n\n", start=1, split="test", novel=HELD_OUT
    )
    run(tmp_path, [record])
    assert novel_texts(rows(tmp_path, "test")[0]) == [("    new();\n", "c" * 40)]


def test_spans_move_with_the_tags(tmp_path: Path) -> None:
    record = samples.record("a.py", "\nnew = 1\nold = 2\n", split="validation", novel=HELD_OUT)
    run(tmp_path, [record], format_="taggedText")
    (row,) = rows(tmp_path, "validation")
    assert row["text"] == "<code>\n\nnew = 1\nold = 2\n\n</code>"
    assert novel_texts(row) == [("new = 1\n", "c" * 40)]
    assert list(row) == ["id", "text", "novel", "controls"]


def test_a_line_counts_once_though_file_and_function_show_it(tmp_path: Path) -> None:
    novel = [{"start": 2, "end": 3, "group": "c" * 40}]
    blob = {"blob": "b" * 40}
    whole = samples.record("a.py", "one\ntwo\nthree\n", split="test", novel=novel, origin=blob)
    part = samples.record(
        "a.py", "two\nthree\nfour\n", start=2, split="test", novel=novel, granularity="function", origin=blob
    )
    run(tmp_path, [part, whole])
    assert [novel_texts(row) for row in rows(tmp_path, "test")] == [[("two\nthree\n", "c" * 40)], []]


def test_two_versions_of_a_file_have_lines_of_their_own(tmp_path: Path) -> None:
    versions = [
        samples.record("a.py", f"one\n{side} is new\n", split=side, novel=HELD_OUT, origin={"blob": side})
        for side in ("validation", "test")
    ]
    run(tmp_path, versions)
    assert [novel_texts(rows(tmp_path, side)[0]) for side in ("validation", "test")] == [
        [("validation is new\n", "c" * 40)],
        [("test is new\n", "c" * 40)],
    ]


def test_by_file_a_line_is_new_that_neither_training_nor_an_earlier_held_out_sample_shows(tmp_path: Path) -> None:
    records = [
        samples.record("a/held.py", "import trained\nfirst = 1\n}\n42 42 42\nfirst = 1\n"),
        samples.record("b/held.py", "    first = 1\nsecond = 2\nthird = 3\n"),
        samples.record("z/trained.py", "if True:\n    import trained\n"),
    ]
    run(tmp_path, records, sides={"a/held.py": "test", "b/held.py": "validation", "z/trained.py": "train"})
    assert novel_texts(rows(tmp_path, "test")[0]) == [("first = 1\n", "a/held.py")]
    assert novel_texts(rows(tmp_path, "validation")[0]) == [("second = 2\nthird = 3\n", "b/held.py")]


def test_dropped_samples_teach_nothing_and_hold_nothing(tmp_path: Path) -> None:
    refused = samples.record("z/refused.py", "first = 1\n")
    leak = samples.record("a/leak.py", "second = 2\n")
    held = samples.record("b/held.py", "first = 1\nsecond = 2\n")
    sides = {"z/refused.py": "train", "a/leak.py": "", "b/held.py": "test"}
    run(tmp_path, [refused, leak, held], refused=(refused,), sides=sides)
    assert novel_texts(rows(tmp_path, "test")[0]) == [("first = 1\nsecond = 2\n", "b/held.py")]


def test_headers_are_never_new(tmp_path: Path) -> None:
    record = samples.record("a.py", "value = 1\n", header="# File: a.py\n")
    run(tmp_path, [record], sides={"a.py": "test"})
    assert novel_texts(rows(tmp_path, "test")[0]) == [("value = 1\n", "a.py")]


@given(st.text(), st.text(), st.text())
def test_lines_of_code_add_up_to_the_code(header: str, code: str, after: str) -> None:
    record = samples.record("a", code, header=header) | {"text": header + code + after}
    spans = list(code_lines(record))
    assert "".join(record["text"][span["start"] : span["end"]] for span in spans) == code
    assert [span["number"] for span in spans] == list(range(1, len(spans) + 1))
    assert len(spans) == len(code.removesuffix("\n").split("\n")) - (code == "")


def test_the_summary_says_what_was_written(tmp_path: Path) -> None:
    record = samples.record(
        "a.py", "old\nnew ä\n", start=4, split="test", novel=[{"start": 5, "end": 5, "group": "c" * 40}], tokens=9
    )
    run(tmp_path, [record], format_="taggedText")
    (summary,) = samples.lines(tmp_path / "out/summary/samples.jsonl.zst")
    same = ("id", "recipe", "granularity", "lang", "repo", "commit", "committed_at", "name", "complete", "tokens")
    assert summary == {name: record[name] for name in same} | {
        "split": "test",
        "path": "a.py",
        "start": 4,
        "end": 5,
        "shape": "text",
        "view": "plain",
        "shown": [["a.py", 4, 5]],
        "content": record["source"][0]["sha256"],
        "bytes": len("<code>\nold\nnew ä\n\n</code>".encode()),
        "novel_lines": 1,
        "novel_bytes": 7,
        "novel_groups": ["c" * 40],
    }


def test_a_file_that_is_one_function_is_written_once(tmp_path: Path) -> None:
    twice = [samples.record("a.py", "def a(): ...\n", granularity=one) for one in ("file", "function")]
    outputs = run(tmp_path, twice)
    assert [row["granularity"] for row in rows(tmp_path, "train")] == ["file"]
    assert dict(outputs.dropped) == {"copy": 1}


def test_a_sample_without_a_split_is_named(tmp_path: Path) -> None:
    roles = samples.shards(tmp_path / "in", mixed(1)) | {
        "splits": (samples.written(tmp_path / "s", "ids.jsonl.zst", []),)
    }
    with pytest.raises(BadInput, match=r"splits/ids\.jsonl\.zst has no sample .* of src/000\.py"):
        samples.run(write_output, params(), samples.of_source(tmp_path / "commit", roles), tmp_path / "out")


def test_unsorted_records_are_refused(tmp_path: Path) -> None:
    records = [samples.record(path, f"x = '{path}'\n", split="train") for path in ("b.py", "a.py")]
    roles = {
        "records": (samples.written(tmp_path / "r", "records.jsonl.zst", records),),
        "splits": (
            samples.written(tmp_path / "s", "ids.jsonl.zst", [{"id": one["id"], "split": "train"} for one in records]),
        ),
    }
    with pytest.raises(BadInput, match=r"a\.py comes after b\.py"):
        samples.run(write_output, params(), samples.of_source(tmp_path / "commit", roles), tmp_path / "out")
