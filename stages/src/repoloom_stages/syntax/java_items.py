"""Facts of Java: classes, records, interfaces, enums, annotations, methods, constructors; imports; calls."""

import re
from collections.abc import Iterator

from tree_sitter import Node

from repoloom_stages.facts import Found, Item
from repoloom_stages.syntax.callees import Callees
from repoloom_stages.syntax.dialects import Dialect, Imported, Members, last_segment
from repoloom_stages.syntax.dialects import field_text as text_of_field
from repoloom_stages.syntax.doc_comments import said_by
from repoloom_stages.syntax.grammars import children
from repoloom_stages.syntax.items import one_line, text_of
from repoloom_stages.syntax.local_names import java_locals
from repoloom_stages.syntax.tree_facts import facts_by

_QUERY = """
[(class_declaration) (record_declaration)] @class
[(interface_declaration) (annotation_type_declaration)] @interface
(enum_declaration) @enum
[(method_declaration) (constructor_declaration) (compact_constructor_declaration)
 (annotation_type_element_declaration)] @function
(lambda_expression) @hidden
(object_creation_expression (class_body) @hidden)
(enum_constant body: (class_body) @hidden)
[(line_comment) (block_comment)] @comment
(modifiers [(annotation) (marker_annotation)] @attribute)
(formal_parameters [(formal_parameter) (spread_parameter)] @member)
(class_body (field_declaration) @member)
(enum_body_declarations (field_declaration) @member)
(interface_body (constant_declaration) @member)
(enum_constant) @member
(superclass (_) @base)
(super_interfaces (type_list (_) @base))
(extends_interfaces (type_list (_) @base))
(import_declaration) @import
(method_invocation) @call
(object_creation_expression type: (_) @new)
[(local_variable_declaration) (formal_parameter) (enhanced_for_statement) (resource name: (_)) (catch_formal_parameter)
 (instanceof_expression name: (_))] @local
(lambda_expression parameters: (identifier) @local)
(inferred_parameters (identifier) @local)
"""

_TESTS = re.compile(r"(?:\w+\.)*(?:Test|ParameterizedTest|RepeatedTest|TestFactory|TestTemplate)\b.*", re.DOTALL)

_type = text_of_field("type")


def java_facts(source: bytes, root: Node, sound: bool) -> Found:
    """What a Java file holds."""
    return facts_by(_JAVA, source, root, sound)


def _member(source: bytes, node: Node) -> Members:
    """A parameter, a variant, or the fields that are declared together."""
    declarators = node.children_by_field_name("declarator")
    if node.type == "spread_parameter":
        declarators = [part for part in children(node) if part.type == "variable_declarator"]
    for part in declarators or [node]:
        if name := part.child_by_field_name("name"):
            yield [text_of(source, name), _type_of(source, node, name)]


def _type_of(source: bytes, node: Node, name: Node) -> str:
    if node.type != "spread_parameter":
        return _type(source, node)
    kept = next((part for part in children(node) if part.is_named and part.type != "modifiers"), node)
    return one_line(source, kept.start_byte, name.start_byte)


def _imported(source: bytes, node: Node) -> Iterator[Imported]:
    path = ""
    for part in children(node):
        if part.type in ("identifier", "scoped_identifier"):
            path = "".join(text_of(source, part).split())
        elif part.type == "asterisk":
            yield path, "*", False
            return
    yield path, last_segment(path), False


def _callee_end(node: Node) -> int:
    name = node.child_by_field_name("name")
    return name.end_byte if name else node.end_byte


def _is_test(item: Item) -> bool:
    return any(_TESTS.fullmatch(attribute) for attribute in item["attributes"])


_JAVA = Dialect(
    language="java",
    query=_QUERY,
    callees=Callees(),
    imported=_imported,
    member=_member,
    said=said_by("/**", markup=True),
    apart=True,
    is_test=_is_test,
    callee_end=_callee_end,
    locals=java_locals,
    visibility=frozenset({"private", "protected", "public"}),
    modifiers=frozenset(
        {"abstract", "default", "final", "native", "non-sealed", "sealed", "static", "strictfp", "synchronized"}
    ),
)
