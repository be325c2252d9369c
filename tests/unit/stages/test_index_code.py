"""What a file holds: items with their places, words and hashes; the same from memos; bounded on hostile text."""

import hashlib
from pathlib import Path

import pytest

from repoloom_stages.facts import Item
from repoloom_stages.index_code import PARSER_LIMITS, TOO_LARGE, facts_of
from repoloom_stages.runtime.memos import Memo
from repoloom_stages.syntax.grammars import MAX_BYTES
from repoloom_stages.syntax.items import MAX_DEPTH
from support.limits import cpu_seconds
from support.shards import index_shard, made, source_file, write_shard

INDEX = "index/files.jsonl.zst"
NOTHING = {"doc": "", "items": [], "imports": [], "calls": [], "bindings": [], "unread": ""}

RUST = """\
#![allow(dead_code)]
//! What the crate is.

/// A pair.
///
/// More about it.
#[derive(Debug)]
// why it is so
pub struct Pair<T: Clone>(T, T); // trailing
union Bits { int: u32, float: f32 }

/**
 * Either side.
 */
enum Side { Left, Right }

#[doc = "Things that turn."]
pub trait Turn<'a>: Sized {
    fn turned(&self) -> Self;
    /// Turns twice.
    fn twice(&self) -> Self { self.turned().turned() }
}
impl<'a, T: Clone> Turn<'a> for Pair<T> where T: Copy {
    #[inline] fn turned(&self) -> Self { Pair(self.1, self.0) }
}
impl self::Pair<u8> {
    pub(crate) const fn zero() -> Self { fn inner() {} Pair(0, 0) }
    pub async unsafe fn read<R>(r: R) -> Option<Self> {
        let f = |x| { fn hidden() {} x };
        None
    }
}

mod inner {
    pub mod deeper { pub(super) extern "C" fn called() {} }
    impl super::Side { fn left(&self) {} }
}
macro_rules! make { () => { fn made() {} } }
make! { struct InMacro; }
extern "C" { fn foreign(); }
impl !Send for Side {}
"""

RUST_ITEMS = [
    ("struct", "Pair", 4, 9, "A pair."),
    ("struct", "Bits", 10, 10, ""),
    ("enum", "Side", 12, 15, "Either side."),
    ("trait", "Turn", 17, 22, "Things that turn."),
    ("function", "Turn::turned", 19, 19, ""),
    ("function", "Turn::twice", 20, 21, "Turns twice."),
    ("impl", "Turn<'a> for Pair<T>", 23, 25, ""),
    ("function", "Pair::turned", 24, 24, ""),
    ("impl", "self::Pair<u8>", 26, 32, ""),
    ("function", "Pair::zero", 27, 27, ""),
    ("function", "Pair::read", 28, 31, ""),
    ("module", "inner", 34, 37, ""),
    ("module", "inner::deeper", 35, 35, ""),
    ("function", "inner::deeper::called", 35, 35, ""),
    ("impl", "super::Side", 36, 36, ""),
    ("function", "inner::Side::left", 36, 36, ""),
    ("macro", "make", 38, 38, ""),
    ("struct", "InMacro", 39, 39, ""),
    ("function", "foreign", 40, 40, ""),
    ("impl", "!Send for Side", 41, 41, ""),
]

PYTHON = '''\
"""What the module is."""
import os


@decorated
@decorated_with(os, "x")
class Outer(Base, metaclass=Meta):
    """Outermost.

    More.
    """

    value = 1

    @property
    async def read(self):  # comes after
        \'\'\'Reads
        all of it.\'\'\'
        def nested(): ...
        class Local: ...
        return lambda: 1

    class Inner:
        def method(self): return 1


if os.name == "nt":
    def here(): pass
else:
    try:
        def here(): pass
    except OSError:
        def there(): pass
    finally:
        with os:
            def within(): pass
x = 1; y = lambda: 2
'''

PYTHON_ITEMS = [
    ("class", "Outer", 5, 24, "Outermost."),
    ("function", "Outer.read", 15, 21, "Reads all of it."),
    ("class", "Outer.Inner", 23, 24, ""),
    ("function", "Outer.Inner.method", 24, 24, ""),
    ("function", "here", 28, 28, ""),
    ("function", "here", 31, 31, ""),
    ("function", "there", 33, 33, ""),
    ("function", "within", 36, 36, ""),
]


def items(language: str, text: str) -> list[Item]:
    return facts_of(language, text.encode())["items"]


def summary(found: list[Item]) -> list[tuple[str, str, int, int, str]]:
    return [(item["kind"], item["name"], item["start_line"], item["end_line"], item["doc"]) for item in found]


def texts(language: str, text: str) -> dict[str, str]:
    data = text.encode()
    return {item["name"]: data[item["start"] : item["end"]].decode() for item in items(language, text)}


@pytest.mark.parametrize(
    ("language", "text", "expected"), [("rust", RUST, RUST_ITEMS), ("python", PYTHON, PYTHON_ITEMS)]
)
def test_items_have_their_names_lines_and_docs(
    language: str, text: str, expected: list[tuple[str, str, int, int, str]]
) -> None:
    assert facts_of(language, text.encode())["parsed"]
    assert summary(items(language, text)) == expected


@pytest.mark.parametrize(("language", "text"), [("rust", RUST), ("python", PYTHON)])
def test_hashes_and_lines_follow_from_the_bytes(language: str, text: str) -> None:
    for ending in ("\n", "\r\n"):
        data = text.replace("\n", ending).encode()
        for item in facts_of(language, data)["items"]:
            assert item["sha256"] == hashlib.sha256(data[item["start"] : item["end"]]).hexdigest()
            assert item["start_line"] == data.count(b"\n", 0, item["start"]) + 1
            assert item["end_line"] == data.count(b"\n", 0, item["end"] - 1) + 1


def test_an_item_takes_its_whole_lines_unless_something_else_stands_on_them() -> None:
    found = texts("rust", RUST)
    assert found["Pair"].startswith("/// A pair.\n")
    assert found["Pair"].endswith("pub struct Pair<T: Clone>(T, T);")
    assert found["Turn::twice"].startswith("    /// Turns twice.\n    fn twice")
    assert found["Turn::twice"].endswith("}\n")
    assert found["inner::deeper::called"] == 'pub(super) extern "C" fn called() {}'
    assert found["!Send for Side"] == "impl !Send for Side {}\n"
    found = texts("python", PYTHON)
    assert found["Outer"].startswith('@decorated\n@decorated_with(os, "x")\nclass Outer')
    assert found["Outer.read"].startswith("    @property\n    async def read(self):  # comes after\n")
    assert found["Outer.read"].endswith("return lambda: 1\n")


def test_line_endings_change_bytes_but_no_names_lines_or_docs() -> None:
    crlf = RUST.replace("\n", "\r\n")
    assert summary(items("rust", crlf)) == RUST_ITEMS
    assert texts("rust", crlf)["Side"].endswith("enum Side { Left, Right }\r\n")
    assert summary(items("python", PYTHON.replace("\n", "\r\n"))) == PYTHON_ITEMS


def test_a_byte_order_mark_and_letters_beyond_ascii_keep_places_right() -> None:
    text = '\ufefffn größe() {}\nconst T: &str = "日本😀"; /// Ünï\nfn zwei() {}\n'
    assert texts("rust", text) == {
        "größe": "fn größe() {}\n",
        "T": 'const T: &str = "日本😀";',
        "zwei": "/// Ünï\nfn zwei() {}\n",
    }
    assert [item["start_line"] for item in items("rust", text)] == [1, 2, 2]


def test_a_blank_or_unrelated_line_does_not_part_docs_from_their_item() -> None:
    text = "/// said\n\n// aside\n#[test]\nfn a() {}\n/// of the constant\nconst C: u8 = 1;\nfn b() {}"
    assert texts("rust", text) == {
        "a": text[: text.index("/// of")],
        "C": "/// of the constant\nconst C: u8 = 1;\n",
        "b": "fn b() {}",
    }


def test_broken_code_has_the_items_that_stand_but_is_not_parsed() -> None:
    facts = facts_of("rust", b"fn good() {}\nfn bad( {\nstruct ;\nfn (){}\n")
    assert not facts["parsed"]
    assert "good" in [item["name"] for item in facts["items"]]
    assert all(item["name"] for item in facts["items"])


@pytest.mark.parametrize(
    "text", ["", "\n", "fn", "class", "def :\n", "@x\n", "///", "impl", "\x00", "\ufeff", "class A:\n"]
)
@pytest.mark.parametrize("language", ["rust", "python", "text", "cobol"])
def test_any_text_has_facts(language: str, text: str) -> None:
    facts = facts_of(language, text.encode())
    assert facts["lines"] == len(text.splitlines())


def test_a_language_without_grammar_has_lines_and_no_items() -> None:
    assert facts_of("markdown", b"# a\nb") == {"lines": 2, "parsed": False, **NOTHING}


HOSTILE = {
    "functions in impls in functions": ("rust", "impl A { fn a() {" * 100_000 + "}}" * 100_000),
    "blocks in blocks": ("rust", "fn a() {" + "{" * 100_000 + "}" * 100_000 + "}"),
    "modules in modules": ("rust", "mod a {" * 100_000 + "}" * 100_000),
    "lists in lists": ("python", "[" * 100_000 + "]" * 100_000),
    "classes in classes": ("python", "".join(" " * depth + "class A:\n" for depth in range(1400))),
    "brackets, as many as Rust's parser takes": ("rust", "(" * 500_000),
    "brackets with white space between them": ("typescript", "(\n" * 100_000),
    "keywords in a row": ("rust", "fn " * 100_000),
    "names and commas, which are nothing": ("rust", "a," * 500_000),
    "calls of calls": ("rust", "fn f() { x" + ".a()" * 20_000 + "; }"),
    "prose": ("rust", "# Title\n\nsome prose, that isn't code; it's `text` here.\n" * 20_000),
    "brackets without end": ("rust", "(" * 5_000_000),
    "brackets, as many as are parsed": ("python", "(" * 500_000),
    "raw strings in raw strings": ("rust", 'r#"' * 100_000),
    "lines that go on": ("python", "\\\n" * 100_000),
    "statements that never end": ("rust", "let x = " * 25_000),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_text_is_indexed_in_bounded_time(case: str) -> None:
    language, text = HOSTILE[case]
    with cpu_seconds(5):
        facts = facts_of(language, text.encode())
    assert len(facts["items"]) <= 2 * MAX_DEPTH + 2


def test_a_text_whose_calls_are_left_out_does_not_count_as_parsed() -> None:
    facts = facts_of("rust", b"fn f() { g(); }" + b";" * 1000)
    assert ([item["name"] for item in facts["items"]], facts["calls"], facts["parsed"]) == (["f"], [], False)
    assert facts_of("rust", b"fn f() { g(); }")["parsed"]


DEEP = {
    "blocks": ("rust", "fn f() { " + "{" * 2_500 + "}" * 2_500 + "}"),
    "comparisons, at the square of their number": ("csharp", "a< " * 2_500),
    "patterns, at the square of their number": ("csharp", "struct is x. " * 1_300),
}


@pytest.mark.parametrize("case", DEEP)
def test_a_text_is_unread_for_its_depth_long_before_a_clock_ends_its_parser(case: str) -> None:
    language, text = DEEP[case]
    with cpu_seconds(10):
        assert facts_of(language, text.encode())["unread"] == PARSER_LIMITS


def test_a_tree_of_many_levels_is_read() -> None:
    facts = facts_of("rust", b"fn f() { g(); " + b"if a { b(); " * 400 + b"}" * 400 + b"}")
    assert (facts["parsed"], facts["unread"]) == (True, "")


def test_a_text_above_the_bound_is_not_parsed() -> None:
    line = b"fn a() {}\n"
    facts = facts_of("rust", line * (MAX_BYTES // len(line) + 1))
    lines = MAX_BYTES // len(line) + 1
    assert facts == {"lines": lines, "parsed": False, **NOTHING, "unread": TOO_LARGE}


SHARD = (
    source_file("src/a.rs", RUST),
    source_file("src/a.rs", RUST + "fn later() {}\n", split="test"),
    source_file("src/b.py", PYTHON),
    source_file("src/copy.rs", RUST),
    source_file("notes.md", "# notes\n"),
)


def test_there_is_one_line_for_each_file_in_the_same_order(tmp_path: Path) -> None:
    outputs = index_shard(write_shard(tmp_path / "in", *SHARD), tmp_path / "out")
    found = made(outputs, INDEX)
    expected = sorted(SHARD, key=lambda file: (file["path"], file["split"]))
    keys = ("path", "split", "blob", "language")
    assert [[one[key] for key in keys] for one in found] == [[file[key] for key in keys] for file in expected]
    assert (outputs.records_in, outputs.kept, dict(outputs.dropped)) == (5, 5, {})


def test_each_file_has_its_place_beside_its_facts(tmp_path: Path) -> None:
    outputs = index_shard(write_shard(tmp_path / "in", *SHARD), tmp_path / "out")
    placed = made(outputs, "places/files.jsonl.zst")
    assert [(one["path"], one["split"]) for one in placed] == [
        (one["path"], one["split"]) for one in made(outputs, INDEX)
    ]


def test_what_a_memo_knows_is_not_computed_again_and_changes_nothing(tmp_path: Path) -> None:
    shard = write_shard(tmp_path / "in", *SHARD)
    cold = index_shard(shard, tmp_path / "cold")
    assert (cold.memo.computed, cold.memo.reused) == (4, 1)  # src/copy.rs has the blob of src/a.rs
    warm = index_shard(shard, tmp_path / "warm", Memo(cold.memo.added()))
    assert (warm.memo.computed, warm.memo.reused) == (0, 5)
    partly = index_shard(shard, tmp_path / "partly", Memo(dict(list(cold.memo.added().items())[:2])))
    assert partly.memo.computed == 2
    assert {(one.folder / INDEX).read_bytes() for one in (cold, warm, partly)} == {(cold.folder / INDEX).read_bytes()}


def test_the_same_blob_in_another_language_is_another_result(tmp_path: Path) -> None:
    shard = write_shard(tmp_path / "in", source_file("a.py", "x = 1\n"), source_file("a.rs", "x = 1\n"))
    assert [one["parsed"] for one in made(index_shard(shard, tmp_path / "out"), INDEX)] == [True, False]
