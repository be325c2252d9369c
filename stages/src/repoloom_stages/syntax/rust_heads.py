"""Heads of Rust items: what stands before a body, by the item's kind; its name, type parameters, members and bases."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tree_sitter import Node

from repoloom_stages.syntax.grammars import children
from repoloom_stages.syntax.items import MAX_NAME_CHARACTERS, MAX_SIGNATURE_CHARACTERS, one_line, text_of
from repoloom_stages.syntax.rust_grammar import (
    BLOCK_COMMENT,
    BOUNDS,
    LINE_COMMENT,
    NAME,
    PARAMETERS,
    RETURN_TYPE,
    TRAIT,
    TYPE,
    TYPE_PARAMETERS,
)
from repoloom_stages.syntax.rust_macros import expansion
from repoloom_stages.syntax.rust_parts import MAX_MEMBER_CHARACTERS, fields_of, generics, parameters_of, variants_of

_BRACKETS = len("()")
_SHORTEST_RETURN = len("->T")
"""A type or a where clause after parameters takes so many bytes. Most functions have less there, and no type parameters
where their parameters follow their name: to ask the tree for them takes most of what such a head costs."""


@dataclass
class Head:
    """What an item's kind gives it."""

    words_end: int
    """Where the words before its keyword or name end."""
    name: str
    """Its own, unqualified; nothing where the parser had to make a name up."""
    inside: str
    """What qualifies the names of items in it, but for the modules around."""
    body: int | None = None
    signature_end: int | None = None
    generics: str = ""
    returns: str = ""
    bases: Sequence[str] = ()
    type: str = ""
    members: Sequence[Sequence[str]] = ()


def head_of(source: bytes, node: Node, kind: str, body: Node | None) -> Head:
    """The head of an item of that kind, whose field `body` is given."""
    if kind == "impl":
        return _impl(source, node, body)
    name = node.child_by_field_id(NAME)
    if name is None:
        return Head(node.start_byte, "", "")
    written = text_of(source, name)[:MAX_NAME_CHARACTERS]
    head = Head(name.start_byte, written, written, body=body.start_byte if body else None)
    if complete := _BY_KIND.get(kind):
        complete(source, node, body, name.end_byte, head)
    return head


def _function(source: bytes, node: Node, body: Node | None, end: int, head: Head) -> None:
    name_end, until = end, body.start_byte if body else node.end_byte
    if parameters := node.child_by_field_id(PARAMETERS):
        start, end = parameters.start_byte, parameters.end_byte
        if end - start > _BRACKETS:
            head.members = parameters_of(source, parameters)
        if start == name_end and until - end < _SHORTEST_RETURN:
            return
    if returns := node.child_by_field_id(RETURN_TYPE):
        end = returns.end_byte
        head.returns = _text(source, returns)
    _generic(source, node, body, end, head)


def _generic(source: bytes, node: Node, body: Node | None, end: int, head: Head) -> None:
    parameters = node.child_by_field_id(TYPE_PARAMETERS)
    after = max(end, parameters.end_byte if parameters else 0)
    head.generics = generics(source, parameters, after, body.start_byte if body else node.end_byte)


def _struct(source: bytes, node: Node, body: Node | None, end: int, head: Head) -> None:
    _generic(source, node, body, end, head)
    head.members = fields_of(source, body)
    if body and not head.generics.count("where") and source.startswith(b"(", body.start_byte):
        # A tuple's where clause stands after it.
        parameters = node.child_by_field_id(TYPE_PARAMETERS)
        head.generics = generics(source, parameters, body.end_byte, node.end_byte)


def _enum(source: bytes, node: Node, body: Node | None, end: int, head: Head) -> None:
    _generic(source, node, body, end, head)
    head.members = variants_of(source, body)


def _trait(source: bytes, node: Node, body: Node | None, end: int, head: Head) -> None:
    bounds = node.child_by_field_id(BOUNDS)
    if bounds:
        end = bounds.end_byte
        head.bases = _bounds(source, bounds)
    _generic(source, node, body, end, head)


def _bounds(source: bytes, bounds: Node) -> list[str]:
    return [
        _text(source, child)
        for child in children(bounds)
        if child.is_named and child.kind_id not in (LINE_COMMENT, BLOCK_COMMENT)
    ]


def _type(source: bytes, node: Node, body: Node | None, end: int, head: Head) -> None:
    _generic(source, node, body, end, head)
    head.returns = _text(source, node.child_by_field_id(TYPE))
    if bounds := node.child_by_field_id(BOUNDS):  # of an associated type
        head.bases = _bounds(source, bounds)


def _const(source: bytes, node: Node, body: Node | None, end: int, head: Head) -> None:  # noqa: ARG001 - as all
    written = node.child_by_field_id(TYPE)
    head.returns = _text(source, written)
    head.signature_end = written.end_byte if written else end


def _macro(source: bytes, node: Node, body: Node | None, end: int, head: Head) -> None:  # noqa: ARG001 - as all
    places = [place for mark in b"{([" if (place := source.find(mark, end, node.end_byte)) >= 0]
    head.body = min(places, default=None)
    head.returns = expansion(source[end : node.end_byte])


def _impl(source: bytes, node: Node, body: Node | None) -> Head:
    """`Trait for Type`, or `Type`."""
    words_end = max(node.start_byte, source.find(b"impl", node.start_byte))
    implemented, trait = node.child_by_field_id(TYPE), node.child_by_field_id(TRAIT)
    first = trait or implemented
    if first is None or implemented is None:
        return Head(words_end, "", "")
    start = first.start_byte
    start -= source[start - 1 : start] == b"!"  # `impl !Send for Type`: no part of a node
    head = Head(
        words_end,
        one_line(source, start, implemented.end_byte),
        _type_name(source, implemented),
        body=body.start_byte if body else None,
        bases=[one_line(source, start, trait.end_byte, MAX_MEMBER_CHARACTERS)] if trait else [],
        type=_text(source, implemented),
    )
    _generic(source, node, body, implemented.end_byte, head)
    return head


def _type_name(source: bytes, named: Node) -> str:
    """A type without path and arguments."""
    while inner := named.child_by_field_id(TYPE) or named.child_by_field_id(NAME):
        named = inner
    return one_line(source, named.start_byte, named.end_byte)


def _text(source: bytes, node: Node | None) -> str:
    return one_line(source, node.start_byte, node.end_byte, MAX_SIGNATURE_CHARACTERS) if node else ""


_BY_KIND: dict[str, Callable[[bytes, Node, Node | None, int, Head], None]] = {
    "const": _const,
    "enum": _enum,
    "function": _function,
    "macro": _macro,
    "struct": _struct,
    "trait": _trait,
    "type": _type,
}
