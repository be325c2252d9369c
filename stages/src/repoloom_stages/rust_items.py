"""Items of a Rust file: functions (methods too), structs and unions, enums, traits, impls.

Functions inside functions and what macros hold are no items: they are part of what they stand in.
"""

import re
from collections.abc import Iterator

from tree_sitter import Node

from repoloom_stages.grammars import children, grammar_of, kinds
from repoloom_stages.items import MAX_DEPTH, first_paragraph, make_item, one_line, text_of
from repoloom_stages.records import Item

_GRAMMAR = grammar_of("rust")
assert _GRAMMAR is not None  # it is one of those in `grammars`
_LANGUAGE = _GRAMMAR.language

_KINDS = {
    number: kind
    for name, kind in {
        "enum_item": "enum",
        "function_item": "function",
        "impl_item": "impl",
        "struct_item": "struct",
        "trait_item": "trait",
        "union_item": "struct",
    }.items()
    for number in kinds(_LANGUAGE, name)
}
_HOLDERS = kinds(_LANGUAGE, "foreign_mod_item", "impl_item", "mod_item", "trait_item")
_IMPL = kinds(_LANGUAGE, "impl_item")
_TRAIT = kinds(_LANGUAGE, "trait_item")
_ATTRIBUTE = kinds(_LANGUAGE, "attribute_item")
_LINE_COMMENT = kinds(_LANGUAGE, "line_comment")
_COMMENTS = _LINE_COMMENT | kinds(_LANGUAGE, "block_comment")

_DOC_ATTRIBUTE = re.compile(r'#\[\s*doc\s*=\s*"(.*)"\s*\]', re.DOTALL)


def rust_items(source: bytes, root: Node) -> Iterator[Item]:
    """The items in order of position, each before those it holds."""
    return _items(source, root, owner="", depth=0)


def _items(source: bytes, body: Node, owner: str, depth: int) -> Iterator[Item]:
    leading: list[Node] = []
    for node in children(body):
        kind = node.kind_id
        if kind in _ATTRIBUTE or (kind in _COMMENTS and node.child_by_field_name("outer")):
            leading.append(node)
            continue
        if kind in _COMMENTS:
            continue
        if kind in _KINDS and (name := _name(source, node, owner)):
            yield make_item(source, _KINDS[kind], name, leading[0] if leading else node, node, _doc(source, leading))
        if kind in _HOLDERS and depth < MAX_DEPTH and (held := node.child_by_field_name("body")):
            yield from _items(source, held, _owner(source, node, owner), depth + 1)
        leading = []


def _name(source: bytes, node: Node, owner: str) -> str:
    """`name`, `Type::method`, or for an impl `Trait for Type`; nothing where the parser had to make a name up."""
    if node.kind_id in _IMPL:
        implemented = node.child_by_field_name("type")
        first = node.child_by_field_name("trait") or implemented
        if first is None or implemented is None:
            return ""
        negative = source[first.start_byte - 1 : first.start_byte] == b"!"  # `impl !Send for Type`: no part of a node
        return one_line(source, first.start_byte - negative, implemented.end_byte)
    name = text_of(source, node.child_by_field_name("name"))
    return f"{owner}::{name}" if owner and name else name


def _owner(source: bytes, node: Node, owner: str) -> str:
    """What qualifies the names of items in a node: an impl's type without path and arguments, a trait, or as around."""
    if node.kind_id in _TRAIT:
        return text_of(source, node.child_by_field_name("name"))
    if node.kind_id not in _IMPL:
        return owner
    named = node.child_by_field_name("type")
    while named and (inner := named.child_by_field_name("type") or named.child_by_field_name("name")):
        named = inner
    return one_line(source, named.start_byte, named.end_byte) if named else ""


def _doc(source: bytes, leading: list[Node]) -> str:
    return first_paragraph("\n".join(_doc_text(source, node) for node in leading))


def _doc_text(source: bytes, node: Node) -> str:
    """What a doc comment or `#[doc = "…"]` says; nothing for other attributes."""
    if node.kind_id in _ATTRIBUTE:
        said = _DOC_ATTRIBUTE.fullmatch(text_of(source, node))
        return said[1] if said else ""
    text = text_of(source, node.child_by_field_name("doc"))
    if node.kind_id in _LINE_COMMENT:
        return text.strip()
    return "\n".join(line.strip().removeprefix("*") for line in text.splitlines())
