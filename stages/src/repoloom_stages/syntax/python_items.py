"""Facts of Python: functions, methods, classes, type aliases, wherever they stand but in functions; imports; calls."""

from collections.abc import Iterator

from tree_sitter import Node

from repoloom_stages.facts import Found, Item
from repoloom_stages.syntax.callees import Callees
from repoloom_stages.syntax.dialects import Dialect, Imported, Members, Named, field_text, name_field
from repoloom_stages.syntax.grammars import children
from repoloom_stages.syntax.items import first_paragraph, one_line, text_of
from repoloom_stages.syntax.local_names import python_locals
from repoloom_stages.syntax.tree_facts import facts_by

_QUERY = """
(function_definition) @function
(class_definition) @class
(type_alias_statement) @type
(decorated_definition) @outer
(decorator) @attribute
(lambda) @hidden
(function_definition parameters: (parameters (_) @member))
(class_definition body: (block (expression_statement (assignment !right type: (_)) @member)))
(class_definition body: (block (expression_statement (assignment type: (_) right: (_)) @member)))
(class_definition superclasses: (argument_list [(identifier) (attribute) (subscript) (call)] @base))
[(import_statement) (import_from_statement) (future_import_statement)] @import
(call function: (_) @call)
(parameters (_) @local)
(lambda_parameters (_) @local)
[(assignment) (named_expression) (for_statement) (for_in_clause) (as_pattern_target)] @local
"""

_SELVES = frozenset({"self", "cls"})


def python_facts(source: bytes, root: Node, sound: bool) -> Found:
    """What a Python file holds."""
    return facts_by(_PYTHON, source, root, sound)


def _name(source: bytes, node: Node) -> Named | None:
    if found := name_field(source, node):
        return found
    left = node.child_by_field_name("left")  # of a type alias
    return Named(text_of(source, left).partition("[")[0], left.start_byte) if left else None


def _member(source: bytes, node: Node) -> Members:
    """A parameter, or an attribute that a class declares with its type."""
    found = node.child_by_field_name("name") or node.child_by_field_name("left")
    if found is None and node.type in _PARAMETERS:
        found = node.named_child(0) if node.type == "typed_parameter" else node
    name = one_line(source, found.start_byte, found.end_byte) if found else ""
    if name and name not in _SELVES:
        yield [name, _type(source, node)]


_PARAMETERS = frozenset({"identifier", "typed_parameter", "list_splat_pattern", "dictionary_splat_pattern"})
_type = field_text("type")


def _imported(source: bytes, node: Node) -> Iterator[Imported]:
    module = node.child_by_field_name("module_name")
    path = text_of(source, module) if module else "__future__" if node.type == "future_import_statement" else ""
    prefix = path if not path or path.endswith(".") else f"{path}."
    for part in children(node):
        if part.type == "wildcard_import":
            yield path, "*", False
        elif part.type == "aliased_import":
            name = text_of(source, part.child_by_field_name("name"))
            yield prefix + name, text_of(source, part.child_by_field_name("alias")), False
        elif part.type == "dotted_name" and (module is None or part.start_byte > module.start_byte):
            name = text_of(source, part)
            yield prefix + name, name if prefix else name.partition(".")[0], False


def _doc(source: bytes, node: Node) -> str:
    """The first paragraph of the string that a body, or the file, starts with."""
    body = node.child_by_field_name("body") if node.type != "module" else node
    for statement in children(body) if body else ():
        if statement.type == "comment":
            continue
        string = statement.named_child(0) if statement.type == "expression_statement" else None
        return _said(source, string) if string and string.type == "string" else ""
    return ""


def _said(source: bytes, string: Node) -> str:
    return first_paragraph("".join(text_of(source, part) for part in children(string) if part.type == "string_content"))


def _no_comment(_: str) -> str | None:
    return None


def _is_test(item: Item) -> bool:
    """By the names that unittest and pytest collect."""
    name = item["name"].rpartition(".")[2]
    if item["kind"] == "class":
        return name.startswith("Test") or any(base.endswith("TestCase") for base in item["bases"])
    return item["kind"] == "function" and (name == "test" or name.startswith("test_"))


_PYTHON = Dialect(
    language="python",
    query=_QUERY,
    callees=Callees(selves=_SELVES),
    imported=_imported,
    member=_member,
    said=_no_comment,
    name=_name,
    returns=field_text("return_type", "right"),
    doc=_doc,
    is_test=_is_test,
    locals=python_locals,
    modifiers=frozenset({"async"}),
    terminator=b"",
)
