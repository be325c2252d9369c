"""A file of the snapshot with all that is known of it, and what recipes ask of a stretch of its text."""

import hashlib
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from repoloom_stages.facts import IndexedFile, Item
from repoloom_stages.links import LinkedFile, PlacedFile
from repoloom_stages.record_files import FILES, count_records, read_records
from repoloom_stages.records import TEST, VALIDATION, Novel, Origin, SourceFile
from repoloom_stages.runtime.stage import Inputs
from repoloom_stages.sampling.chunking import Syntax
from repoloom_stages.syntax.grammars import grammar_of

EMPTY, NOT_NOVEL = "empty", "not-novel"
"""Why a stretch is no sample: it is white space; it is in a held-out file and shows nothing new."""


@dataclass
class CodeFile:
    """A file of the snapshot with its facts, and what is computed of it when first needed. Offsets are bytes."""

    about: SourceFile
    facts: IndexedFile
    place: PlacedFile
    links: LinkedFile | None = None
    """Where the recipe reads links."""

    @cached_property
    def source(self) -> bytes:
        """Its text in UTF-8."""
        return self.about["text"].encode()

    @cached_property
    def syntax(self) -> Syntax | None:
        """Its tree, if a grammar can read it, as `index-code` has found out at less risk."""
        grammar = None if self.facts["unread"] else grammar_of(self.about["language"])
        tree = grammar.parse(self.source) if grammar else None
        return Syntax(tree, grammar) if tree and grammar else None

    @cached_property
    def _newlines(self) -> list[int]:
        return [found.start() for found in re.finditer(rb"\n", self.source)]

    def code(self, start: int, end: int) -> str:
        """The text of a stretch whose ends are between characters."""
        return self.source[start:end].decode()

    def holder(self, item: Item) -> Item | None:
        """The impl, trait, class or module that holds an item; None at the top of the file."""
        return self.facts["items"][item["owner"]] if item["owner"] >= 0 else None

    def part_of(self, item: Item) -> str:
        """The signature of the impl, trait, class or interface that holds an item; nothing elsewhere."""
        holder = self.holder(item)
        return holder["signature"] if holder and holder["kind"] != "module" else ""

    def outdented(self, item: Item) -> str:
        """An item's body as it would stand at the left margin."""
        start = self.code(item["start"], item["body"])
        indentation = start[: len(start) - len(start.lstrip())]
        return self.code(item["body"], item["end"]).replace(f"\n{indentation}", "\n")

    def lines(self, start: int, end: int) -> tuple[int, int]:
        """First and last line of a stretch that is not empty."""
        return bisect_left(self._newlines, start) + 1, bisect_left(self._newlines, end - 1) + 1

    def origin(self, start: int, end: int) -> Origin:
        """Where a stretch stands."""
        first, last = self.lines(start, end)
        digest = hashlib.sha256(self.source[start:end]).hexdigest()
        return Origin(path=self.about["path"], blob=self.about["blob"], start=first, end=last, sha256=digest)

    def novel(self, start: int, end: int) -> list[Novel]:
        """Novel lines of the file that a stretch shows."""
        first, last = self.lines(start, end)
        return [
            Novel(start=max(one["start"], first), end=min(one["end"], last), group=one["group"])
            for one in self._novel_between(first, last)
        ]

    def _novel_between(self, first: int, last: int) -> list[Novel]:
        """Stretches of novel lines, which are in order, that these lines have a part in."""
        novel = self.about["novel"]
        start = bisect_left(novel, first, key=lambda one: one["end"])
        return novel[start : bisect_right(novel, last, key=lambda one: one["start"])]

    def why_not(self, start: int, end: int) -> str | None:
        """Why a stretch makes no sample, or None."""
        if not self.code(start, end).strip():
            return EMPTY
        held_out = self.about["split"] in (VALIDATION, TEST)
        return NOT_NOVEL if held_out and not self.novel(start, end) else None


def code_files(inputs: Inputs) -> Iterator[CodeFile]:
    """The files of one shard in order: roles `files`, `index` and `places`, and `links` where there are any."""
    read = [read_records(inputs.one(role) / FILES) for role in ("files", "index", "places")]
    if inputs.many("links"):
        read.append(read_records(inputs.one("links") / FILES))
    for parts in zip(*read, strict=True):
        yield CodeFile(*parts)


def count_files(inputs: Inputs) -> int:
    """How many files `code_files` gives."""
    return count_records(inputs.one("places") / FILES)
