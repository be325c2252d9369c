"""Chunks join to the unit, keep the budget, and cut no node that fits."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tree_sitter import Node

from repoloom_stages.sampling.chunking import Chunk, Syntax, chunks
from repoloom_stages.syntax.grammars import children, grammar_of
from repoloom_stages.tokens import TokenCounter
from support.limits import cpu_seconds
from support.models import train_tokenizer

COUNTER = TokenCounter(json.loads(train_tokenizer().to_str()))


@dataclass
class Framed:
    """Code in a frame, counted as often as it is asked for."""

    before: str = "// File: a\n\n"
    after: str = ""
    counted: list[str] = field(default_factory=list)

    def tokens(self, code: str) -> int:
        self.counted.append(code)
        return COUNTER.count([self.before + code + self.after])[0]

    def starts(self, code: str) -> Sequence[int]:
        return COUNTER.starts(code)


def syntax_of(language: str, source: bytes) -> Syntax | None:
    grammar = grammar_of(language)
    tree = grammar.parse(source) if grammar else None
    return Syntax(tree, grammar) if tree and grammar else None


def cut(language: str, text: str, budget: int, start: int = 0, end: int | None = None) -> list[Chunk] | None:
    source = text.encode()
    return chunks(source, start, len(source) if end is None else end, syntax_of(language, source), Framed(), budget)


def parts(language: str, text: str, budget: int) -> list[str]:
    found = cut(language, text, budget)
    assert found is not None
    return [text.encode()[chunk.start : chunk.end].decode() for chunk in found]


def nodes_around(node: Node, place: int) -> list[Node]:
    """The nodes that a cut at a place would cut."""
    around = []
    inside: Node | None = node
    while inside and inside.start_byte < place < inside.end_byte:
        around.append(inside)
        inside = next((child for child in children(inside) if child.start_byte < place < child.end_byte), None)
    return around


LINES = [
    "/// Says so.",
    "#[test]",
    "fn a() {",
    '    let s = "größe 😀"; // because',
    "    call(a, [1, 2], |x| x + 1);",
    "    if a { b() } else { c() }",
    "}",
    "",
    "pub struct S { a: u8, b: Vec<(u8, u8)> }",
    "impl T for S { fn f(&self) -> u8 { self.a } }",
    "def a(b):",
    "    return [b, {1: 2}]",
    "@d",
    "class C:",
    "    x = '''long",
    "text'''",
    "x = 1; y = 2",
    "# (",
    "\t\r",
    "<|endoftext|>",
    "x" * 90,
]
TEXTS = st.one_of(
    st.lists(st.sampled_from(LINES), max_size=40).map("\n".join),
    st.lists(st.one_of(st.sampled_from(LINES), st.text(max_size=20)), max_size=20).map("\n".join),
    st.text(max_size=300),
)


@settings(max_examples=150)
@given(language=st.sampled_from(["rust", "python", "text"]), text=TEXTS, budget=st.integers(24, 160))
@example(language="rust", text="\n" * 400, budget=24)
@example(language="rust", text="😀" * 60, budget=24)
@example(language="python", text="x = '" + "y" * 400 + "'\n", budget=30)
def test_chunks_join_keep_the_budget_and_cut_no_node_that_fits(language: str, text: str, budget: int) -> None:
    source = text.encode()
    found = cut(language, text, budget)
    assert found is not None
    assert b"".join(source[chunk.start : chunk.end] for chunk in found) == source
    for chunk in found:
        code = source[chunk.start : chunk.end].decode()
        assert chunk.tokens == Framed().tokens(code) <= budget
    syntax = syntax_of(language, source)
    for chunk, _ in pairwise(found):
        for node in nodes_around(syntax.tree.root_node, chunk.end) if syntax else []:
            assert Framed().tokens(source[node.start_byte : node.end_byte].decode()) > budget


@settings(max_examples=50)
@given(text=TEXTS, budget=st.integers(24, 100), edges=st.tuples(st.integers(0, 300), st.integers(0, 300)))
def test_a_stretch_of_a_file_is_cut_within_itself(text: str, budget: int, edges: tuple[int, int]) -> None:
    start, end = sorted(len(text[:edge].encode()) for edge in edges)
    found = cut("rust", text, budget, start, end)
    assert found is not None
    assert [chunk.start for chunk in found] == [start, *(chunk.end for chunk in found)][:-1] if found else start == end
    assert not found or found[-1].end == end


FUNCTIONS = [
    f"/// Number {n}.\n#[test]\nfn number_{n}() {{\n    call({n}, {n});\n    call({n});\n}}\n\n" for n in range(30)
]


def test_cuts_fall_between_items_with_docs_and_attributes_on_the_side_of_their_item() -> None:
    for part in parts("rust", "".join(FUNCTIONS), budget=200)[1:]:
        assert part.lstrip("\n").startswith("/// Number")


def test_neighbours_share_a_chunk_as_long_as_they_fit() -> None:
    found = parts("rust", "".join(FUNCTIONS), budget=200)
    assert len(found) > 1
    for left, right in pairwise(found):
        first_item = right[: right.index("}\n") + 2]
        assert Framed().tokens(left + first_item) > 200


def test_a_function_that_does_not_fit_is_cut_between_its_statements() -> None:
    text = "fn long() {\n" + "".join(f"    let value_{n} = call({n}, |x| {{ x + {n} }});\n" for n in range(40)) + "}\n"
    found = parts("rust", text, budget=150)
    assert len(found) > 2
    assert all(part.endswith(";\n") for part in found[:-1])
    assert all(part.startswith("    let value_") for part in found[1:])
    assert found[-1].endswith(";\n}\n")


def test_a_closing_bracket_stays_with_what_it_closes() -> None:
    statements = "".join(f"        call({n});\n" for n in range(12))
    text = f"mod a {{\n    fn long() {{\n{statements}    }}\n}}\n"
    for budget in range(60, 130):  # the block does not fit
        assert not any(part.lstrip().startswith("}") for part in parts("rust", text, budget))


def test_a_string_that_does_not_fit_is_cut_between_lines() -> None:
    text = 'x = """' + "".join(f"line {n} of a long text\n" for n in range(60)) + '"""\n'
    assert all(part.endswith("\n") for part in parts("python", text, budget=100))


def test_a_line_that_does_not_fit_is_filled_up_to_the_budget() -> None:
    text = "x = '" + "y" * 2000 + "'\n"
    found = cut("python", text, budget=100)
    assert found is not None
    assert all(chunk.tokens > 90 for chunk in found[1:-1])


def test_no_chunk_is_made_where_the_header_leaves_no_room() -> None:
    source = b"fn a() {}\n"
    for before in ("x" * 500, "// 16 tokens or so"):
        measure = Framed(before)
        budget = COUNTER.count([before])[0]
        assert chunks(source, 0, len(source), syntax_of("rust", source), measure, budget) is None


def test_what_follows_the_code_counts_too() -> None:
    source = "".join(FUNCTIONS).encode()
    found = chunks(source, 0, len(source), syntax_of("rust", source), Framed(after="\n</file>"), 200)
    assert found
    for chunk in found:
        assert chunk.tokens == Framed(after="\n</file>").tokens(source[chunk.start : chunk.end].decode()) <= 200


def test_tokens_of_a_long_text_are_counted_about_twice() -> None:
    source = "".join(FUNCTIONS).encode()
    measure = Framed()
    assert chunks(source, 0, len(source), syntax_of("rust", source), measure, 200)
    assert sum(map(len, measure.counted)) < 3 * len(source)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("rust", "fn a() {" + "{" * 40_000 + "}" * 40_000 + "}"),
        ("python", "[" * 30_000 + "]" * 30_000),
        ("rust", "(" * 50_000),
        ("text", "word " * 20_000),
    ],
)
def test_hostile_text_is_cut_in_bounded_time(language: str, text: str) -> None:
    with cpu_seconds(5):
        found = cut(language, text, budget=4096)
    assert found is not None
    assert found[-1].end == len(text)
