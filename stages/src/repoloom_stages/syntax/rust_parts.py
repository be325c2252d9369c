"""Parts of a Rust item: documentation, attributes, the words before its name, generics, members."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from tree_sitter import Node

from repoloom_stages.syntax.grammars import children
from repoloom_stages.syntax.items import MAX_SIGNATURE_CHARACTERS, one_line
from repoloom_stages.syntax.rust_grammar import ATTRIBUTE, BLOCK_COMMENT, BODY, INNER_ATTRIBUTE, LINE_COMMENT, kind

_DOC = re.compile(r'doc\s*=\s*"(.*)"', re.DOTALL)
_WORDS = re.compile(rb'\s*(pub\b(?:\s*\([^)]*\))?)?((?:[\s\w]|"[^"]*")*)')
_MODIFIERS = frozenset({"async", "auto", "const", "default", "extern", "mut", "safe", "static", "unsafe"})
_FIELD = re.compile(rb"(?:pub\b\s*(?:\([^)]*\)\s*)?)?((?:r#)?[\w\x80-\xff]+)\s*:\s*")
_NAMED = re.compile(rb"(?:ref\s+)?(?:mut\s+)?((?:r#)?[\w\x80-\xff]+)\s*:(?!:)\s*")
_VARIANT = re.compile(rb"(?:r#)?[\w\x80-\xff]+")
_RECEIVER = re.compile(rb"(?:mut\s+)?self\b")

_FIELD_NODE = kind("field_declaration")
_PARAMETER = kind("parameter")
_VARIADIC = kind("variadic_parameter")
_ORDERED_FIELDS = kind("ordered_field_declaration_list")
_VARIANT_NODE = kind("enum_variant")
_VISIBILITY = kind("visibility_modifier")
_OUTSIDE = frozenset({ATTRIBUTE, INNER_ATTRIBUTE, BLOCK_COMMENT, LINE_COMMENT, _VISIBILITY})

MAX_MEMBER_CHARACTERS = 300


def is_outer_doc(source: bytes, start: int) -> bool:
    """Whether the comment that starts there says something about what comes after it."""
    if source.startswith(b"///", start):
        return not source.startswith(b"/", start + 3)
    return source.startswith(b"/**", start) and not source.startswith((b"*", b"/"), start + 3)


def documentation(source: bytes, nodes: Iterable[Node]) -> str:
    """The first paragraph of what doc comments and `#[doc = "…"]` say."""
    said: list[str] = []
    for node in nodes:
        for line in _doc_lines(source, node):
            text = line.strip()
            if text:
                said.append(text)
            elif said:
                return " ".join(" ".join(said).split())
    return " ".join(" ".join(said).split())


def _doc_lines(source: bytes, node: Node) -> Sequence[str]:
    """The lines of a doc comment, inner or outer, or of a doc attribute; none for other attributes."""
    start, end = node.start_byte, node.end_byte
    if source.startswith(b"//", start):
        return (source[start + 3 : end].decode(errors="replace"),)
    if source.startswith(b"#", start) and source.find(b"doc", start, end) < 0:
        return ()
    text = source[start:end].decode(errors="replace")
    if text.startswith("/*"):
        return [line.strip().removeprefix("*") for line in text[3:].removesuffix("*/").split("\n")]
    said = _DOC.fullmatch(bare(text))
    return (said[1].replace('\\"', '"').replace("\\n", "\n") + "\n").split("\n")[:-1] if said else ()


def bare(attribute: str) -> str:
    """An attribute without its brackets: `derive(Debug)` of `#[derive(Debug)]`."""
    return attribute.lstrip("#! \n").removeprefix("[").removesuffix("]").strip()


def attributes(source: bytes, nodes: Iterable[Node]) -> list[str]:
    """Attributes as written inside their brackets, those that are documentation aside."""
    texts = (bare(one_line(source, node.start_byte, node.end_byte, MAX_SIGNATURE_CHARACTERS)) for node in nodes)
    return [text for text in texts if not text.startswith("doc") or not _DOC.match(text)]


@lru_cache(maxsize=1024)
def is_test(attribute: str) -> bool:
    """Whether an attribute makes an item a test: `test`, `tokio::test(…)`, `cfg(test)`, `cfg(all(test, …))`."""
    name, _, arguments = attribute.partition("(")
    name = name.strip()
    if name == "cfg":
        inner = "".join(arguments.split()).removesuffix(")")
        if inner.startswith("all("):
            return "test" in inner[4:-1].split(",")
        return inner == "test"
    return name == "test" or name.endswith("::test")


@lru_cache(maxsize=1024)
def words_of(written: bytes) -> tuple[str, tuple[str, ...]]:
    """Visibility and modifiers in what stands before an item's keyword or name."""
    found = _WORDS.match(written, 0, MAX_SIGNATURE_CHARACTERS)
    if found is None:
        return "", ()
    words = found[2].decode(errors="replace").split()
    visibility = " ".join(found[1].decode(errors="replace").split()) if found[1] else ""
    return visibility, tuple(word for word in words if word in _MODIFIERS)


def generics(source: bytes, parameters: Node | None, after: int, body: int) -> str:
    """Type parameters without their brackets, and the where clause that stands between two places."""
    written = ""
    if parameters:
        start, end = parameters.start_byte + 1, parameters.end_byte - 1
        written = one_line(source, start, end, MAX_SIGNATURE_CHARACTERS).rstrip(", ")
    if source.find(b"where", after, body) < 0:
        return written
    rest = one_line(source, after, body, MAX_SIGNATURE_CHARACTERS)
    clause = rest[rest.find("where") :].rstrip(",; ")
    return f"{written}, {clause}" if written else clause


def parameters_of(source: bytes, parameters: Node | None) -> list[list[str]]:
    """Name and type of each parameter, the receiver aside; a pattern has its text for a name."""
    found = []
    for node in children(parameters) if parameters else ():
        if node.kind_id not in (_PARAMETER, _VARIADIC):
            continue
        start, end = node.start_byte, node.end_byte
        if _RECEIVER.match(source, start, end):
            continue
        if named := _NAMED.match(source, start, end):
            found.append([named[1].decode(errors="replace"), one_line(source, named.end(), end, MAX_MEMBER_CHARACTERS)])
        else:
            found.append(_of_pattern(source, node))
    return found


def _of_pattern(source: bytes, node: Node) -> list[str]:
    pattern, written = node.child_by_field_name("pattern"), node.child_by_field_name("type")
    return [
        one_line(source, part.start_byte, part.end_byte, MAX_MEMBER_CHARACTERS) if part else ""
        for part in (pattern, written)
    ]


def fields_of(source: bytes, body: Node | None) -> list[list[str]]:
    """Name and type of each field of a struct; numbers are the names of a tuple's."""
    if body is None:
        return []
    found: list[list[str]] = []
    ordered = body.kind_id == _ORDERED_FIELDS
    for node in children(body):
        start, end = node.start_byte, node.end_byte
        if ordered:
            if node.is_named and node.kind_id not in _OUTSIDE:
                found.append([str(len(found)), one_line(source, start, end, MAX_MEMBER_CHARACTERS)])
        elif node.kind_id == _FIELD_NODE and (named := _FIELD.match(source, start, end)):
            found.append([named[1].decode(errors="replace"), one_line(source, named.end(), end, MAX_MEMBER_CHARACTERS)])
    return found


def variants_of(source: bytes, body: Node | None) -> list[list[str]]:
    """Name of each variant of an enum, and what it holds as written: `(u8)`, `{ at: u64 }`, or nothing."""
    return [
        [named[0].decode(errors="replace"), _held(source, node)]
        for node in (children(body) if body else ())
        if node.kind_id == _VARIANT_NODE and (named := _VARIANT.match(source, node.start_byte, node.end_byte))
    ]


def _held(source: bytes, variant: Node) -> str:
    body = variant.child_by_field_id(BODY)
    return one_line(source, body.start_byte, body.end_byte, MAX_MEMBER_CHARACTERS) if body else ""
