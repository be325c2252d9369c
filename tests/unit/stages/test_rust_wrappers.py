"""Macros around items, laid open before the parse: the facts are those of the text as it is written."""

import pytest
from tree_sitter import Parser

from repoloom_stages.facts import Found
from repoloom_stages.syntax.rust_grammar import LANGUAGE
from repoloom_stages.syntax.rust_items import laid_open_facts, rust_facts
from repoloom_stages.syntax.rust_wrappers import laid_open, wrappers_in

WRAPPED = """\
//! A file.
/// Belongs to the macro.
#[cfg(x)]
cfg_rt! {
    use a::{b, c as d};

    /// Starts.
    #[must_use]
    pub async fn start(at: u8) -> u8 {
        let made = Thing::new(at);
        made.go().then();
        cfg_inside! { not_read() }
        1
    }

    cfg_deep! {
        pub(crate) struct Deep { field: u8 }
    }

    // aside
}

/// Of the type.
impl Thing {
    fn first(&self) {}

    cfg_net! {
        /// In the impl.
        pub fn second(&self) { self.first() }
    }
}
fn last() {}
"""

AS_WRITTEN = {
    "in a function": "fn f() {\n    cfg_rt! {\n        use a::b;\n    }\n}\n",
    "in a string": 'const TEXT: &str = "\ncfg_rt! {\n    use a::b;\n}\n";\n',
    "in a comment": "/*\ncfg_rt! {\n    use a::b;\n}\n*/\nfn f() {}\n",
    "a prefix of an item": "unsafe\ncfg_rt! {\n    fn f() {}\n}\n",
    "syntax of its own": "state! {\n    enum State: u8 => { Idle }\n}\nfn f() {}\n",
    "no more than declarations of macros": "make! {\n    fn => f()\n}\nfn f() {}\n",
}
"""Texts with what looks like a wrapper of items, and is none that the reading of items would find."""


def as_written(text: str) -> Found:
    source = text.encode()
    return rust_facts(source, Parser(LANGUAGE).parse(source).root_node, True)


@pytest.mark.parametrize("ending", ["\n", ""])
def test_what_wrappers_hold_is_found_in_one_parse_as_in_several(ending: str) -> None:
    text = WRAPPED.removesuffix("\n") + ending
    assert laid_open_facts(text.encode()) == as_written(text)


def test_the_parser_finds_items_where_wrappers_are_laid_open() -> None:
    source = WRAPPED.encode()
    wrappers = wrappers_in(source)
    assert [one.name for one in wrappers] == ["cfg_rt", "cfg_deep", "cfg_net"]
    opened = laid_open(source, wrappers)
    assert len(opened) == len(source)
    assert opened.count(b"\n") == source.count(b"\n")
    kinds = [node.type for node in Parser(LANGUAGE).parse(opened).root_node.children]
    assert kinds.count("struct_item") == 1
    assert "expression_statement" not in kinds


@pytest.mark.parametrize("case", AS_WRITTEN)
def test_what_only_looks_like_a_wrapper_is_read_as_written(case: str) -> None:
    source = AS_WRITTEN[case].encode()
    assert wrappers_in(source)  # by its looks it is one
    assert laid_open_facts(source) is None


def test_a_wrapper_in_what_is_tokens_is_not_laid_open() -> None:
    text = "cfg_rt! {\n    cfg_net! {\n        use a::b;\n    }\n}\ncfg_fs! {\n    use c::d;\n}\n"
    assert [one.name for one in wrappers_in(text.encode())] == ["cfg_fs"]
    found = laid_open_facts(text.encode())
    assert found is not None
    assert found == as_written(text)
    assert [one["path"] for one in found["imports"]] == ["c::d"]


def test_brackets_that_nothing_closes_are_given_up() -> None:
    assert wrappers_in(b"open! {\nfn f() {}\n" * 100_000) == []


def test_a_macro_without_items_beside_one_with_items_is_read_as_written() -> None:
    text = WRAPPED + "\nlist! {\n    static\n}\n"
    assert laid_open_facts(text.encode()) is None
    assert "list" in {call[3] for call in as_written(text)["calls"]}
