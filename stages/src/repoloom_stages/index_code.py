"""Stage `index-code`: what each file of a shard holds, as facts of its language and bytes alone, and where it belongs.

Facts are kept per blob, so a later snapshot costs its new blobs only. What files say together (which item a call means)
is for `link-code`; units are cut from the items by `code-units`.
"""

from collections.abc import Iterator
from pathlib import Path

import orjson

from repoloom_api.catalogue import IndexCodeParams
from repoloom_stages.facts import Facts, IndexedFile
from repoloom_stages.linking.manifests import read_manifests
from repoloom_stages.linking.places import Places
from repoloom_stages.links import PlacedFile
from repoloom_stages.records import SourceFile, read_records, write_records
from repoloom_stages.runtime.stage import Inputs, Outputs
from repoloom_stages.syntax.captures import is_in_proportion
from repoloom_stages.syntax.finders import FINDERS
from repoloom_stages.syntax.grammars import grammar_of

PROGRESS_FILES = 50


def run(params: IndexCodeParams, inputs: Inputs, outputs: Outputs) -> None:
    """Index a shard: role `files` to `index/files.jsonl.zst`, one line for each file in the same order.

    Beside it `places/files.jsonl.zst`, line for line too, by the manifests in the role `manifests`.
    """
    files = inputs.one("files") / "files.jsonl.zst"
    write_records(outputs.file("index/files.jsonl.zst"), _indexed(files, outputs))
    places = Places(read_manifests(inputs.many("manifests")), params.layers)
    write_records(outputs.file("places/files.jsonl.zst"), _placed(files, places))


def _placed(files: Path, places: Places) -> Iterator[PlacedFile]:
    return (places.place(file) for file in read_records(files))


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
    if tree is None or language not in FINDERS:
        return Facts(lines=lines, parsed=False, doc="", items=[], imports=[], calls=[], bindings=[])
    root = tree.root_node
    parsed = not root.has_error and is_in_proportion(root, source, tree.language)
    return Facts(lines=lines, parsed=parsed, **FINDERS[language](source, root))
