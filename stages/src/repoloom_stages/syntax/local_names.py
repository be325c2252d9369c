"""Local names: parameters, variables and fields that a syntax tree binds, and what to, for languages of a `Dialect`.

What is bound is a type as written, or an expression of names, dots and calls; which type that is, `link-code` finds.
Only names on which something is called are kept.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from tree_sitter import Node

from repoloom_stages.facts import Binding, Call, Item
from repoloom_stages.syntax.callees import TAIL_BYTES, receiver_of, without_type_arguments
from repoloom_stages.syntax.grammars import children
from repoloom_stages.syntax.items import Owners, one_line, text_of

SELVES = ("self", "this")
"""Names of the object whose fields are bound: `self.x = …`."""

_NEW = frozenset({"composite_literal", "new_expression", "object_creation_expression"})
_CAST = frozenset({"as_expression", "cast_expression", "type_assertion_expression", "type_conversion_expression"})
_AROUND = frozenset({"await", "await_expression", "expression_list", "non_null_expression", "parenthesized_expression"})
_NOTHING = frozenset({"nil", "none", "null", "null_literal", "undefined"})
_INFERRED = frozenset({"implicit_type", "placeholder_type_specifier"})
_IDENTIFIERS = frozenset({"identifier", "shorthand_property_identifier_pattern"})
_MAX_AROUND = 8
_MADE_BY_GO = re.compile(rb"new\(([A-Za-z_][\w.]*)\)")


class Local(NamedTuple):
    """A name, and what binds it: its written type if there is one, else a value, of which it may be a part."""

    name: str
    type: Node | None = None
    value: Node | None = None
    part: int = -1
    """Of several names for one value, which this is."""


Locals = Callable[[bytes, Node], Iterable[Local]]
"""Reads a captured node."""


class _Found(NamedTuple):
    start: int
    line: int
    local: Local


def bindings_of(
    source: bytes, nodes: Iterable[Node], read: Locals, items: list[Item], calls: list[Call]
) -> list[Binding]:
    """What binds the names that calls are on, and the names that these are bound to, in order of position."""
    by_name: dict[str, list[_Found]] = {}
    for node in nodes:
        for local in read(source, node):
            by_name.setdefault(local.name, []).append(_Found(node.start_byte, node.start_point.row + 1, local))
    open_ = {root for _, _, how, name, receiver in calls for root in _roots(name if how == "path" else receiver)}
    kept: dict[tuple[int, str, str], int] = {}
    known: set[str] = set()
    while open_:
        known |= open_
        further: set[str] = set()
        for name in open_:
            for found in by_name.get(name, ()):
                bound = _bound(source, found.local)
                if bound is not None:
                    kept.setdefault((found.start, name, bound), found.line)
                    further.update(_roots(bound))
        open_ = further - known
    owners = Owners(items)
    return [(owners.at(start), line, name, bound) for (start, name, bound), line in sorted(kept.items())]


def _roots(expression: str) -> Iterator[str]:
    """The name that an expression starts with, or the field of the object around."""
    first, _, rest = expression.partition(".")
    if first in SELVES and rest:
        yield f"self.{rest.partition('.')[0]}"
    elif first and first[0] != ":" and first[-1] != ")":
        yield first


def _bound(source: bytes, local: Local) -> str | None:
    """A type after `:`, an expression, nothing where neither is said; None for a value that is none."""
    if local.type and local.type.type not in _INFERRED:
        text = one_line(source, local.type.start_byte, local.type.end_byte).lstrip(": ")
        if text != "var":
            return f":{text}"
    if local.value is None:
        return ""
    bound = expression_of(source, local.value)
    return f"{bound}.{local.part}" if bound and local.part >= 0 else bound


def expression_of(source: bytes, node: Node) -> str | None:
    """An expression as names, dots and calls, or `:` and the type of what it makes; None for one that is no value."""
    for _ in range(_MAX_AROUND):
        kind = node.type
        if kind in _NEW:
            made = node.child_by_field_name("constructor") or node.child_by_field_name("type")
            return f":{one_line(source, made.start_byte, made.end_byte)}" if made else ""
        if kind in _CAST:
            cast = node.child_by_field_name("type") or (node.named_child(1) if node.named_child_count > 1 else None)
            return f":{one_line(source, cast.start_byte, cast.end_byte)}" if cast else ""
        if kind == "call_expression" and (made_by_go := _MADE_BY_GO.match(source, node.start_byte, node.end_byte)):
            return f":{made_by_go[1].decode()}"
        inner = node.named_child(0) if kind in _AROUND and node.named_child_count == 1 else None
        if kind == "unary_expression" and source.startswith(b"&", node.start_byte):
            inner = node.child_by_field_name("operand")
        if inner is None:
            break
        node = inner
    if node.type in _NOTHING or source.startswith(b"require(", node.start_byte):
        return None
    if node.end_byte - node.start_byte > TAIL_BYTES:
        return ""
    return receiver_of("".join(without_type_arguments(text_of(source, node)).split()))


def _named(source: bytes, name: Node | None, type_: Node | None, value: Node | None) -> Iterator[Local]:
    """One name or a field of the object around; of a pattern, every name, with nothing known."""
    if name is None:
        return
    if name.type in _IDENTIFIERS:
        yield Local(text_of(source, name), type_, value)
    elif name.type in ("attribute", "member_expression"):
        held, _, field = text_of(source, name).partition(".")
        if held in SELVES and field.isidentifier():
            yield Local(f"self.{field}", type_, value)
    else:
        for part in children(name):
            inner = part.child_by_field_name("value") or part
            if inner.type in _IDENTIFIERS:
                yield Local(text_of(source, inner))


def python_locals(source: bytes, node: Node) -> Iterator[Local]:
    """Of a parameter, an assignment, a loop, `as` or `:=`."""
    kind = node.type
    field = node.child_by_field_name
    if kind in ("assignment", "named_expression"):
        yield from _named(source, field("left") or field("name"), field("type"), field("right") or field("value"))
    elif kind in ("for_statement", "for_in_clause"):
        yield from _named(source, field("left"), None, None)
    elif kind == "as_pattern_target":
        yield from _named(source, node.named_child(0), None, None)
    elif kind == "typed_parameter":
        name = node.named_child(0)
        yield from _named(source, name, field("type") if name and name.type == "identifier" else None, None)
    else:
        yield from _named(source, field("name") or node, field("type"), None)


def go_locals(source: bytes, node: Node) -> Iterator[Local]:
    """Of parameters, `var`, `:=`, `range`, and what a type switch or a `select` names."""
    left = node.child_by_field_name("left") or node.child_by_field_name("alias")
    names = list(children(left)) if left else node.children_by_field_name("name")
    names = [one for one in names if one.is_named]
    values = node.child_by_field_name("right") or node.child_by_field_name("value")
    type_ = node.child_by_field_name("type")
    if node.type in ("range_clause", "receive_statement", "type_switch_statement", "variadic_parameter_declaration"):
        values = type_ = None
    listed = [one for one in children(values) if one.is_named] if values and values.type == "expression_list" else []
    for number, name in enumerate(names):
        if len(listed) == len(names):
            yield Local(text_of(source, name), type_, listed[number])
        else:
            yield Local(text_of(source, name), type_, listed[0] if len(listed) == 1 else None, number)


def java_locals(source: bytes, node: Node) -> Iterator[Local]:
    """Of a declaration, a parameter, a loop, a resource, `catch`, `instanceof`."""
    declarators = node.children_by_field_name("declarator")
    type_ = node.child_by_field_name("type")
    for one in declarators or [node]:
        name = one.child_by_field_name("name") or (one if one.type == "identifier" else None)
        array = one.child_by_field_name("dimensions")
        if name:
            yield Local(text_of(source, name), None if array else type_, one.child_by_field_name("value"))


def csharp_locals(source: bytes, node: Node) -> Iterator[Local]:
    """Of a declaration, a parameter, a loop, `catch`, `out var x`, `is T x`."""
    type_ = node.child_by_field_name("type")
    if node.type == "variable_declaration":
        for one in children(node):
            name = one.child_by_field_name("name") if one.type == "variable_declarator" else None
            if name:
                last = one.named_child(one.named_child_count - 1)
                yield Local(text_of(source, name), type_, last if last != name else None)
        return
    name = node.child_by_field_name("name") or node.child_by_field_name("left")
    if node.type == "implicit_parameter":
        yield Local(text_of(source, node))
    else:
        yield from _named(source, node if node.type == "tuple_pattern" else name, type_, None)


def script_locals(source: bytes, node: Node) -> Iterator[Local]:
    """Of a declaration, a parameter, a loop, `catch`, `this.x = …`, a class's field."""
    field = node.child_by_field_name
    kind = node.type
    if kind in ("field_definition", "public_field_definition"):
        name = text_of(source, field("property") or field("name"))
        yield Local(f"self.{name}", field("type"), field("value"))
    elif kind == "assignment_expression":
        yield from _named(source, field("left"), None, field("right"))
    elif kind in ("required_parameter", "optional_parameter"):
        for local in _named(source, field("pattern"), field("type"), field("value")):
            yield local
            if any(part.type in ("accessibility_modifier", "readonly") for part in children(node)):
                yield local._replace(name=f"self.{local.name}")
    elif kind == "for_in_statement":
        yield from _named(source, field("left"), None, None)
    else:
        yield from _named(source, field("name") or node, field("type"), field("value"))
