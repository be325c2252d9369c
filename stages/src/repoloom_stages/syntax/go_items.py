"""Facts of Go: functions, methods, structs, interfaces, types, constants; imports; calls."""

import re
from collections.abc import Iterator

from tree_sitter import Node

from repoloom_stages.facts import Found, Item
from repoloom_stages.syntax.callees import Callees
from repoloom_stages.syntax.dialects import Dialect, Imported, Members, Named, field_text, named, unquoted
from repoloom_stages.syntax.doc_comments import said_by
from repoloom_stages.syntax.grammars import children
from repoloom_stages.syntax.items import text_of
from repoloom_stages.syntax.local_names import go_locals
from repoloom_stages.syntax.tree_facts import facts_by

_QUERY = """
[(function_declaration) (method_declaration)] @function
(method_elem) @function
(type_spec type: (struct_type)) @struct
(type_spec type: (interface_type)) @interface
(type_spec) @type
(type_alias) @type
(const_spec) @const
(type_declaration . [(type_spec) (type_alias)] .) @outer
(const_declaration . (const_spec) .) @outer
(func_literal) @hidden
(comment) @comment
(function_declaration parameters: (parameter_list (_) @member))
(method_declaration parameters: (parameter_list (_) @member))
(method_elem parameters: (parameter_list (_) @member))
(type_spec type: (struct_type (field_declaration_list (field_declaration name: (_)) @member)))
(type_spec type: (struct_type (field_declaration_list (field_declaration !name type: (_) @base))))
(type_spec type: (interface_type (type_elem) @base))
(import_spec) @import
(call_expression function: (_) @call)
[(parameter_declaration) (variadic_parameter_declaration) (short_var_declaration) (var_spec) (range_clause)
 (type_switch_statement alias: (_)) (receive_statement left: (_))] @local
"""

_RECEIVER = re.compile(r"([\w]+)\s*(?:\[.*)?\)", re.DOTALL)
_VERSION = re.compile(r"v\d+")
_TEST = re.compile(r"(?:Test|Benchmark|Fuzz|Example)(?:[^a-z]\w*)?")
_DECLARED = frozenset({"struct_type", "interface_type"})

_type = field_text("type")


def go_facts(source: bytes, root: Node, sound: bool) -> Found:
    """What a Go file holds."""
    return facts_by(_GO, source, root, sound)


def _name(source: bytes, node: Node) -> Named | None:
    """`f`, or `Type.f` of a method."""
    found = node.child_by_field_name("name")
    if found is None:
        return None
    name = named(source, found)
    receiver = node.child_by_field_name("receiver") if node.type == "method_declaration" else None
    of = _RECEIVER.search(text_of(source, receiver)) if receiver else None
    return Named(f"{of[1]}.{name.name}", name.start) if of else name


def _body(node: Node) -> Node | None:
    """A function's body; of a struct or an interface, what its braces hold."""
    declared = node.child_by_field_name("type") if node.type == "type_spec" else None
    if declared is None or declared.type not in _DECLARED:
        return node.child_by_field_name("body")
    return next((part for part in children(declared) if part.type in ("{", "field_declaration_list")), None)


def _returns(source: bytes, node: Node) -> str:
    declared = node.child_by_field_name("type")
    return "" if declared and declared.type in _DECLARED else field_text("result", "type")(source, node)


def _member(source: bytes, node: Node) -> Members:
    """Parameters or fields that are declared together: `a, b int`."""
    if node.type == "comment":
        return
    types = ("..." if node.type == "variadic_parameter_declaration" else "") + _type(source, node)
    names = [text_of(source, name) for name in node.children_by_field_name("name")]
    for name in names or [""]:
        yield [name, types]


def _imported(source: bytes, node: Node) -> Iterator[Imported]:
    path = unquoted(source, node.child_by_field_name("path"))
    given = text_of(source, node.child_by_field_name("name"))
    segments = path.split("/")
    last = segments[-2] if len(segments) > 1 and _VERSION.fullmatch(segments[-1]) else segments[-1]
    yield path, {"": last, ".": "*", "_": ""}.get(given, given), False


def _is_test(item: Item) -> bool:
    return item["kind"] == "function" and bool(_TEST.fullmatch(item["name"]))


_DIRECTIVE = re.compile(r"//(?:go:|line |export |\s*\+build)")
_said = said_by("//", "/*")


def _said_aside_from_directives(comment: str) -> str | None:
    return "" if _DIRECTIVE.match(comment) else _said(comment)


_GO = Dialect(
    language="go",
    query=_QUERY,
    callees=Callees(),
    imported=_imported,
    member=_member,
    said=_said_aside_from_directives,
    name=_name,
    body=_body,
    returns=_returns,
    is_test=_is_test,
    locals=go_locals,
)
