"""Facts of Rust: words, parts and owners of items, imports, calls and bindings; and what holds for any text."""

import hashlib
import random

import pytest

from repoloom_stages.facts import Facts, Item
from repoloom_stages.index_code import facts_of

LIBRARY = """\
//! A store of things.
//! In memory.
//!
//! More about it.
use std::{collections::HashMap, fmt::{self, Debug as Shown, *}};
pub use crate::inner::Thing;
extern crate alloc as heap;
use Hidden as _;

/// Holds things.
#[derive(Debug, Clone)]
#[doc = "by name"]
pub(crate) struct Store<T: Shown, const N: usize> where T: Copy {
    /// By name.
    pub things: HashMap<String, (u8, T)>,
    r#type: [T; N],
}
struct Pair<T>(pub u8, #[x] Vec<T>) where T: Copy;
pub enum State { Idle, Busy(u8), Done { at: u64 } = 3 }
pub unsafe trait Turn<'a>: Sized + fmt::Debug + 'a { type Out; const MAX: u8 = 1; fn turn(&self) -> Self::Out; }
impl<'a, T> Turn<'a> for Store<T, 1> where T: Shown {
    type Out = u8;
    fn turn(&self) -> u8 { self.count(); Self::helper(1) }
}
impl<T> Store<T, 1> {
    pub async unsafe fn open(mut self: Box<Self>, path: &str, (a, b): (u8, u8)) -> Result<Self, fmt::Error> {
        use std::io::Read;
        let size: usize = path.len();
        let made = Thing::new(size).with::<u8>(b).await?;
        let plain = Thing { size };
        let other = if a { b } else { a };
        made.go(1).and().then(|x| free(x));
        self.things
            .iter()
            // of all
            .map(Some);
        <Self as Turn<'a>>::turn(&self);
        Vec::<u8>::with_capacity(0..limit(3));
        assert_eq!(left(1), self.right(), "{}", obj.name(Some(2)));
        table[0](1);
    }
}
pub static mut COUNT: u8 = start();
type Alias<T> = Vec<T>;
pub mod declared;
#[macro_export]
macro_rules! make { ($x:expr) => { not_called($x) } }
cfg_rt! {
    /// Only then.
    pub fn within(x: u8) -> u8 { called(x) }
    pub use crate::deep::*;
}
#[cfg(all(test, unix))]
mod tests {
    use super::*;
    fn helper() {}
    #[tokio::test(flavor = "x")]
    async fn works() { helper() }
}
#[cfg(not(test))]
extern "C" fn real() {}
"""

FACTS = facts_of("rust", LIBRARY.encode())


def named(name: str, facts: Facts = FACTS) -> Item:
    (item,) = [one for one in facts["items"] if one["name"] == name]
    return item


def test_the_file_says_what_it_is() -> None:
    assert FACTS["doc"] == "A store of things. In memory."


def test_a_struct_has_its_words_and_fields() -> None:
    item = named("Store")
    assert item["doc"] == "Holds things. by name"
    assert item["attributes"] == ["derive(Debug, Clone)"]
    assert item["visibility"] == "pub(crate)"
    assert item["generics"] == "T: Shown, const N: usize, where T: Copy"
    assert item["signature"] == "pub(crate) struct Store<T: Shown, const N: usize> where T: Copy"
    assert item["members"] == [["things", "HashMap<String, (u8, T)>"], ["r#type", "[T; N]"]]
    pair = named("Pair")
    assert (pair["members"], pair["generics"]) == ([["0", "u8"], ["1", "Vec<T>"]], "T, where T: Copy")
    assert named("State")["members"] == [["Idle", ""], ["Busy", "(u8)"], ["Done", "{ at: u64 }"]]


def test_a_trait_has_what_it_builds_on_and_declares() -> None:
    item = named("Turn")
    assert item["bases"] == ["Sized", "fmt::Debug", "'a"]
    assert (item["modifiers"], item["generics"]) == (["unsafe"], "'a")
    declared = named("Turn::turn")
    assert (declared["kind"], declared["body"], declared["returns"]) == ("function", declared["end"], "Self::Out")
    assert FACTS["items"][declared["owner"]]["name"] == "Turn"
    assert (named("Turn::Out")["kind"], named("Turn::MAX")["kind"]) == ("type", "const")


def test_an_impl_has_its_trait_and_type() -> None:
    item = named("Turn<'a> for Store<T, 1>")
    assert (item["bases"], item["type"]) == (["Turn<'a>"], "Store<T, 1>")
    assert item["generics"] == "'a, T, where T: Shown"
    method = named("Store::open")
    assert method["modifiers"] == ["async", "unsafe"]
    assert method["members"] == [["path", "&str"], ["(a, b)", "(u8, u8)"]]
    assert method["returns"] == "Result<Self, fmt::Error>"
    assert LIBRARY.encode()[method["body"] : method["body"] + 1] == b"{"


def test_other_kinds_have_their_types_and_declarations() -> None:
    count = named("COUNT")
    assert (count["kind"], count["returns"], count["modifiers"]) == ("const", "u8", ["static", "mut"])
    assert count["signature"] == "pub static mut COUNT: u8"
    assert (named("Alias")["returns"], named("Alias")["generics"]) == ("Vec<T>", "T")
    module = named("declared")
    assert (module["kind"], module["body"], module["visibility"]) == ("module", module["end"], "pub")
    assert (named("make")["kind"], named("make")["attributes"]) == ("macro", ["macro_export"])
    assert named("real")["modifiers"] == ["extern"]


def test_a_macro_that_holds_items_is_read_through() -> None:
    item = named("within")
    assert (item["doc"], item["visibility"], item["owner"]) == ("Only then.", "pub", -1)
    assert not facts_of("rust", b"make! { fn a() {} => }")["items"]
    nested = "a! { " * 10 + "fn f() {}" + " }" * 10
    assert not facts_of("rust", nested.encode())["items"]


def test_tests_are_known_by_attributes_and_by_their_module() -> None:
    tests = {item["name"] for item in FACTS["items"] if item["test"]}
    assert tests == {"tests", "tests::helper", "tests::works"}


def test_imports_are_flattened() -> None:
    found = [(one["path"], one["name"], one["public"], one["owner"], one["line"]) for one in FACTS["imports"]]
    module = FACTS["items"].index(named("tests"))
    assert found == [
        ("std::collections::HashMap", "HashMap", False, -1, 5),
        ("std::fmt", "fmt", False, -1, 5),
        ("std::fmt::Debug", "Shown", False, -1, 5),
        ("std::fmt", "*", False, -1, 5),
        ("crate::inner::Thing", "Thing", True, -1, 6),
        ("alloc", "heap", False, -1, 7),
        ("Hidden", "", False, -1, 8),
        ("std::io::Read", "Read", False, -1, 27),
        ("crate::deep", "*", True, -1, 51),
        ("super", "*", False, module, 55),
    ]


def test_calls_have_their_callers_ways_and_receivers() -> None:
    found = [
        (FACTS["items"][owner]["name"] if owner >= 0 else "", how, name, receiver)
        for owner, _, how, name, receiver in FACTS["calls"]
    ]
    opened = "Store::open"
    assert found == [
        ("Store::turn", "self", "count", ""),
        ("Store::turn", "path", "Self::helper", ""),
        (opened, "method", "len", "path"),
        (opened, "path", "Thing::new", ""),
        (opened, "method", "with", "Thing::new()"),
        (opened, "method", "go", "made"),
        (opened, "method", "and", "made.go()"),
        (opened, "method", "then", "made.go().and()"),
        (opened, "free", "free", ""),
        (opened, "method", "iter", "self.things"),
        (opened, "method", "map", ""),
        (opened, "path", "Turn::turn", ""),
        (opened, "path", "Vec::with_capacity", ""),
        (opened, "free", "limit", ""),
        (opened, "macro", "assert_eq", ""),
        (opened, "free", "left", ""),
        (opened, "self", "right", ""),
        (opened, "method", "name", "obj"),
        ("COUNT", "free", "start", ""),
        ("", "macro", "cfg_rt", ""),
        ("within", "free", "called", ""),
        ("tests::works", "free", "helper", ""),
    ]


def test_bindings_have_the_type_that_the_text_says() -> None:
    assert [(line, name, written) for _, line, name, written in FACTS["bindings"]] == [
        (29, "size", "usize"),
        (30, "made", "Thing::new().with().await?"),
        (31, "plain", "Thing"),
        (32, "other", ""),
        (32, "x", "made.go().and().then(|0,0|)"),
        (33, "x", "}32"),
    ]


def check(source: bytes, facts: Facts) -> None:
    """What holds for any file."""
    opened: list[Item] = []
    for item in facts["items"]:
        assert 0 <= item["start"] < item["end"] <= len(source)
        assert item["start"] <= item["body"] <= item["end"]
        assert hashlib.sha256(source[item["start"] : item["end"]]).hexdigest() == item["sha256"]
        while opened and opened[-1]["end"] <= item["start"]:
            opened.pop()
        assert not opened or item["end"] <= opened[-1]["end"], "spans nest or are apart"
        opened.append(item)
    for owner, line, *_ in [*facts["calls"], *facts["bindings"]]:
        assert owner < len(facts["items"])
        if owner >= 0:
            assert facts["items"][owner]["start_line"] <= line <= facts["items"][owner]["end_line"]
    for one in facts["imports"]:
        assert one["owner"] < 0 or facts["items"][one["owner"]]["kind"] == "module"


@pytest.mark.parametrize("seed", range(60))
def test_broken_text_has_facts_that_hold(seed: int) -> None:
    chance = random.Random(seed)
    parts = LIBRARY.split(chance.choice([" ", "\n", ";", "{"]))
    chance.shuffle(parts)
    text = chance.choice([" ", "\n", "{", "é"]).join(parts)[: chance.randrange(2, len(LIBRARY))]
    source = text.encode()
    facts = facts_of("rust", source)
    check(source, facts)
    assert facts == facts_of("rust", source)


@pytest.mark.parametrize("begins", ["", "\ufeff"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_line_endings_and_a_byte_order_mark_change_places_only(ending: str, begins: str) -> None:
    source = (begins + LIBRARY.replace("\n", ending)).encode()
    facts = facts_of("rust", source)
    check(source, facts)
    for name in ("imports", "calls", "bindings", "doc", "lines"):
        assert facts[name] == FACTS[name], name  # type: ignore[literal-required] - those of the dict
    places = {"start", "end", "body", "sha256"}
    for one, other in zip(facts["items"], FACTS["items"], strict=True):
        assert {key: one[key] for key in one if key not in places} == {  # type: ignore[literal-required] - its own keys
            key: other[key]
            for key in other
            if key not in places  # type: ignore[literal-required] - its own keys
        }


def test_names_beyond_ascii_are_whole() -> None:
    source = (
        "struct Größe { länge: u8 } fn zähle(größe: Größe) { größe.länge.zähle(); Größe::neu(); let ü = Größe::neu(); }"
    )
    facts = facts_of("rust", source.encode())
    check(source.encode(), facts)
    assert named("zähle", facts)["members"] == [["größe", "Größe"]]
    assert [call[2:] for call in facts["calls"]] == [
        ("method", "zähle", "größe.länge"),
        ("path", "Größe::neu", ""),
        ("path", "Größe::neu", ""),
    ]
    assert [binding[2:] for binding in facts["bindings"]] == [("ü", "Größe::neu()")]
