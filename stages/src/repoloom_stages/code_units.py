"""Stage `code-units`: the recipe `codeUnits` on one shard, one sample for each file or item that it asks for.

What is too long is cut by `chunking`; headers are written by `headers`. Judging, copies and splits come later. Of a
held-out file only what shows novel lines is made: the rest stands in the training snapshot too.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from repoloom_api.catalogue import CodeUnitsParams
from repoloom_api.v1alpha1.datasetbuild import Granularity, HeaderField
from repoloom_stages.chunking import Chunk, Syntax, chunks
from repoloom_stages.globs import Globs
from repoloom_stages.grammars import grammar_of
from repoloom_stages.headers import Frame, frame_of, repository_name, size
from repoloom_stages.records import (
    TEST,
    VALIDATION,
    IndexedFile,
    Novel,
    Origin,
    Record,
    SampleId,
    SourceFile,
    read_records,
    sample_id,
    text_sha256,
    write_records,
)
from repoloom_stages.stage import Inputs, Outputs
from repoloom_stages.tagging import tag_code
from repoloom_stages.tokens import TokenCounter

KIND = "code-unit"

PATH, MIN_BYTES, MAX_BYTES = "path", "min-bytes", "max-bytes"
"""Why `keep` drops a file, which then counts as one sample."""

EMPTY, NOT_NOVEL, REPEATED, HEADER_TOO_LONG = "empty", "not-novel", "repeated", "header-too-long"
"""Why a unit or a part of one is no sample: it is white space; it is in a held-out file and shows nothing new; another
granularity has made the same text there; its header leaves no room for code."""

PROGRESS_FILES = 20


def run(params: CodeUnitsParams, inputs: Inputs, outputs: Outputs) -> None:
    """Make the samples of a shard from the roles `files`, `index` and `tokenizer`.

    `records/records.jsonl.zst` and `ids/ids.jsonl.zst` are sorted by path, split and place. Counted are samples made or
    dropped: each part of a unit that was cut is one.
    """
    counter = TokenCounter.load(inputs.one("tokenizer"))
    files, index = (inputs.one(role) / "files.jsonl.zst" for role in ("files", "index"))
    records = outputs.file("records/records.jsonl.zst")
    write_records(records, _records(_Recipe(params, counter, outputs), files, index))
    write_records(outputs.file("ids/ids.jsonl.zst"), map(_id_of, read_records(records)))


def _records(recipe: "_Recipe", files: Path, index: Path) -> Iterator[Record]:
    total = sum(1 for _ in read_records(index))
    made: set[str] = set()
    path = ""
    for number, pair in enumerate(zip(read_records(files), read_records(index), strict=True), start=1):
        file = _File(*pair)
        if file.about["path"] != path:
            made, path = set(), file.about["path"]
        yield from recipe.records(file, made)
        if number % PROGRESS_FILES == 0 or number == total:
            recipe.outputs.progress(number, total)


def _id_of(record: Record) -> SampleId:
    (origin,) = record["source"]
    return SampleId(
        id=record["id"],
        recipe=record["recipe"],
        repo=record["repo"],
        path=origin["path"],
        start=origin["start"],
        split=record["split"],
        content=origin["sha256"],
        bytes=len(record["text"][record["code_start"] : record["code_end"]].encode()),
    )


@dataclass(frozen=True)
class _Unit:
    """A file or an item in it, before it is cut. Offsets are bytes."""

    granularity: str
    name: str
    start: int
    end: int
    doc: str = ""


@dataclass
class _File:
    """A file of the snapshot with its facts, and what is computed of it when first needed."""

    about: SourceFile
    facts: IndexedFile

    @cached_property
    def source(self) -> bytes:
        return self.about["text"].encode()

    @cached_property
    def syntax(self) -> Syntax | None:
        grammar = grammar_of(self.about["language"])
        tree = grammar.parse(self.source) if grammar else None
        return Syntax(tree, grammar) if tree and grammar else None

    @cached_property
    def _newlines(self) -> list[int]:
        return [found.start() for found in re.finditer(rb"\n", self.source)]

    def code(self, start: int, end: int) -> str:
        return self.source[start:end].decode()

    def lines(self, start: int, end: int) -> tuple[int, int]:
        """First and last line of a stretch that is not empty."""
        return bisect_left(self._newlines, start) + 1, bisect_left(self._newlines, end - 1) + 1

    def novel(self, start: int, end: int) -> list[Novel]:
        """Novel lines of the file that a stretch shows."""
        first, last = self.lines(start, end)
        return [
            Novel(start=max(one["start"], first), end=min(one["end"], last), group=one["group"])
            for one in self.about["novel"]
            if one["start"] <= last and one["end"] >= first
        ]

    def why_not(self, start: int, end: int) -> str | None:
        """Why a stretch makes no sample, or None."""
        if not self.code(start, end).strip():
            return EMPTY
        held_out = self.about["split"] in (VALIDATION, TEST)
        return NOT_NOVEL if held_out and not self.novel(start, end) else None


@dataclass(frozen=True)
class _Measure:
    """Tokens of the text that shows a piece of code in a frame, as the outputs write it."""

    counter: TokenCounter
    frame: Frame
    tagged: bool

    def text(self, code: str) -> str:
        text = self.frame.around(code)
        return tag_code(text) if self.tagged else text

    def tokens(self, code: str) -> int:
        (number,) = self.counter.count([self.text(code)])
        return number

    def starts(self, code: str) -> list[int]:
        return self.counter.starts(code)


@dataclass(frozen=True)
class _Sample:
    """A unit or a part of one, and what stands around it."""

    unit: _Unit
    frame: Frame
    chunk: Chunk

    @property
    def place(self) -> tuple[int, int, str]:
        """Order within a file: what holds others comes before them."""
        return self.chunk.start, -self.chunk.end, self.unit.granularity

    @property
    def complete(self) -> bool:
        return (self.chunk.start, self.chunk.end) == (self.unit.start, self.unit.end)


class _Recipe:
    """The recipe's choices, applied to one file after another and counted."""

    def __init__(self, params: CodeUnitsParams, counter: TokenCounter, outputs: Outputs) -> None:
        self.outputs = outputs
        self._params = params
        self._counter = counter
        self._include = Globs(params.keep.include or ("**",))
        self._exclude = Globs(params.keep.exclude)

    def records(self, file: _File, made: set[str]) -> Iterator[Record]:
        """A file's samples in order. `made` are the ids that its path has already; those of this file are added."""
        if reason := self._refusal(file.about):
            self._drop(reason)
            return
        for sample in sorted(self._samples(file), key=lambda one: one.place):
            record = self._record(file, sample)
            reason = file.why_not(sample.chunk.start, sample.chunk.end)
            if reason or record["id"] in made:
                self._drop(reason or REPEATED)
                continue
            made.add(record["id"])
            self.outputs.take()
            self.outputs.keep()
            yield record

    def _drop(self, reason: str) -> None:
        self.outputs.take()
        self.outputs.drop(reason)

    def _refusal(self, file: SourceFile) -> str | None:
        """Why `keep` does not take a file, or None."""
        keep = self._params.keep
        if not self._include.match(file["path"]) or self._exclude.match(file["path"]):
            return PATH
        if file["bytes"] < keep.min_bytes:
            return MIN_BYTES
        return MAX_BYTES if file["bytes"] > keep.max_bytes else None

    def _samples(self, file: _File) -> Iterator[_Sample]:
        """Every unit that is worth one, whole or in parts. One call counts the tokens of them all."""
        units = []
        for unit in self._units(file):
            if reason := file.why_not(unit.start, unit.end):
                self._drop(reason)
            else:
                units.append(unit)
        measures = [self._measure(file, unit) for unit in units]
        texts = [one.text(file.code(unit.start, unit.end)) for unit, one in zip(units, measures, strict=True)]
        for unit, measure, tokens in zip(units, measures, self._counter.count(texts), strict=True):
            parts = self._parts(file, unit, measure, tokens)
            if parts is None:
                self._drop(HEADER_TOO_LONG)
            else:
                yield from (_Sample(unit, measure.frame, part) for part in parts)

    def _units(self, file: _File) -> Iterator[_Unit]:
        wanted = self._params.units.granularities
        if Granularity.FILE in wanted:
            yield _Unit(Granularity.FILE.value, "", 0, len(file.source))
        for item in file.facts["items"]:
            if item["kind"] in wanted:
                yield _Unit(item["kind"], item["name"], item["start"], item["end"], item["doc"])

    def _measure(self, file: _File, unit: _Unit) -> _Measure:
        facts = {
            HeaderField.REPOSITORY: repository_name(file.about["repo"]),
            HeaderField.FILE: file.about["path"],
            HeaderField.LANGUAGE: file.about["language"],
            HeaderField.KIND: unit.granularity,
            HeaderField.NAME: unit.name,
            HeaderField.BYTES: size(unit.end - unit.start),
            HeaderField.DOC: unit.doc,
        }
        frame = frame_of(self._params.units.header, facts, file.about["language"])
        return _Measure(self._counter, frame, self._params.tagged)

    def _parts(self, file: _File, unit: _Unit, measure: _Measure, tokens: int) -> list[Chunk] | None:
        """The unit whole if it fits, else cut; None if it cannot be."""
        budget = self._params.max_tokens
        if tokens <= budget:
            return [Chunk(unit.start, unit.end, tokens)]
        return chunks(file.source, unit.start, unit.end, file.syntax, measure, budget)

    def _record(self, file: _File, sample: _Sample) -> Record:
        about, chunk = file.about, sample.chunk
        code = file.code(chunk.start, chunk.end)
        text = sample.frame.around(code)
        first, last = file.lines(chunk.start, chunk.end)
        code_start = len(sample.frame.before)
        return Record(
            id=sample_id(self._params.recipe, about["repo"], about["path"], first, text),
            kind=KIND,
            recipe=self._params.recipe,
            granularity=sample.unit.granularity,
            name=sample.unit.name or about["path"],
            repo=about["repo"],
            commit=about["commit"],
            committed_at=about["committed_at"],
            split=about["split"],
            lang=about["language"],
            license=None,
            source=[Origin(path=about["path"], blob=about["blob"], start=first, end=last, sha256=text_sha256(code))],
            text=text,
            code_start=code_start,
            code_end=code_start + len(code),
            novel=file.novel(chunk.start, chunk.end),
            tokens=chunk.tokens,
            complete=sample.complete,
            parsed=file.facts["parsed"],
        )
