"""CPU seconds of `index-code`'s facts against a bare tree-sitter parse of the same files, and against a plain walk.

    python bench/index_code.py FOLDER [--rounds 5] [--language rust] [--every 1]

All read the files of each language below FOLDER, in turn and in one process, so that whatever else the machine does
falls on each. Ratios to the bare parse are what counts; MB per CPU second follow the machine.

The walk, for Rust alone, makes the same facts, but finds calls, bindings and imports by visiting each node from Python
in place of a query. What both find must be equal. `index-code` has facts made in a child process and sent as JSON: that
is measured too, the child's start included, and JSON by itself. Two processes are compared with one by the clock on the
wall.
"""

import argparse
import os
import platform
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from importlib.metadata import version
from pathlib import Path
from unittest.mock import patch

import orjson
from tree_sitter import Node, Parser, Query

from repoloom_stages.index_code import facts_of
from repoloom_stages.runtime.confined import Bounds, Confined
from repoloom_stages.syntax import rust_usage
from repoloom_stages.syntax.grammars import MAX_BYTES, grammar_of
from repoloom_stages.syntax.languages import language_of

WALKED = {
    "arguments": "call",
    "macro_invocation": "call",
    "let_declaration": "binding",
    "closure_expression": "binding",
    "match_expression": "binding",
    "for_expression": "binding",
    "use_declaration": "import",
    "extern_crate_declaration": "import",
}
"""Kinds of node and their captures in the query of `rust_usage`."""

CONDITIONAL = frozenset({"if_expression", "while_expression"})
LETS = frozenset({"let_condition", "let_chain"})
"""What makes a conditional a binding, as its condition."""

FAR_BOUNDS = Bounds(memory_bytes=8_000_000_000, cpu_seconds=600)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--every", type=int, default=1, help="read each so many-th file of a language")
    parser.add_argument("--language", help="this one alone; else all that have a grammar")
    options = parser.parse_args()
    libraries = ", ".join(
        f"{name} {version(name)}" for name in ("tree-sitter", "tree-sitter-python", "tree-sitter-rust")
    )
    print(f"Python {platform.python_version()}, {libraries}; load {os.getloadavg()[0]:.1f}")
    for language, found in sorted(read_texts(options.folder).items()):
        if options.language in (None, language):
            texts = found[:: options.every]
            print(f"{language}: {len(texts)} files, {sum(map(len, texts)) / 1e6:.1f} MB, {options.rounds} rounds")
            compare(language, texts, options.rounds)
            compare_processes(language, texts, options.rounds)


def read_texts(folder: Path) -> dict[str, list[bytes]]:
    """Contents of the files that have a grammar, by language."""
    texts = defaultdict(list)
    for path in sorted(folder.rglob("*")):
        language = language_of(path.as_posix())
        if language and grammar_of(language) and path.is_file() and not path.is_symlink():
            text = path.read_bytes()
            if len(text) <= MAX_BYTES and is_utf8(text):
                texts[language].append(text)
    return texts


def is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def compare(language: str, texts: list[bytes], rounds: int) -> None:
    """Print the rate of each, and its ratio to the bare parse: medians over rounds, with the range."""
    grammar = grammar_of(language)
    assert grammar is not None  # `read_texts` has asked
    megabytes = sum(map(len, texts)) / 1e6
    acts: dict[str, Callable[[list[bytes]], object]] = {
        "bare parse": partial(each, Parser(grammar.language).parse),
        "facts": partial(each, partial(facts_of, language)),
        "as JSON": partial(each, partial(as_json, language)),
        "in a child": partial(in_child, language),
    }
    if language == "rust":
        assert all(walked_facts(text) == facts_of(language, text) for text in texts), "the walk finds something else"
        acts["walk"] = partial(each, walked_facts)
    seconds = defaultdict(list)
    for _ in range(rounds):
        for label, act in acts.items():
            seconds[label].append(cpu_seconds(act, texts))
    for label, spent in seconds.items():
        ratios = [bare / other for bare, other in zip(seconds["bare parse"], spent, strict=True)]
        print(
            f"  {label:<10} {megabytes / statistics.median(spent):6.2f} MB per CPU second,"
            f" {statistics.median(ratios):.2f} of the bare parse ({min(ratios):.2f} to {max(ratios):.2f})"
        )


def walked_facts(text: bytes) -> object:
    """Facts of a Rust text, its nodes found by a walk."""
    with patch.object(rust_usage, "captures_of", walked):
        return facts_of("rust", text)


def walked(query: Query, root: Node) -> dict[str, list[Node]]:
    """What the query of `rust_usage` captures, found from Python. The arguments are those of `captures_of`."""
    del query
    found: dict[str, list[Node]] = defaultdict(list)

    def visit(node: Node) -> None:
        if capture := WALKED.get(node.type):
            found[capture].append(node)
        elif node.type in CONDITIONAL and is_let(node.child_by_field_name("condition")):
            found["binding"].append(node)
        for child in node.children:
            visit(child)

    visit(root)
    return found


def is_let(condition: Node | None) -> bool:
    return condition is not None and condition.type in LETS


def compare_processes(language: str, texts: list[bytes], rounds: int) -> None:
    """Print seconds on the wall of one process and of two that share the texts."""
    shares = [texts[0::2], texts[1::2]]
    with ProcessPoolExecutor(2) as pool:
        list(pool.map(partial(indexed, language), shares))  # start them, and load the grammar
        one, two = [], []
        for _ in range(rounds):
            one.append(wall_seconds(lambda: list(pool.map(partial(indexed, language), [texts]))))
            two.append(wall_seconds(lambda: list(pool.map(partial(indexed, language), shares))))
    gains = [alone / both for alone, both in zip(one, two, strict=True)]
    print(
        f"  one process {statistics.median(one):.2f} s on the wall, two {statistics.median(two):.2f} s:"
        f" {statistics.median(gains):.2f} times as fast ({min(gains):.2f} to {max(gains):.2f})"
    )


def indexed(language: str, texts: list[bytes]) -> int:
    return sum(len(facts_of(language, text)["items"]) for text in texts)


def wall_seconds(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def each(act: Callable[[bytes], object], texts: Iterable[bytes]) -> None:
    for text in texts:
        act(text)


def in_child(language: str, texts: list[bytes]) -> None:
    with Confined(as_json, lambda _: FAR_BOUNDS) as confined:
        for text in texts:
            assert confined.run(language, text)


def as_json(language: str, text: bytes) -> bytes:
    return orjson.dumps(facts_of(language, text))


def cpu_seconds(act: Callable[[list[bytes]], object], texts: list[bytes]) -> float:
    """Of this process, and of those that it started and that have ended."""
    started = os.times()
    act(texts)
    return sum(os.times()[:4]) - sum(started[:4])


if __name__ == "__main__":
    main()
