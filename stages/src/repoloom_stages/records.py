"""The records that pass between stages, and what identifies them. How they lie in files is `record_files`.

Equal records give equal bytes: keys keep the order they are written in here.
"""

import hashlib
from typing import Any, TypedDict

from repoloom_api.v1alpha1.recipes import Shape

PLAIN, FILL_IN_MIDDLE, CALL_GRAPH = "plain", "fill-in-middle", "call-graph"
"""Views: how a sample is written."""

TRAIN, VALIDATION, TEST = "train", "validation", "test"
SPLITS = (TRAIN, VALIDATION, TEST)

LEAK = "leak"
"""Why a held-out sample is dropped whose code stands on the training side."""

TEXTS = {
    Shape.TEXT: ("text",),
    Shape.PROMPT_COMPLETION: ("prompt", "completion"),
    Shape.PREFERENCE: ("prompt", "chosen", "rejected"),
}
"""Columns that hold text, by what trainers call them: https://huggingface.co/docs/trl/dataset_formats"""


class Novel(TypedDict):
    """Lines that the training side has nowhere: what bits per byte is measured on."""

    start: int
    """First line in the file, from 1."""
    end: int
    """Last line, included."""
    group: str
    """Commit that brought them (40 hex digits)."""


class SnapshotCommit(TypedDict):
    """The commit whose files a snapshot holds: `commit.json`."""

    commit: str
    """40 hex digits."""
    committed_at: str
    """Its time, UTC, ISO 8601."""


class SourceFile(TypedDict):
    """A text file of a snapshot: `shards/<shard>/files.jsonl.zst`, sorted by (path, split)."""

    repo: str
    """URL of the repository, as the resource has it."""
    path: str
    blob: str
    """Git's name of its content."""
    sha256: str
    bytes: int
    language: str
    commit: str
    """Commit at which a held-out file's path and lines resolve: the newest that changed it. Empty for a file of the
    training commit, which `commit.json` names once for all of them."""
    committed_at: str
    """That commit's time, UTC, ISO 8601."""
    split: str
    """`train`, `validation` or `test`; empty where files are held out and `split` decides."""
    novel: list[Novel]
    """In held-out files by time; empty otherwise."""
    text: str


class Origin(TypedDict):
    """Where a sample's code stands."""

    path: str
    blob: str
    start: int
    """First line, from 1."""
    end: int
    """Last line, included."""
    sha256: str
    """Of the code: those lines' bytes in UTF-8, newlines included, without what else stands on the first and last."""


class Control(TypedDict):
    """A stretch of a text that stands for a control token of the tokenizer, such as `<|fim_prefix|>`."""

    start: int
    """Characters of the text before it."""
    end: int
    """Characters of the text up to its end."""


class Record(TypedDict):
    """A sample between stages: `records/records.jsonl.zst`. Published, it loses what is marked (internal)."""

    id: str
    """Equal as long as recipe, repository, path and text are."""
    kind: str
    """Recipe block: `code-unit`, `code-overview`, `code-group`, `code-pattern`, `code-question`, `code-contrast`."""
    shape: str
    """text, promptCompletion, preference: `recipes.Shape`."""
    view: str
    """How it is written: `plain`, `fill-in-middle`, `call-graph`."""
    recipe: str
    granularity: str
    """What it holds: a granularity of `codeUnits`, the block of `codeGroups`, the name of a pattern, the kind of a
    question or contrast."""
    name: str
    crate: str
    """Crate or package; empty where it is not known."""
    module: str
    """Path of the module, as the language writes it; empty where it is not known."""
    repo: str
    commit: str
    """As the file has it; write-output fills in the snapshot's where it is empty."""
    committed_at: str
    split: str
    lang: str
    license: str | None
    source: list[Origin]
    """The pieces of code that `text` shows, in its order. Files of different sides never meet in one sample."""
    text: str
    """Header and code, as a model is to see it; a prompt with its completion, or with the chosen answer."""
    prompt_end: int
    """(internal) Characters of `text` that are the prompt; 0 where the shape is text."""
    rejected: str
    """(internal) The answer to reject, of a preference; else empty."""
    controls: list[Control]
    """(internal) Control tokens in `text`, in order; published as spans. Elsewhere such strings are text."""
    code_start: int
    """(internal) Characters of `text` before the code."""
    code_end: int
    """(internal) Characters of `text` up to the end of the code."""
    novel: list[Novel]
    """(internal) Novel lines of the file that the sample shows; write-output turns them into spans of `text`."""
    tokens: int
    """Length of `text` (or of the tagged text, where an output tags) by the build's tokenizer."""
    complete: bool
    """Whether it is a whole unit; false for a part of one that was too long."""
    parsed: bool
    """Whether the file it is from parsed without error."""


class SampleId(TypedDict):
    """A record without its texts: `ids/ids.jsonl.zst`, from which global decisions are made."""

    id: str
    recipe: str
    repo: str
    path: str
    start: int
    split: str
    content: str
    """SHA-256 of the code alone, whatever its header and view: what training shows must not be held out."""
    copy_key: str
    """Equal of copies: the code and its view; of prompts and pairs, all their texts."""
    bytes: int


class Refused(TypedDict):
    """A sample that a gate refused: `refused/ids.jsonl.zst`."""

    id: str
    gate: str


class Copy(TypedDict):
    """A sample that is dropped for another of the same output: `copies/ids.jsonl.zst`."""

    id: str
    of: str


class Side(TypedDict):
    """On which side a file of a source stands that is held out by file: `sides/files.jsonl.zst`, sorted."""

    repo: str
    path: str
    split: str


class Assigned(TypedDict):
    """Split of a sample: `splits/ids.jsonl.zst`. An empty split is a leak: its code is in training already."""

    id: str
    split: str


class SampleSummary(TypedDict):
    """A written sample without its text: `summary/samples.jsonl.zst` of an output, in the order written."""

    id: str
    recipe: str
    granularity: str
    shape: str
    view: str
    split: str
    lang: str
    tokens: int
    bytes: int
    """Of the written text in UTF-8, header and tags included."""
    repo: str
    path: str
    commit: str
    committed_at: str
    start: int
    """First line of the file that it shows, from 1."""
    end: int
    """Last line, included."""
    shown: list[tuple[str, int, int]]
    """Every piece of code that it shows: path, first line, last line; the first is the one above."""
    name: str
    complete: bool
    content: str
    """SHA-256 of the code alone."""
    novel_lines: int
    """Lines that bits per byte is measured on."""
    novel_bytes: int
    """Their bytes in UTF-8."""
    novel_groups: list[str]
    """The commits, or paths, that those lines belong to."""


def first_side(*sides: str) -> str:
    """Of the sides that one code or id stands on, the first: train, validation, test, none."""
    return min(sides, key=(*SPLITS, "").index)


def text_sha256(text: str) -> str:
    """Hex SHA-256 of a text's UTF-8 bytes."""
    return hashlib.sha256(text.encode()).hexdigest()


def content_of(record: Record) -> str:
    """Hex SHA-256 of the code that a sample shows, whatever stands around it."""
    first, *others = record["source"]
    return text_sha256("".join(one["sha256"] for one in record["source"])) if others else first["sha256"]


def id_of(record: Record) -> SampleId:
    """What global decisions need to know of a record."""
    first, content = record["source"][0], content_of(record)
    shown = [content] if record["shape"] == Shape.TEXT else [record["text"], record["rejected"]]
    return SampleId(
        id=record["id"],
        recipe=record["recipe"],
        repo=record["repo"],
        path=first["path"],
        start=first["start"],
        split=record["split"],
        content=content,
        copy_key=text_sha256("\0".join((record["shape"], record["view"], *shown))),
        bytes=len(record["text"][record["code_start"] : record["code_end"]].encode()),
    )


def text_of(row: dict[str, Any]) -> str:
    """The text of a published sample; of a pair, the prompt and the completion or chosen answer, joined."""
    if "text" in row:
        return str(row["text"])
    return str(row["prompt"] + row.get("completion", row.get("chosen", "")))


def sample_id(recipe: str, repo: str, path: str, start: int, text: str) -> str:
    """Id of a sample: 24 hex digits over what makes it what it is."""
    return hashlib.sha256("\0".join((recipe, repo, path, str(start), text)).encode()).hexdigest()[:24]
