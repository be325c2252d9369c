"""Facts of JavaScript and TypeScript: functions, classes, interfaces, enums, types, constants; imports; calls.

A function that a name is given to is an item like any other (`const f = () => …`, `exports.f = function …`).
"""

import re
from collections.abc import Callable, Iterator

from tree_sitter import Node

from repoloom_stages.facts import Found
from repoloom_stages.syntax.callees import Callees
from repoloom_stages.syntax.dialects import Dialect, Imported, Members, Named, body_field, field_text, named, unquoted
from repoloom_stages.syntax.doc_comments import said_by
from repoloom_stages.syntax.grammars import children
from repoloom_stages.syntax.items import one_line, text_of
from repoloom_stages.syntax.local_names import script_locals
from repoloom_stages.syntax.tree_facts import facts_by

_COMMON = """
[(function_declaration) (generator_function_declaration)] @function
(class_declaration) @class
(class_body (method_definition) @function)
(variable_declarator value: [(arrow_function) (function_expression) (generator_function)]) @function
(expression_statement
  (assignment_expression left: (member_expression) right: [(arrow_function) (function_expression)]) @function)
(expression_statement (assignment_expression right: [(arrow_function) (function_expression)])) @outer
(export_statement value: [(arrow_function) (function_expression)] @function) @outer
(export_statement value: (class) @class) @outer
(lexical_declaration . (variable_declarator) .) @outer
(variable_declaration . (variable_declarator) .) @outer
(export_statement declaration: (lexical_declaration . (variable_declarator) .)) @outer
(export_statement
  declaration: [(function_declaration) (generator_function_declaration) (class_declaration)]) @outer
(program (lexical_declaration kind: "const" (variable_declarator) @const))
(export_statement (lexical_declaration kind: "const" (variable_declarator) @const))
[(arrow_function) (function_expression) (generator_function)] @hidden
(call_expression function: (function_expression) @shown)
(call_expression function: (parenthesized_expression (function_expression) @shown))
(call_expression function: (member_expression object: (function_expression) @shown))
(object (method_definition) @hidden)
(comment) @comment
(decorator) @attribute
(formal_parameters (_) @member)
(arrow_function parameter: (identifier) @member)
(import_statement) @import
(export_statement source: (_)) @import
(variable_declarator
  value: (call_expression function: (identifier) arguments: (arguments . (string) .))) @import
(call_expression function: (_) @call)
(new_expression constructor: (_) @new)
(variable_declarator) @local
(formal_parameters (_) @local)
(arrow_function parameter: (identifier) @local)
(catch_clause parameter: (_) @local)
(for_in_statement) @local
(assignment_expression left: (member_expression object: (this))) @local
"""

_JAVASCRIPT_ONLY = """
(class_body (field_definition value: [(arrow_function) (function_expression)]) @function)
(class_body (field_definition) @member)
(class_body (field_definition) @local)
(class_heritage (_) @base)
"""

_TYPESCRIPT_ONLY = """
(abstract_class_declaration) @class
(interface_declaration) @interface
(enum_declaration) @enum
(type_alias_declaration) @type
[(internal_module) (module)] @module
(function_signature) @function
(class_body [(method_signature) (abstract_method_signature)] @function)
(interface_body (method_signature) @function)
(class_body (public_field_definition value: [(arrow_function) (function_expression)]) @function)
(ambient_declaration) @outer
(expression_statement (internal_module)) @outer
(export_statement declaration: [
  (abstract_class_declaration) (interface_declaration) (enum_declaration) (type_alias_declaration)
  (internal_module) (module) (function_signature) (ambient_declaration)]) @outer
(class_body (public_field_definition) @member)
(class_body (public_field_definition) @local)
(interface_body (property_signature) @member)
(type_alias_declaration value: (object_type (property_signature) @member))
(enum_body name: (_) @member)
(enum_assignment name: (_) @member)
(extends_clause value: (_) @base)
(implements_clause (_) @base)
(extends_type_clause type: (_) @base)
"""

_FUNCTIONS = frozenset({"arrow_function", "function_expression", "generator_function"})
_PLAIN_NAME = re.compile(r"#?[\w$]+")
_ASSIGNED_NAME = re.compile(r"(?:module\.exports\.|exports\.)?([\w$]+(?:\.[\w$]+){0,9})")
_COMMENTS = frozenset({"comment", "decorator"})

_type = field_text("type")


def javascript_facts(source: bytes, root: Node, sound: bool) -> Found:
    """What a JavaScript file holds."""
    return facts_by(_JAVASCRIPT, source, root, sound)


def typescript_facts(source: bytes, root: Node, sound: bool) -> Found:
    """What a TypeScript file holds."""
    return facts_by(_TYPESCRIPT, source, root, sound)


def tsx_facts(source: bytes, root: Node, sound: bool) -> Found:
    """What a TypeScript file with elements of JSX holds."""
    return facts_by(_TSX, source, root, sound)


def _name(source: bytes, node: Node) -> Named | None:
    kind = node.type
    if kind == "assignment_expression":
        return _assigned_name(source, node.child_by_field_name("left"))
    found = node.child_by_field_name("name") or node.child_by_field_name("property")
    if found is None:
        return Named("default", node.start_byte) if kind in _FUNCTIONS or kind == "class" else None
    if kind == "variable_declarator" and (found.type != "identifier" or _required(source, node)):
        return None
    return named(source, found)


def _assigned_name(source: bytes, left: Node | None) -> Named | None:
    """`f` of `exports.f`, `A.f` of `A.prototype.f`."""
    found = _ASSIGNED_NAME.fullmatch(text_of(source, left))
    return Named(found[1].replace(".prototype.", "."), left.start_byte) if found and left else None


def _core(node: Node) -> Node:
    """The function that a name is given to, or the node."""
    value = node.child_by_field_name("value") or node.child_by_field_name("right")
    return value if value and value.type in _FUNCTIONS else node


def _returns(source: bytes, node: Node) -> str:
    return field_text("value" if node.type == "type_alias_declaration" else "return_type", "type")(source, node)


def _member(source: bytes, node: Node) -> Members:
    """A parameter, a field or a variant."""
    if node.type in _COMMENTS or _core(node) is not node:
        return
    found = next(filter(None, map(node.child_by_field_name, ("pattern", "name", "property", "left"))), node)
    if found.type != "this":
        yield [one_line(source, found.start_byte, found.end_byte), _type(source, node)]


def _required(source: bytes, node: Node) -> str:
    """What `require("…")` in a declaration of a variable names; nothing for another declaration."""
    call = node.child_by_field_name("value")
    function = call.child_by_field_name("function") if call and call.type == "call_expression" else None
    arguments = call.child_by_field_name("arguments") if call and function else None
    if arguments is None or text_of(source, function) != "require":
        return ""
    return unquoted(source, arguments.named_child(0)) if arguments.named_child_count == 1 else ""


def _imported(source: bytes, node: Node) -> Iterator[Imported]:
    if node.type == "variable_declarator":
        path = _required(source, node)
        if path and (pattern := node.child_by_field_name("name")):
            for name in _names_of_pattern(source, pattern):
                yield path, name, False
        return
    public = node.type == "export_statement"
    path, clauses = unquoted(source, node.child_by_field_name("source")), 0
    for clause in children(node):
        read = _CLAUSES.get(clause.type)
        if read is None:
            continue
        clauses += 1
        for name, other in read(source, clause):
            yield f"{path}{other}" if path and other.startswith("#") else other or path, name, public
    if not clauses:
        yield path, "*" if public else "", public


def _names_of_pattern(source: bytes, pattern: Node) -> Iterator[str]:
    if pattern.type == "identifier":
        yield text_of(source, pattern)
    for part in children(pattern):
        if part.is_named and (name := part.child_by_field_name("value") or part).type != "comment":
            text = text_of(source, name)
            if _PLAIN_NAME.fullmatch(text):
                yield text


_Clause = Iterator[tuple[str, str]]
"""Names here, each with the path where the clause says it, or `#` and the name there where that is another."""


def _import_clause(source: bytes, clause: Node) -> _Clause:
    for part in children(clause):
        if part.type == "identifier":
            yield text_of(source, part), ""
        elif part.type == "namespace_import":
            yield text_of(source, part.named_child(0)), ""
        elif part.type == "named_imports":
            yield from _specifiers(source, part)


def _specifiers(source: bytes, clause: Node) -> _Clause:
    for part in children(clause):
        if part.type in ("import_specifier", "export_specifier"):
            name, alias = part.child_by_field_name("name"), part.child_by_field_name("alias")
            yield text_of(source, alias or name), f"#{text_of(source, name)}" if alias else ""


def _require_clause(source: bytes, clause: Node) -> _Clause:
    yield text_of(source, clause.named_child(0)), unquoted(source, clause.child_by_field_name("source"))


def _namespace_export(source: bytes, clause: Node) -> _Clause:
    yield text_of(source, clause.named_child(0)), ""


_CLAUSES: dict[str, Callable[[bytes, Node], _Clause]] = {
    "export_clause": _specifiers,
    "import_clause": _import_clause,
    "import_require_clause": _require_clause,
    "namespace_export": _namespace_export,
}


def _dialect(language: str, only: str) -> Dialect:
    return Dialect(
        language=language,
        query=_COMMON + only,
        callees=Callees(not_called=frozenset({"import", "super"})),
        imported=_imported,
        member=_member,
        said=said_by("/**"),
        apart=True,
        name=_name,
        core=_core,
        body=body_field,
        returns=_returns,
        locals=script_locals,
        visibility=frozenset({"export", "private", "protected", "public"}),
        modifiers=frozenset(
            {"abstract", "async", "declare", "default", "get", "override", "readonly", "set", "static"}
        ),
    )


_JAVASCRIPT = _dialect("javascript", _JAVASCRIPT_ONLY)
_TYPESCRIPT = _dialect("typescript", _TYPESCRIPT_ONLY)
_TSX = _dialect("tsx", _TYPESCRIPT_ONLY)
