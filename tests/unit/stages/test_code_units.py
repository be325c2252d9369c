"""Samples are the units a recipe asks for, with their origin, within the budget; what is not made is counted."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from repoloom_api.v1alpha1.recipes import Granularity
from repoloom_stages.records import SourceFile, id_of
from repoloom_stages.runtime.stage import Outputs
from repoloom_stages.sampling.tagging import tag_code
from support.models import END, train_tokenizer
from support.shards import cut_units, made, source_file

RECORDS, IDS = "records/records.jsonl.zst", "ids/ids.jsonl.zst"

RUST = """\
//! A crate.

/// A point in the plane.
///
/// No more.
#[derive(Clone)]
pub struct Point { x: f32, y: f32 }

impl Point {
    /// Its *größe*.
    pub fn length(&self) -> f32 { self.x.hypot(self.y) }

    fn origin() -> Self { Point { x: 0.0, y: 0.0 } }
}
"""
PYTHON = "class A:\n    def b(self):\n        return 1\n\n\ndef c():\n    return 2\n"

ALL = ["file", "function", "struct", "impl", "class"]


def records(outputs: Outputs) -> list[Any]:
    return made(outputs, RECORDS)


def code(record: Any) -> str:
    text: str = record["text"]
    return text[record["code_start"] : record["code_end"]]


def named(outputs: Outputs, name: str) -> Any:
    (found,) = [one for one in records(outputs) if one["name"] == name]
    return found


def adds_up(outputs: Outputs) -> bool:
    return outputs.records_in == outputs.kept + outputs.dropped.total() and outputs.kept == len(records(outputs))


def test_there_is_a_sample_for_each_file_and_item_asked_for(tmp_path: Path) -> None:
    outputs = cut_units(tmp_path, source_file("a.rs", RUST), source_file("b.py", PYTHON), granularities=ALL)
    assert [(one["granularity"], one["name"]) for one in records(outputs)] == [
        ("file", "a.rs"),
        ("struct", "Point"),
        ("impl", "Point"),
        ("function", "Point::length"),
        ("function", "Point::origin"),
        ("file", "b.py"),
        ("class", "A"),
        ("function", "A.b"),
        ("function", "c"),
    ]
    assert adds_up(outputs)
    assert not outputs.dropped
    only = cut_units(tmp_path / "only", source_file("a.rs", RUST), granularities=["struct"])
    assert [one["name"] for one in records(only)] == ["Point"]


def test_a_record_says_where_it_is_from(tmp_path: Path) -> None:
    file = source_file("src/a.rs", RUST)
    outputs = cut_units(tmp_path, file, granularities=["function"])
    found = named(outputs, "Point::length")
    expected = "    /// Its *größe*.\n    pub fn length(&self) -> f32 { self.x.hypot(self.y) }\n"
    digest = hashlib.sha256(expected.encode()).hexdigest()
    assert code(found) == expected
    assert found["source"] == [{"path": "src/a.rs", "blob": file["blob"], "start": 10, "end": 11, "sha256": digest}]
    assert "".join(RUST.splitlines(keepends=True)[9:11]) == expected
    assert (found["repo"], found["commit"], found["committed_at"]) == (
        file["repo"],
        file["commit"],
        file["committed_at"],
    )
    assert (found["kind"], found["recipe"], found["lang"], found["split"]) == ("code-unit", "units", "rust", "train")
    assert found["complete"]
    assert found["parsed"]
    assert found["license"] is None
    assert found["novel"] == []
    (about,) = [one for one in made(outputs, IDS) if one["id"] == found["id"]]
    assert about == id_of(found) | {"recipe": "units", "path": "src/a.rs", "start": 10, "content": digest}


def test_ids_are_in_the_order_of_records(tmp_path: Path) -> None:
    outputs = cut_units(tmp_path, source_file("a.rs", RUST), source_file("b.py", PYTHON), granularities=ALL)
    assert [one["id"] for one in made(outputs, IDS)] == [one["id"] for one in records(outputs)]
    assert len({one["id"] for one in records(outputs)}) == outputs.kept


def header_of(tmp_path: Path, header: dict[str, Any], path: str = "src/a.rs", text: str = RUST) -> list[str]:
    outputs = cut_units(tmp_path, source_file(path, text), granularities=["file", "struct"], header=header)
    return [one["text"][: one["code_start"]] for one in records(outputs)]


def test_a_comment_header_shows_its_fields_in_order_and_leaves_out_what_is_missing(tmp_path: Path) -> None:
    fields = ["name", "file", "kind", "language", "repository", "bytes", "doc"]
    whole, struct = header_of(tmp_path, {"comment": {"fields": fields}})
    assert whole == (
        "// File: src/a.rs\n// Kind: file\n// Language: rust\n// Repository: owner/example\n"
        f"// Size: {len(RUST.encode())} bytes\n\n"
    )
    size = len(RUST[RUST.index("/// A point") : RUST.index("\nimpl")])
    assert struct == (
        "// Name: Point\n// File: src/a.rs\n// Kind: struct\n// Language: rust\n// Repository: owner/example\n"
        f"// Size: {size} bytes\n// Doc: A point in the plane.\n\n"
    )
    assert header_of(tmp_path / "bare", {"comment": {"fields": ["layer"]}})[0] == ""


@pytest.mark.parametrize(
    ("path", "expected"),
    [("a.py", "# File: a.py\n\n"), ("a.css", "/* File: a.css */\n\n"), ("x*/a.css", "/* File: x* /a.css */\n\n")],
)
def test_a_comment_header_is_written_as_its_language_does(tmp_path: Path, path: str, expected: str) -> None:
    assert header_of(tmp_path, {"comment": {}}, path, "x = 1\n")[0] == expected


def test_a_tags_header_stands_around_the_code(tmp_path: Path) -> None:
    header = {"tags": {"fields": ["repository", "file"]}}
    for text in ("x = 1\n", "x = 1"):
        (found,) = records(cut_units(tmp_path, source_file("a.py", text), header=header))
        assert found["text"] == ("<path>\nRepository: owner/example\nFile: a.py\n</path>\n\n<file>\nx = 1\n</file>")
        assert code(found) == text


def test_no_header_leaves_the_code_alone(tmp_path: Path) -> None:
    (found,) = records(cut_units(tmp_path, source_file("a.py", PYTHON), header={"none": {}}))
    assert (found["text"], found["code_start"], found["code_end"]) == (PYTHON, 0, len(PYTHON))


@pytest.mark.parametrize("tagged", [False, True])
def test_tokens_are_those_of_the_whole_text_as_it_is_written(tmp_path: Path, tagged: bool) -> None:
    outputs = cut_units(tmp_path, source_file("a.rs", RUST), granularities=ALL, tagged=tagged)
    assert outputs.kept
    for one in records(outputs):
        text = tag_code(one["text"]) if tagged else one["text"]
        assert one["tokens"] == len(train_tokenizer().encode(text).ids)


@pytest.mark.parametrize("tagged", [False, True])
def test_no_sample_is_over_the_budget_and_the_parts_of_a_unit_join_to_it(tmp_path: Path, tagged: bool) -> None:
    text = f'fn a() {{ println!("{END}"); }}\n\n' * 3 + RUST * 20
    outputs = cut_units(tmp_path, source_file("a.rs", text), max_tokens=120, tagged=tagged)
    found = records(outputs)
    assert "".join(code(one) for one in found) == text
    assert all(one["tokens"] <= 120 and not one["complete"] for one in found)
    assert all(one["text"].startswith("// File: a.rs\n\n") and one["name"] == "a.rs" for one in found)
    assert adds_up(outputs)
    lines = text.splitlines(keepends=True)
    for one in found:
        (origin,) = one["source"]
        assert code(one) in "".join(lines[origin["start"] - 1 : origin["end"]])


KEPT = {
    "a path that is not included": ({"include": ["lib/**"]}, "path"),
    "a path that is excluded": ({"include": ["src/**"], "exclude": ["src/*.py"]}, "path"),
    "a file too small": ({"minBytes": 1000}, "min-bytes"),
    "a file too large": ({"maxBytes": 10}, "max-bytes"),
}


@pytest.mark.parametrize("case", KEPT)
def test_what_keep_drops_is_counted_once(tmp_path: Path, case: str) -> None:
    keep, reason = KEPT[case]
    outputs = cut_units(tmp_path, source_file("src/a.py", PYTHON), granularities=["file", "function"], keep=keep)
    assert (outputs.dropped, outputs.kept) == ({reason: 1}, 0)
    assert adds_up(outputs)


def test_keep_takes_what_it_includes(tmp_path: Path) -> None:
    keep = {"include": ["src/**"], "minBytes": len(PYTHON), "maxBytes": len(PYTHON)}
    assert cut_units(tmp_path, source_file("src/a.py", PYTHON), keep=keep).kept == 1


def test_units_that_show_nothing_or_the_same_again_are_dropped_and_counted(tmp_path: Path) -> None:
    blank, twice = source_file("blank.py", " \n\n"), source_file("twice.py", "def a(): ...\n")
    outputs = cut_units(tmp_path, blank, twice, granularities=["file", "function"])
    assert [one["granularity"] for one in records(outputs)] == ["file"]
    assert outputs.dropped == {"empty": 1, "repeated": 1}
    assert adds_up(outputs)


def test_a_header_without_room_for_code_drops_the_unit(tmp_path: Path) -> None:
    outputs = cut_units(tmp_path, source_file("x/" * 200 + "a.py", PYTHON), max_tokens=64)
    assert (outputs.dropped, outputs.kept) == ({"header-too-long": 1}, 0)
    assert adds_up(outputs)


def held_out(path: str, text: str, *novel: tuple[int, int], split: str = "test") -> SourceFile:
    ranges = [{"start": start, "end": end, "group": "e" * 40} for start, end in novel]
    return source_file(path, text, split=split, novel=ranges)


def test_of_a_held_out_file_only_units_with_novel_lines_are_made(tmp_path: Path) -> None:
    before = source_file("b.py", PYTHON)
    after = held_out("b.py", PYTHON.replace("2", "3"), (4, 7))
    outputs = cut_units(tmp_path, before, after, granularities=["file", "class", "function"])
    test = [one for one in records(outputs) if one["split"] == "test"]
    assert [(one["name"], one["novel"]) for one in test] == [
        ("b.py", [{"start": 4, "end": 7, "group": "e" * 40}]),
        ("c", [{"start": 6, "end": 7, "group": "e" * 40}]),
    ]
    assert outputs.dropped == {"not-novel": 2}
    assert adds_up(outputs)


def test_parts_of_a_held_out_unit_without_novel_lines_are_dropped(tmp_path: Path) -> None:
    text = "".join(f"def number_{n}():\n    return [{n}, {n}, {n}]\n" for n in range(30))
    outputs = cut_units(tmp_path, held_out("a.py", text, (31, 32), split="validation"), max_tokens=120)
    (found,) = records(outputs)
    assert found["source"][0]["start"] <= 31
    assert found["source"][0]["end"] >= 32
    assert found["novel"] == [{"start": 31, "end": 32, "group": "e" * 40}]
    assert outputs.dropped["not-novel"] > 2
    assert adds_up(outputs)


def test_a_file_whose_split_is_not_yet_known_is_made_whole(tmp_path: Path) -> None:
    assert cut_units(tmp_path, source_file("a.py", PYTHON, split=""), granularities=["function"]).kept == 2


def test_samples_shorter_than_asked_are_dropped_and_counted(tmp_path: Path) -> None:
    file = source_file("a.rs", RUST)
    lengths = [one["tokens"] for one in records(cut_units(tmp_path / "all", file, granularities=ALL))]
    least = sorted(lengths)[2]
    outputs = cut_units(tmp_path / "long", file, granularities=ALL, min_tokens=least)
    assert [one["tokens"] for one in records(outputs)] == [one for one in lengths if one >= least]
    assert outputs.dropped == {"too-short": sum(one < least for one in lengths)}
    assert adds_up(outputs)


MORE_RUST = """\
macro_rules! double { ($x:expr) => { $x * 2 } }
pub const LIMIT: u32 = 9;
type Pair = (u32, u32);
trait Both { fn declared(&self); fn given(&self) -> u32 { 1 } }
enum Side { Left, Right }
mod inner { pub fn deep() {} }
"""


def test_every_kind_of_item_is_a_unit_and_what_is_only_declared_is_none(tmp_path: Path) -> None:
    wanted = [one.value for one in Granularity if one not in (Granularity.REPOSITORY, Granularity.CRATE)]
    outputs = cut_units(tmp_path, source_file("a.rs", MORE_RUST), granularities=wanted)
    assert [(one["granularity"], one["name"]) for one in records(outputs)] == [
        ("file", "a.rs"),
        ("macro", "double"),
        ("const", "LIMIT"),
        ("type", "Pair"),
        ("trait", "Both"),
        ("function", "Both::given"),
        ("enum", "Side"),
        ("function", "inner::deep"),
    ]


def test_records_and_headers_say_where_in_the_source_a_unit_belongs(tmp_path: Path) -> None:
    manifest = '[package]\nname = "shop"\ndescription = "Sells things."\n'
    texts = {"shop/Cargo.toml": manifest, "shop/src/till/drawer.rs": "fn open() {}\n"}
    layers = [{"name": "domain", "paths": ["shop/**"]}]
    header = {"comment": {"fields": ["layer", "crate", "cratePurpose", "module", "name"]}}
    (found,) = records(
        cut_units(
            tmp_path,
            source_file("shop/src/till/drawer.rs", texts["shop/src/till/drawer.rs"]),
            granularities=["function"],
            header=header,
            manifests={"shop/Cargo.toml": manifest},
            layers=layers,
        )
    )
    assert (found["crate"], found["module"]) == ("shop", "shop::till::drawer")
    assert found["text"] == (
        "// Layer: domain\n// Crate: shop\n// Crate purpose: Sells things.\n// Module: shop::till::drawer\n"
        "// Name: open\n\nfn open() {}\n"
    )


def test_a_header_says_of_what_an_item_is_part(tmp_path: Path) -> None:
    text = "mod inner {\n    impl<T> Deref for Guard<T> {\n        fn deref(&self) -> &T { self.0 }\n    }\n}\n"
    header = {"comment": {"fields": ["name", "holder"]}}
    outputs = cut_units(tmp_path, source_file("a.rs", text), granularities=["function", "impl"], header=header)
    heads = [one["text"].partition("\n\n")[0] for one in records(outputs)]
    assert heads == [
        "// Name: Deref for Guard<T>",
        "// Name: inner::Guard::deref\n// Part of: impl<T> Deref for Guard<T>",
    ]


def test_line_endings_marks_and_letters_beyond_ascii_come_through(tmp_path: Path) -> None:
    text = "\ufeff" + RUST.replace("\n", "\r\n")
    outputs = cut_units(tmp_path, source_file("a.rs", text), granularities=["file", "function"])
    assert code(named(outputs, "a.rs")) == text
    assert code(named(outputs, "Point::length")).endswith("(self.y) }\r\n")
    assert named(outputs, "Point::length")["source"][0]["start"] == 10


def test_a_file_of_a_language_without_grammar_is_cut_between_lines(tmp_path: Path) -> None:
    text = "".join(f"Line {n} of *prose*.\n" for n in range(100))
    found = records(cut_units(tmp_path, source_file("a.md", text), max_tokens=100))
    assert "".join(code(one) for one in found) == text
    assert all(code(one).endswith("\n") and not one["parsed"] for one in found)


def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    files = [source_file("a.rs", RUST * 5), source_file("b.py", PYTHON), held_out("b.py", PYTHON + "x = 1\n", (8, 8))]
    first, again = (
        cut_units(tmp_path / name, *order, granularities=ALL, max_tokens=100)
        for name, order in (("first", files), ("again", files[::-1]))
    )
    for path in (RECORDS, IDS):
        assert (first.folder / path).read_bytes() == (again.folder / path).read_bytes()
