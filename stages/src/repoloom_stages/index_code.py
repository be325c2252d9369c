"""Stage `index-code`: what each file of a shard holds, as facts of its language and bytes alone, and where it belongs.

Facts are kept per blob, so a later snapshot costs its new blobs only. What files say together (which item a call means)
is for `link-code`; units are cut from the items by `code-units`.
"""

import orjson
from tree_sitter import Tree

from repoloom_api.catalogue import IndexCodeParams
from repoloom_stages.facts import Facts
from repoloom_stages.linking.manifests import read_manifests
from repoloom_stages.linking.places import Places
from repoloom_stages.record_files import FILES, open_lines, read_lines, without_text
from repoloom_stages.records import SourceFile
from repoloom_stages.runtime.confined import Bounds, Confined
from repoloom_stages.runtime.memos import Memo
from repoloom_stages.runtime.stage import Inputs, Outputs
from repoloom_stages.syntax.captures import is_in_proportion
from repoloom_stages.syntax.finders import FINDERS
from repoloom_stages.syntax.grammars import MAX_BYTES, grammar_of
from repoloom_stages.syntax.rust_items import laid_open_facts

TOO_LARGE, PARSER_LIMITS = "too-large-to-parse", "parser-limits"
"""Why a file whose language has a grammar has no tree. It is in the index with its lines, and counts as dropped."""

SPARE_MEMORY, MEMORY_PER_BYTE = 256_000_000, 512
"""A tree and its facts take up to 330 bytes for each byte of the densest code (`f();f();…`), and 75 in 420 files of
tokio, Python packages and other projects. `]/=x(]/=x(…` in Rust takes a gigabyte for ten kilobytes, in one step."""

SPARE_SECONDS, SECONDS_PER_MEGABYTE = 30, 200
"""A megabyte of code takes one second, of text that fails in each statement ten to forty (`let x = …` in Rust, `a; …`
in C#). What was found to take longer is too deep to be read: it is left unread for the same reason, whether a machine
is too slow for it or not."""


def run(params: IndexCodeParams, inputs: Inputs, outputs: Outputs) -> None:
    """Index a shard: role `files` to `index/files.jsonl.zst`, one line for each file in the same order.

    Beside it `places/files.jsonl.zst`, line for line too, by the manifests in the role `manifests`.
    """
    lines = list(read_lines(inputs.one("files") / FILES))
    places = Places(read_manifests(inputs.many("manifests")), params.layers)
    index, placed = (outputs.file(f"{name}/{FILES}") for name in ("index", "places"))
    with (
        Confined(_facts_as_json, _bounds_of) as confined,
        open_lines(index) as write_facts,
        open_lines(placed) as write_place,
    ):
        for number, line in enumerate(lines, start=1):
            about = orjson.loads(without_text(line))
            facts = _known_facts(about, line, outputs.memo, confined)
            _count(facts, outputs)
            which = {name: about[name] for name in ("path", "split", "blob", "language")}
            write_facts(orjson.dumps(which)[:-1] + b"," + facts[1:])
            write_place(orjson.dumps(places.place(about)))
            outputs.progress(number, len(lines))


def _count(facts: bytes, outputs: Outputs) -> None:
    outputs.take()
    if facts.endswith(_READ):
        outputs.keep()
    else:
        outputs.drop(orjson.loads(facts)["unread"])


_READ = b'"unread":""}'


def _known_facts(about: SourceFile, line: bytes, memo: Memo, confined: Confined) -> bytes:
    """Facts of a file, from the memo if its blob has been read before. Only where they are new is its text decoded."""
    key = f"{about['language']}:{about['blob']}"
    known = memo.get(key)
    if known is None:
        known = _found_facts(about["language"], orjson.loads(line)["text"].encode(), confined)
        memo.put(key, known)
    return known


def _found_facts(language: str, source: bytes, confined: Confined) -> bytes:
    """Facts of a text. Only what a parser takes can do harm."""
    if language not in FINDERS or len(source) > MAX_BYTES:
        return _facts_as_json(language, source)
    return confined.run(language, source) or orjson.dumps(_nothing(source, PARSER_LIMITS))


def _facts_as_json(language: str, source: bytes) -> bytes:
    return orjson.dumps(facts_of(language, source))


def _bounds_of(size: int) -> Bounds:
    return Bounds(SPARE_MEMORY + MEMORY_PER_BYTE * size, SPARE_SECONDS + SECONDS_PER_MEGABYTE * size / 1e6)


def facts_of(language: str, source: bytes) -> Facts:
    """What a text holds. A pure function: no path, neighbour, clock or limit of the machine is in it."""
    if language == "rust" and (found := laid_open_facts(source)):
        return Facts(lines=_lines_of(source), parsed=True, **found, unread="")
    tree, reason = _tree_of(language, source)
    if tree is None:
        return _nothing(source, reason)
    root = tree.root_node
    sound = is_in_proportion(root, source, tree.language)
    found = FINDERS[language](source, root, sound)
    return Facts(lines=_lines_of(source), parsed=sound and not root.has_error, **found, unread="")


def _tree_of(language: str, source: bytes) -> tuple[Tree | None, str]:
    """The tree of a text, or why a language with a grammar has none here."""
    grammar = grammar_of(language)
    if grammar is None or language not in FINDERS:
        return None, ""
    if len(source) > MAX_BYTES:
        return None, TOO_LARGE
    tree = grammar.parse(source)
    return (tree, "") if tree else (None, PARSER_LIMITS)


def _nothing(source: bytes, reason: str) -> Facts:
    return Facts(
        lines=_lines_of(source), parsed=False, doc="", items=[], imports=[], calls=[], bindings=[], unread=reason
    )


def _lines_of(source: bytes) -> int:
    return source.count(b"\n") + (not source.endswith(b"\n") and bool(source))
