"""CPU seconds of `index-code`'s facts against a bare tree-sitter parse of the same files.

    python bench/index_code.py FOLDER [--rounds 5]

Both read the files of each language below FOLDER, in turn and in one process, so that whatever else the machine does
falls on both. The ratio of the two is what counts; MB per CPU second follow the machine.
"""

import argparse
import os
import platform
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path

from tree_sitter import Parser

from repoloom_stages.grammars import MAX_BYTES, grammar_of
from repoloom_stages.index_code import facts_of
from repoloom_stages.languages import language_of


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    libraries = ", ".join(
        f"{name} {version(name)}" for name in ("tree-sitter", "tree-sitter-python", "tree-sitter-rust")
    )
    print(f"Python {platform.python_version()}, {libraries}; load {os.getloadavg()[0]:.1f}")
    for language, texts in sorted(read_texts(options.folder).items()):
        compare(language, texts, options.rounds)


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
    """Print the rates of both and their ratio: medians over rounds, with the range."""
    grammar = grammar_of(language)
    assert grammar is not None  # `read_texts` has asked
    megabytes = sum(map(len, texts)) / 1e6
    bare, facts = [], []
    for _ in range(rounds):
        bare.append(cpu_seconds(Parser(grammar.language).parse, texts))
        facts.append(cpu_seconds(lambda text: facts_of(language, text), texts))
    ratios = [parse / index for parse, index in zip(bare, facts, strict=True)]
    print(f"{language}: {len(texts)} files, {megabytes:.1f} MB, {rounds} rounds")
    for label, seconds in (("bare parse", bare), ("facts", facts)):
        print(f"  {label:<10} {megabytes / statistics.median(seconds):6.2f} MB per CPU second")
    print(f"  ratio      {statistics.median(ratios):6.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


def cpu_seconds(act: Callable[[bytes], object], texts: Iterable[bytes]) -> float:
    started = time.process_time()
    for text in texts:
        act(text)
    return time.process_time() - started


if __name__ == "__main__":
    main()
