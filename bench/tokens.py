"""CPU seconds of counting tokens: `tokens.TokenCounter` against `tokenizers.encode_batch`, on the same texts.

    python bench/tokens.py FOLDER [--tokenizer FOLDER] [--megabytes 100] [--rounds 5]

Texts are the UTF-8 files below FOLDER. Each round starts both anew, in turn, so that whatever else the machine does
falls on both, and what a start costs is in. Counts are compared first. The ratio is what counts; MB per CPU second
follow the machine.
"""

import argparse
import json
import os
import platform
import resource
import statistics
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from repoloom_stages import tiny
from repoloom_stages.tokens import TOKENIZER_FILE, TokenCounter, text_tokenizer

SMALL = 20_000
"""Bytes of a small input, on which the counter must not be slower."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tokenizer", type=Path, default=tiny.path(), help="folder with tokenizer.json")
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    document = json.loads((options.tokenizer / TOKENIZER_FILE).read_bytes())
    texts = read_texts(options.folder, options.megabytes * 1_000_000)
    libraries = ", ".join(f"{name} {version(name)}" for name in ("tokenizers", "gigatoken"))
    print(f"Python {platform.python_version()}, {libraries}; load {os.getloadavg()[0]:.1f}")

    def ours(texts: list[str]) -> list[int]:
        return TokenCounter(document).count(texts)

    def theirs(texts: list[str]) -> list[int]:
        return [len(encoding) for encoding in text_tokenizer(document).encode_batch(texts)]

    assert ours(texts) == theirs(texts), "counts differ"
    compare("all", texts, ours, theirs, options.rounds)
    compare("small", few(texts), ours, theirs, options.rounds * 10)


def read_texts(folder: Path, most: int) -> list[str]:
    """Texts of files below a folder, up to so many bytes."""
    texts, size = [], 0
    for path in sorted(folder.rglob("*")):
        if size < most and path.is_file() and not path.is_symlink():
            try:
                texts.append(path.read_text(encoding="utf-8"))
            except UnicodeDecodeError:
                continue
            size += len(texts[-1])
    return texts


def few(texts: list[str]) -> list[str]:
    """The first texts, up to a small input."""
    chosen, size = [], 0
    for text in texts:
        if size + len(text) <= SMALL:
            chosen.append(text)
            size += len(text)
    return chosen


Count = Callable[[list[str]], list[int]]


def compare(
    label: str,
    texts: list[str],
    ours: Callable[[list[str]], object],
    theirs: Callable[[list[str]], object],
    rounds: int,
) -> None:
    """Print the rates of both and their ratio: medians over rounds, with the range."""
    megabytes = sum(len(text.encode()) for text in texts) / 1e6
    pairs = [(cpu_seconds(theirs, texts), cpu_seconds(ours, texts)) for _ in range(rounds)]
    ratios = [their / our for their, our in pairs]
    print(f"{label}: {len(texts)} texts, {megabytes:.2f} MB, {rounds} rounds")
    for name, seconds in (("encode_batch", [pair[0] for pair in pairs]), ("TokenCounter", [pair[1] for pair in pairs])):
        print(f"  {name:<12} {megabytes / statistics.median(seconds):7.2f} MB per CPU second")
    print(f"  ratio        {statistics.median(ratios):7.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


def cpu_seconds(act: Count, texts: list[str]) -> float:
    """Of all threads: `encode_batch` takes every core."""
    before = used()
    act(texts)
    return used() - before


def used() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
