"""Stage `index-code`: what each file of a shard holds, as facts of its language and bytes alone.

Facts are kept per blob, so a later snapshot costs its new blobs only. What depends on other files (imports, calls) is
no fact of a file and not found here; units are cut from the items by `code-units`.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypedDict

import orjson
from tree_sitter import Node

from repoloom_api.catalogue import IndexCodeParams
from repoloom_stages.grammars import grammar_of
from repoloom_stages.python_items import python_items
from repoloom_stages.records import IndexedFile, Item, SourceFile, read_records, write_records
from repoloom_stages.rust_items import rust_items
from repoloom_stages.stage import Inputs, Outputs

FINDERS: dict[str, Callable[[bytes, Node], Iterator[Item]]] = {"python": python_items, "rust": rust_items}
"""How the items of a language are found."""

PROGRESS_FILES = 50


class Facts(TypedDict):
    """What a blob holds, whatever its path: the fields of `IndexedFile` that a memo keeps."""

    lines: int
    parsed: bool
    items: list[Item]


def run(params: IndexCodeParams, inputs: Inputs, outputs: Outputs) -> None:  # noqa: ARG001 - as every stage
    """Index a shard: role `files` to `index/files.jsonl.zst`, one line for each file in the same order."""
    files = inputs.one("files") / "files.jsonl.zst"
    write_records(outputs.file("index/files.jsonl.zst"), _indexed(files, outputs))


def _indexed(files: Path, outputs: Outputs) -> Iterator[IndexedFile]:
    total = sum(1 for _ in read_records(files))
    for number, file in enumerate(read_records(files), start=1):
        facts = _known_facts(file, outputs)
        outputs.take()
        outputs.keep()
        if number % PROGRESS_FILES == 0 or number == total:
            outputs.progress(number, total)
        yield IndexedFile(path=file["path"], split=file["split"], blob=file["blob"], language=file["language"], **facts)


def _known_facts(file: SourceFile, outputs: Outputs) -> Facts:
    """Facts of a file, from the memo if its blob has been read before."""
    key = f"{file['language']}:{file['blob']}"
    known = outputs.memo.get(key)
    if known is None:
        known = orjson.dumps(facts_of(file["language"], file["text"].encode()))
        outputs.memo.put(key, known)
    facts: Facts = orjson.loads(known)
    return facts


def facts_of(language: str, source: bytes) -> Facts:
    """What a text holds. A pure function: no path, neighbour, clock or limit of the machine is in it."""
    lines = source.count(b"\n") + (not source.endswith(b"\n") and bool(source))
    grammar = grammar_of(language)
    tree = grammar.parse(source) if grammar else None
    if tree is None:
        return Facts(lines=lines, parsed=False, items=[])
    root = tree.root_node
    return Facts(lines=lines, parsed=not root.has_error, items=list(FINDERS[language](source, root)))
