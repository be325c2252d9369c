"""What a published dataset keeps of its promises, read back from its rows and the repository by none of the stages.

    python bench/published.py DATASET CLONE [--max-tokens 4096]

DATASET is the folder of a dataset whose one source is CLONE, counted by the shipped tokenizer. Looked at are:

- origins: lines of a blob of the repository, whose SHA-256 is to be that of the row;
- coverage and duplication: what training rows show, against the bytes of training files that `stats.json` tells;
- fill-in-the-middle: parts that join to their origin, and middles that are whole nodes of its syntax tree;
- cuts between parts of a file, inside a node that would have fit as a part of its own;
- tokens, counted anew.

Tokens, trees and middles are looked at in some rows, chosen at random; all else in every row.
"""

import argparse
import hashlib
import io
import random
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import orjson
from tokenizers import Tokenizer
from tree_sitter import Node, Tree

from repoloom_stages.syntax.grammars import grammar_of

TOKENIZER = Path(__file__).parents[1] / "stages" / "src" / "repoloom_stages" / "tiny" / "tokenizer.json"
SENTINELS = re.compile(r"<\|fim_prefix\|>(.*)<\|fim_suffix\|>(.*)<\|fim_middle\|>(.*)", re.DOTALL)
SAMPLED = 400

Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("clone", type=Path)
    parser.add_argument("--max-tokens", type=int, default=4096)
    options = parser.parse_args()
    stats = orjson.loads((options.dataset / "stats.json").read_bytes())
    blobs = Blobs(options.clone)
    eligible = {one["output"]: one["eligibleBytes"] for one in stats["coverage"]}
    for output, about in stats["outputs"].items():
        print(f"{output}: {about['samples']:,} rows", flush=True)
        rows = [row for path in sorted((options.dataset / output).glob("*.jsonl")) for row in read_rows(path)]
        if not rows:
            continue
        trained = [row for row in rows if row["split"] == "train"]
        print(f"  {origins(rows, blobs)}\n  {shown(trained, eligible[output], blobs)}", flush=True)
        for line in (middles(rows, blobs), cuts(rows, blobs, options.max_tokens), counted(rows)):
            if line:
                print(f"  {line}", flush=True)


def read_rows(path: Path) -> Iterator[Row]:
    with path.open("rb") as file:
        yield from map(orjson.loads, file)


class Blobs:
    """Contents of files, from git."""

    def __init__(self, clone: Path) -> None:
        command = ["git", "-C", str(clone), "cat-file", "--batch"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.lines = cache(self._lines)

    def _lines(self, blob: str) -> list[bytes]:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{blob}\n".encode())
        self._process.stdin.flush()
        size = int(self._process.stdout.readline().split()[2])
        return io.BytesIO(self._process.stdout.read(size + 1)[:-1]).readlines()  # only a newline ends a line, as in git

    def text(self, blob: str) -> bytes:
        return b"".join(self.lines(blob))

    def span(self, origin: Row) -> tuple[int, int] | None:
        """Start and end in its file, in bytes, of the code with the origin's hash; None if it is not in its lines."""
        lines = self.lines(origin["blob"])
        before = sum(map(len, lines[: origin["start"] - 1]))
        code = b"".join(lines[origin["start"] - 1 : origin["end"]])
        for end in range(len(code), len(code) - len(lines[origin["end"] - 1]) - 1, -1):
            for start in range(len(lines[origin["start"] - 1]) + 1):
                if hashlib.sha256(code[start:end]).hexdigest() == origin["sha256"]:
                    return before + start, before + end
        return None


def origins(rows: list[Row], blobs: Blobs) -> str:
    everything = {(one["blob"], one["start"], one["end"], one["sha256"]): one for row in rows for one in row["source"]}
    wrong = [one for one in everything.values() if blobs.span(one) is None]
    return f"origins: {len(everything):,}, {len(wrong)} wrong {wrong[:2] or ''}"


def shown(rows: list[Row], eligible: int, blobs: Blobs) -> str:
    times: Counter[tuple[str, int]] = Counter()
    for row in rows:
        for one in row["source"]:
            times.update((one["blob"] + one["path"], number) for number in range(one["start"], one["end"] + 1))
    sizes = {line: len(blobs.lines(line[0][:40])[line[1] - 1]) for line in times}
    once, all_of_it = sum(sizes.values()), sum(sizes[line] * number for line, number in times.items())
    return f"shown: {100 * once / eligible:.2f} % of {eligible:,} bytes, {all_of_it / max(1, once):.3f} times"


def middles(rows: list[Row], blobs: Blobs) -> str:
    """Whether the parts join. Which part is the middle only rows tell that have the prefix first."""
    found = sample([row for row in rows if row["view"] == "fill-in-middle"])
    joined = nodes = told = 0
    for row in found:
        (origin,) = row["source"]
        parts, span = SENTINELS.search(row["text"]), blobs.span(origin)
        if not parts or not span:
            continue
        source = blobs.text(origin["blob"])
        code, (prefix, suffix, last) = source[slice(*span)], (part.encode() for part in parts.groups())
        middle = next((one for one in without_tag(last) if prefix + one + suffix == code), None)
        joined += middle is not None
        if middle is not None and prefix and (tree := parsed(row["lang"], source)):
            start = span[0] + len(prefix)
            told, nodes = told + 1, nodes + is_node(tree, start, start + len(middle))
    return f"middles: {joined} of {len(found)} join to their origin; {nodes} of {told} are nodes" if found else ""


def without_tag(last: bytes) -> Iterator[bytes]:
    """What a sample ends with, and the same without the tag that may close its file."""
    yield last
    yield from (last.removesuffix(tag) for tag in (b"</file>", b"\n</file>"))


def parsed(language: str, source: bytes) -> Tree | None:
    grammar = grammar_of(language)
    return grammar.parse(source) if grammar else None


def is_node(tree: Tree, start: int, end: int) -> bool:
    return any((node.start_byte, node.end_byte) == (start, end) for node in around(tree, start, end))


def around(tree: Tree, start: int, end: int) -> Iterator[Node]:
    """The nodes that hold a stretch, the file's own aside, outermost first."""
    node: Node | None = tree.root_node
    while node := next((one for one in node.children if one.start_byte <= start and end <= one.end_byte), None):
        yield node


def cuts(rows: list[Row], blobs: Blobs, max_tokens: int) -> str:
    """Ends of parts of files that lie in a node which fits: with what stands beside the code, it is in the limit."""
    parts = [row for row in rows if not row["complete"] and row["granularity"] == "file" and row["view"] == "plain"]
    inside = looked_at = 0
    for row in sample(parts):
        (origin,) = row["source"]
        source, span = blobs.text(origin["blob"]), blobs.span(origin)
        tree = parsed(row["lang"], source)
        if tree is None or span is None or span[1] == len(source):
            continue
        looked_at += 1
        beside = row["tokens"] - number_of_tokens(source[slice(*span)].decode())
        holding = (one for one in around(tree, span[1], span[1]) if one.start_byte < span[1] < one.end_byte)
        fits = (
            number_of_tokens(source[one.start_byte : one.end_byte].decode()) + beside <= max_tokens for one in holding
        )
        inside += any(fits)
    return f"cuts: {inside} of {looked_at} lie inside a node that fits" if looked_at else ""


@cache
def tokenizer() -> Tokenizer:
    return Tokenizer.from_file(str(TOKENIZER))


def number_of_tokens(text: str) -> int:
    return len(tokenizer().encode(text, add_special_tokens=False).ids)


def counted(rows: list[Row]) -> str:
    found = sample(rows)
    wrong = sum(number_of_tokens(text_of(row)) != row["tokens"] for row in found)
    return f"tokens: {wrong} of {len(found)} counted differently; longest {max(row['tokens'] for row in rows):,}"


def text_of(row: Row) -> str:
    """All that a model is trained on, of any shape."""
    return row.get("text") or row["prompt"] + row.get("completion", row.get("chosen"))


def sample(rows: list[Row]) -> list[Row]:
    return rows if len(rows) <= SAMPLED else random.Random(0).sample(rows, SAMPLED)


if __name__ == "__main__":
    main()
