"""Local names of Rust: what each is bound to, and on which lines; and what a macro by example expands to."""

import pytest

from repoloom_stages.index_code import facts_of
from repoloom_stages.syntax.rust_macros import expansion
from repoloom_stages.syntax.rust_patterns import bound_names
from support.limits import cpu_seconds


def bound(*lines: str) -> list[tuple[int, str, str]]:
    """Bindings of a function's lines: where, name and text. The first line is 2."""
    text = "\n".join(["fn m() {", *lines, "}"])
    return [(line, name, written) for _, line, name, written in facts_of("rust", text.encode())["bindings"]]


VALUES = {
    "a written type": ("let a: Vec<B> = c();", "Vec<B>"),
    "a call": ("let a = B::new(1);", "B::new()"),
    "a chain": ("let mut a = b.c(|x| x).d()?.await;", "b.c().d()?.await"),
    "a literal": ("let a = B { c: 1 };", "B"),
    "a field of what is borrowed": ("let a = &mut self.b.c;", "self.b.c"),
    "another variable": ("let a = &b;", "b"),
    "a variant": ("let a = B::C;", "B::C"),
    "what pointers hold": ("let a = Arc::new(Mutex::new(B::new(1)));", "Arc::new(Mutex::new(B::new()))"),
    "a copy of a pointer": ("let a = Arc::clone(&self.b);", "Arc::clone(self.b)"),
    "a macro": ("let a = b::c!(1).d();", "b::c!().d()"),
    "a branch, which nobody follows": ("let a = if b { c() } else { d() };", ""),
    "an index, which nobody follows": ("let a = b[0];", ""),
    "nothing yet": ("let a;", ""),
}


@pytest.mark.parametrize(("line", "written"), VALUES.values(), ids=VALUES)
def test_let_binds_a_name_to(line: str, written: str) -> None:
    assert [text for _, name, text in bound(line) if name == "a"] == [written]


PARTS = {
    "what an option holds": ("Some(a)", {"a": "v?"}),
    "what is held twice": ("Ok(Some(ref mut a))", {"a": "v??"}),
    "a failure": ("Err(e)", {"e": "v.err()?"}),
    "parts of a tuple, by reference": ("&(a, _, mut b)", {"a": "v.0", "b": "v.2"}),
    "the last of many": ("(a, .., b)", {"a": "v.0", "b": ""}),
    "fields": ("Point { x, y: Some(b), .. }", {"x": "match(Point).x", "b": "match(Point).y?"}),
    "what a variant holds": ("Shape::Round(a, (b, c))", {
        "a": "match(Shape::Round).0", "b": "match(Shape::Round).1.0", "c": "match(Shape::Round).1.1",
    }),
    "the first of alternatives": ("A::B(a) | A::C(a)", {"a": "match(A::B).0"}),
    "a whole with a part": ("all @ Some(a)", {"all": "v", "a": "v?"}),
    "items and a rest": ("[a, rest @ ..]", {"a": "v.for()", "rest": ""}),
    "type arguments": ("B::<u8> { a }", {"a": "match(B).a"}),
    "a guard, which binds nothing": ("Some(a) if b", {"a": "v?"}),
    "constants, literals and variants, which bind nothing": ("(None, A::B, MAX, 'x', \"y\", 1..=2, true, _)", {}),
}  # fmt: skip


@pytest.mark.parametrize(("pattern", "names"), PARTS.values(), ids=PARTS)
def test_pattern_binds(pattern: str, names: dict[str, str]) -> None:
    assert dict(bound_names(pattern, "v")) == names


def test_parts_of_an_unknown_value_are_unknown_but_for_what_the_pattern_names() -> None:
    assert dict(bound_names("(Some(a), B(b), [c])", "")) == {"a": "", "b": "match(B).0", "c": ""}


def test_let_holds_from_the_next_line_on_so_that_its_value_speaks_of_an_older_one() -> None:
    assert bound("let a = b();", "let a = a", "    .c();") == [(3, "a", "b()"), (5, "a", "a.c()")]


def test_names_of_an_arm_a_loop_a_condition_and_a_closure_end_with_it() -> None:
    lines = [
        "match v {",
        "    Some(a) => a.f(),",
        "    None => 1,",
        "}",
        "for a in v {",
        "    a.f();",
        "}",
        "if let Some(a) = v && let Ok(b) = a.w() {",
        "    b.f();",
        "}",
        "while let Some(a) = v.next() {",
        "}",
        "v.map(1, |(a, b), c: &C| a.f());",
    ]
    assert bound(*lines) == [
        (3, "a", "v?"),
        (4, "a", "}3"),
        (7, "a", "v.for()"),
        (9, "a", "}7"),
        (9, "a", "v?"),
        (10, "b", "a.w()?"),
        (12, "a", "}9"),
        (12, "b", "}10"),
        (13, "a", "v.next()?"),
        (14, "a", "}13"),
        (14, "a", "v.map(|1,0|).0"),
        (14, "b", "v.map(|1,0|).1"),
        (14, "c", "&C"),
        (15, "a", "}14"),
        (15, "b", "}14"),
        (15, "c", "}14"),
    ]


EXPANSIONS = {
    "one arm": (b'm { ($a:expr) => { $crate::A::new($a, std::env!("X")) }; }', "$crate::A::new()"),
    "arms that agree": (b"m { () => { f(1) }; ($a:expr) => { f($a) } }", "f()"),
    "arms that do not agree": (b"m { () => { f(1) }; ($a:expr) => { g($a) } }", ""),
    "more than a call": (b"m { () => { f(1).g() } }", ""),
    "statements": (b"m { () => { let x = f(1); x } }", ""),
    "no end": (b"m { () => { f(1", ""),
}


@pytest.mark.parametrize(("text", "called"), EXPANSIONS.values(), ids=EXPANSIONS)
def test_macro_expands_to_the_call_of(text: bytes, called: str) -> None:
    assert expansion(text) == called


HOSTILE = {
    "brackets": "(" * 100_000,
    "arms": "match v {" + "Some(a) => a," * 20_000 + "}",
    "a wide pattern": "let (" + "a," * 50_000 + ") = v;",
    "pointers in pointers": "let a = " + "Arc::new(" * 2_000 + "b" + ")" * 2_000 + ";",
    "closures in closures": "v.f(|a| " * 300 + "a" + ")" * 300 + ";",
    "macros of many arms": "macro_rules! m { " + "() => { f(" * 300 + "}",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_time_follows_the_size_of(text: str) -> None:
    with cpu_seconds(3):
        facts_of("rust", f"fn m() {{ {text} }}".encode())
