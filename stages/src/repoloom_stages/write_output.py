"""Stage `write-output`: the samples of one output, in order and on their sides, as JSON lines and as Parquet.

It merges the shards' records, leaves out what the gates, `deduplicate` and `split` decided against, and gives each
sample the columns of the output's format, its commit among them, which training records leave to their snapshot. It
judges nothing itself, but for which lines of held-out samples are new (`novelty`). Memory follows one file of each
shard, one row group of each split, the held-out lines, and ids, which are packed.
"""

import heapq
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain, groupby, islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from repoloom_api.artifacts import COMMIT_FILE
from repoloom_api.catalogue import WriteOutputParams
from repoloom_api.v1alpha1.datasetbuild import Format
from repoloom_api.v1alpha1.recipes import Shape
from repoloom_stages.errors import BadInput
from repoloom_stages.record_files import count_records, read_records, write_records
from repoloom_stages.records import (
    FILL_IN_MIDDLE,
    SPLITS,
    TEXTS,
    TRAIN,
    Record,
    SampleSummary,
    SnapshotCommit,
    content_of,
)
from repoloom_stages.runtime.stage import Inputs, Outputs
from repoloom_stages.sampling.novelty import Novelty, Span, by_file
from repoloom_stages.sampling.selection import Selection
from repoloom_stages.sampling.tagging import tag_code

ROW_GROUP_BYTES = 32_000_000
"""Rows of so many bytes of JSON make a row group: a reader holds one, and the writer one for each split."""

SPAN = pa.struct([("start", pa.int64()), ("end", pa.int64()), ("group", pa.string())])
ORIGIN = pa.struct(
    [("path", pa.string()), ("blob", pa.string()), ("start", pa.int64()), ("end", pa.int64()), ("sha256", pa.string())]
)
CONTROL = pa.struct([("start", pa.int64()), ("end", pa.int64())])
SPANS = (("novel", pa.list_(SPAN)), ("controls", pa.list_(CONTROL)))
"""What they are spans of is the text; of a pair, the prompt and the answer after it, joined."""

Row = dict[str, Any]


def run(params: WriteOutputParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write `output/<name>/<split>.jsonl` and `.parquet` and `summary/samples.jsonl.zst`.

    Raises BadInput if a record has no split, or a shard's records are not sorted by path.
    """
    selection = Selection.read(inputs)
    shards = _shards(params, inputs)
    novelty, total = _learned_novelty(shards, selection)
    layout = Layout.of(params.format, params.shape)
    with ExitStack() as stack:
        files = {
            split: stack.enter_context(SplitFiles(outputs.file(f"output/{params.name}/{split}"), layout.schema))
            for split in SPLITS
        }
        chosen = _chosen(shards, selection, outputs, total)
        summaries = (_write(record, novelty, layout, files) for record in chosen)
        write_records(outputs.file("summary/samples.jsonl.zst"), summaries)


@dataclass(frozen=True)
class Shard:
    """The records that a recipe made of a shard."""

    path: Path
    commit: SnapshotCommit

    def records(self) -> Iterator[Record]:
        """One at a time, each with its commit."""
        for record in read_records(self.path):
            if not record["commit"]:
                record.update(self.commit)
            yield record

    @property
    def by_file(self) -> bool:
        """Whether `split` decides where its records stand: those of a source do alike."""
        return any(map(by_file, islice(read_records(self.path), 1)))

    def in_order(self) -> Iterator[Record]:
        """The records, which come file by file, those of a file in the output's order."""
        before = ("", "")
        for file, records in groupby(self.records(), key=_file):
            if file < before:
                raise BadInput(
                    f"{self.path.name} is not sorted: {file[1]} comes after {before[1]}; the recipe must sort by path"
                )
            before = file
            yield from sorted(records, key=_place)


def _shards(params: WriteOutputParams, inputs: Inputs) -> list[Shard]:
    """The shards of all sources."""
    commits = {name: json.loads((inputs.one(f"commit-{name}") / COMMIT_FILE).read_bytes()) for name in params.sources}
    return [
        Shard(folder / "records.jsonl.zst", commits[name])
        for name in params.sources
        for folder in inputs.many(f"records-{name}")
    ]


def _learned_novelty(shards: list[Shard], selection: Selection) -> tuple[Novelty, int]:
    """What is new in the held-out samples, and how many records there are. Where time decides, no record is read."""
    novelty, total = Novelty(), sum(count_records(shard.path) for shard in shards)
    for record in _every_record([shard for shard in shards if shard.by_file]):
        if not selection.reason_against(record) and selection.side(record) != TRAIN:
            novelty.hold_out(record)
    if novelty.needs_training:
        for record in _every_record(shards):
            if not selection.reason_against(record) and selection.side(record) == TRAIN:
                novelty.learn(record)
    return novelty, total


def _every_record(shards: list[Shard]) -> Iterator[Record]:
    return chain.from_iterable(shard.records() for shard in shards)


def _chosen(shards: list[Shard], selection: Selection, outputs: Outputs, total: int) -> Iterator[tuple[Record, str]]:
    """The records to write, each with its side, in order; all are counted.

    A record may come twice under one id (a file that holds one function alone): the second is a copy.
    """
    for record in heapq.merge(*(shard.in_order() for shard in shards), key=_place):
        outputs.take()
        outputs.progress(outputs.records_in, total)
        reason = selection.reason_against(record) or (None if selection.write_once(record) else "copy")
        if reason:
            outputs.drop(reason)
            continue
        outputs.keep()
        yield record, selection.side(record)


def _place(record: Record) -> tuple[str | int, ...]:
    origin = record["source"][0]
    versions = ("", *SPLITS).index(record["split"])
    # What stands in the order of its source comes first: of novel lines, the first sample that shows them has them.
    unit = record["granularity"], record["recipe"], record["view"] == FILL_IN_MIDDLE, record["id"]
    return record["repo"], origin["path"], origin["start"], *unit, versions


def _file(record: Record) -> tuple[str, str]:
    return record["repo"], record["source"][0]["path"]


def _texts(shape: Shape) -> list[tuple[str, Any]]:
    return [(name, pa.string()) for name in TEXTS[shape]]


def _record_schema(shape: Shape) -> Any:
    """Every field of a record but those marked internal."""
    names = ("id", "kind", "view", "recipe", "granularity", "name", "crate", "module", "repo", "commit")
    return pa.schema(
        [
            *((name, pa.string()) for name in (*names, "committed_at", "split", "lang", "license")),
            ("source", pa.list_(ORIGIN)),
            *_texts(shape),
            *SPANS,
            ("tokens", pa.int64()),
            ("complete", pa.bool_()),
            ("parsed", pa.bool_()),
        ]
    )


@dataclass(frozen=True)
class Layout:
    """What a format makes of a record."""

    schema: Any
    """Its columns (a pyarrow schema)."""
    text: Callable[[str], str] = str
    """What stands around a sample's text."""

    @classmethod
    def of(cls, format_: Format, shape: Shape) -> "Layout":
        """The layout of the format that is set, for samples of one shape."""
        if format_.records:
            return cls(_record_schema(shape))
        schema = pa.schema([("id", pa.string()), *_texts(shape), *SPANS])
        return cls(schema, tag_code if format_.tagged_text else str)

    def row(self, record: Record, side: str, spans: list[Span]) -> Row:
        """The columns of a sample; spans move with what stands before its text."""
        moved = self.text("\0").index("\0")
        answer = record["text"][record["prompt_end"] :]
        full = {
            **record,
            "split": side,
            "text": self.text(record["text"]),
            "prompt": record["text"][: record["prompt_end"]],
            "completion": answer,
            "chosen": answer,
            "novel": [one | {"start": one["start"] + moved, "end": one["end"] + moved} for one in spans],
            "controls": [{"start": one["start"] + moved, "end": one["end"] + moved} for one in record["controls"]],
        }
        return {name: full[name] for name in self.schema.names}


def _write(
    chosen: tuple[Record, str], novelty: Novelty, layout: Layout, files: Mapping[str, "SplitFiles"]
) -> SampleSummary:
    """Write one sample to its split; returns what the report needs to know of it."""
    record, side = chosen
    spans = novelty.spans(record) if side != TRAIN else []
    row = layout.row(record, side, spans)
    files[side].write(row)
    written = sum(len(row[name].encode()) for name in TEXTS[Shape(record["shape"])])
    return _summary(record, written, side, spans)


def _summary(record: Record, written: int, side: str, spans: list[Span]) -> SampleSummary:
    origin = record["source"][0]
    new = [record["text"][span["start"] : span["end"]] for span in spans]
    return SampleSummary(
        id=record["id"],
        recipe=record["recipe"],
        granularity=record["granularity"],
        shape=record["shape"],
        view=record["view"],
        split=side,
        lang=record["lang"],
        tokens=record["tokens"],
        bytes=written,
        repo=record["repo"],
        path=origin["path"],
        commit=record["commit"],
        committed_at=record["committed_at"],
        start=origin["start"],
        end=origin["end"],
        shown=[(one["path"], one["start"], one["end"]) for one in record["source"]],
        name=record["name"],
        complete=record["complete"],
        content=content_of(record),
        novel_lines=sum(len(text.removesuffix("\n").split("\n")) for text in new),
        novel_bytes=sum(len(text.encode()) for text in new),
        novel_groups=sorted({span["group"] for span in spans}),
    )


class SplitFiles:
    """The two files of one split. Empty ones are files too: no line, and no row under the same columns."""

    def __init__(self, stem: Path, schema: Any) -> None:
        self._lines = stem.with_suffix(".jsonl").open("wb")
        # Pages cut by content and an index of them: a changed dataset uploads in parts, a viewer reads in parts.
        # https://huggingface.co/docs/hub/datasets-libraries#optimized-parquet-files
        self._table = pq.ParquetWriter(
            stem.with_suffix(".parquet"),
            schema,
            compression="zstd",
            use_content_defined_chunking=True,
            write_page_index=True,
        )
        self._schema = schema
        self._rows: list[Row] = []
        self._bytes = 0

    def write(self, row: Row) -> None:
        """Write a sample to both."""
        line = orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
        self._lines.write(line)
        self._rows.append(row)
        self._bytes += len(line)
        if self._bytes >= ROW_GROUP_BYTES:
            self._write_row_group()

    def _write_row_group(self) -> None:
        self._table.write_table(pa.Table.from_pylist(self._rows, schema=self._schema), row_group_size=len(self._rows))
        self._rows, self._bytes = [], 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._rows and error is None:
            self._write_row_group()
        self._table.close()
        self._lines.close()
