"""Facts of C#: classes, records, structs, interfaces, enums, delegates, methods, namespaces; imports; calls."""

import re
from collections.abc import Iterator

from tree_sitter import Node

from repoloom_stages.facts import Found, Item
from repoloom_stages.syntax.callees import Callees
from repoloom_stages.syntax.dialects import Dialect, Imported, Members, Named, body_field, field_text, name_field
from repoloom_stages.syntax.doc_comments import said_by
from repoloom_stages.syntax.grammars import children
from repoloom_stages.syntax.items import one_line, text_of
from repoloom_stages.syntax.local_names import csharp_locals
from repoloom_stages.syntax.tree_facts import facts_by

_QUERY = """
[(namespace_declaration) (file_scoped_namespace_declaration)] @module
[(class_declaration) (record_declaration)] @class
(struct_declaration) @struct
(interface_declaration) @interface
(enum_declaration) @enum
(delegate_declaration) @type
[(method_declaration) (constructor_declaration) (destructor_declaration) (operator_declaration)
 (conversion_operator_declaration)] @function
[(lambda_expression) (anonymous_method_expression)] @hidden
(comment) @comment
(attribute_list (attribute) @attribute)
(parameter_list (parameter) @member)
(parameter_list type: (_) name: (_) @member)
(declaration_list [(field_declaration) (event_field_declaration) (property_declaration)] @member)
(enum_member_declaration) @member
(base_list [(identifier) (qualified_name) (generic_name)] @base)
(base_list (primary_constructor_base_type type: (_) @base))
(using_directive) @import
(invocation_expression function: (_) @call)
(object_creation_expression type: (_) @new)
[(variable_declaration) (parameter) (implicit_parameter) (foreach_statement) (catch_declaration)
 (declaration_expression) (declaration_pattern) (tuple_pattern)] @local
"""

_USING = re.compile(r"(global )?using (?:static )?(?:(\w+) ?= ?)?([^;]+);?")
_TESTS = re.compile(r"(?:\w+\.)*(?:Fact|Theory|Test|TestCase|TestCaseSource|TestMethod|DataTestMethod)\b.*", re.DOTALL)

_REST_OF_FILE = "file_scoped_namespace_declaration"

_type = field_text("type")


def csharp_facts(source: bytes, root: Node, sound: bool) -> Found:
    """What a C# file holds."""
    return facts_by(_CSHARP, source, root, sound)


def _name(source: bytes, node: Node) -> Named | None:
    found = name_field(source, node)
    if found is None:
        operator = node.child_by_field_name("operator") or node.child_by_field_name("type")
        return Named(f"operator {text_of(source, operator)}", operator.start_byte) if operator else None
    return Named(f"~{found.name}", found.start) if node.type == "destructor_declaration" else found


def _last(node: Node) -> Node:
    """A namespace without braces holds the rest of its file."""
    file = node.parent if node.type == _REST_OF_FILE else None
    return (file.child(file.child_count - 1) if file else None) or node


def _body(node: Node) -> Node | None:
    return node.next_sibling if node.type == _REST_OF_FILE else body_field(node)


def _member(source: bytes, node: Node) -> Members:
    """A parameter, a property, a variant, or the fields that are declared together."""
    if node.type == "identifier":  # `params T[] name`, whose parts stand in the list
        yield [text_of(source, node), text_of(source, node.prev_named_sibling)]
        return
    if name := node.child_by_field_name("name"):
        yield [text_of(source, name), _type(source, node)]
        return
    for declaration in children(node):
        if declaration.type == "variable_declaration":
            for part in children(declaration):
                if part.type == "variable_declarator":
                    yield [text_of(source, part.child_by_field_name("name")), _type(source, declaration)]


def _generics(source: bytes, node: Node) -> str:
    listed = node.child_by_field_name("type_parameters")
    listed = listed or next((part for part in children(node) if part.type == "type_parameter_list"), None)
    return one_line(source, listed.start_byte + 1, listed.end_byte - 1) if listed else ""


def _imported(source: bytes, node: Node) -> Iterator[Imported]:
    if found := _USING.match(one_line(source, node.start_byte, node.end_byte)):
        yield found[3].strip(), found[2] or "*", bool(found[1])


def _is_test(item: Item) -> bool:
    return any(_TESTS.fullmatch(attribute) for attribute in item["attributes"])


_CSHARP = Dialect(
    language="csharp",
    query=_QUERY,
    callees=Callees(selves=frozenset({"this", "base"}), not_called=frozenset({"nameof"})),
    imported=_imported,
    member=_member,
    said=said_by("///", "/**", markup=True),
    name=_name,
    body=_body,
    last=_last,
    returns=field_text("returns", "type"),
    generics=_generics,
    is_test=_is_test,
    locals=csharp_locals,
    visibility=frozenset({"file", "internal", "private", "protected", "public"}),
    modifiers=frozenset(
        {"abstract", "async", "const", "extern", "new", "override", "partial", "readonly", "sealed", "static"}
        | {"unsafe", "virtual"}
    ),
)
