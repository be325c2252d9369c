"""Facts of C and C++: functions, classes, structs, enums, types, macros, constants, namespaces; imports; calls.

Nothing is preprocessed: where macros stand for syntax, a tree has errors, and what is around them may be no item.
"""

import re
from collections.abc import Iterator

from tree_sitter import Node

from repoloom_stages.facts import Found, Item
from repoloom_stages.syntax.callees import Callees
from repoloom_stages.syntax.dialects import Dialect, Imported, Members, Named, last_segment, named
from repoloom_stages.syntax.doc_comments import said_by
from repoloom_stages.syntax.items import one_line, text_of
from repoloom_stages.syntax.local_names import Local, Locals
from repoloom_stages.syntax.tree_facts import facts_by

_C_ONLY = """
(function_declarator declarator: (identifier) parameters: (parameter_list (parameter_declaration) @member))
"""

_COMMON = """
(function_definition) @function
(declaration declarator: (function_declarator)) @function
(declaration declarator: (pointer_declarator declarator: (function_declarator))) @function
(declaration (type_qualifier) declarator: (init_declarator)) @const
[(struct_specifier name: (_) body: (_)) (union_specifier name: (_) body: (_))] @struct
(type_definition type: [(struct_specifier !name body: (_)) (union_specifier !name body: (_))]) @struct
(enum_specifier name: (_) body: (_)) @enum
(type_definition type: (enum_specifier !name body: (_))) @enum
(type_definition) @type
(type_definition type: [(struct_specifier body: (_)) (union_specifier body: (_)) (enum_specifier body: (_))]) @outer
(preproc_function_def) @macro
(preproc_def value: (_)) @const
(comment) @comment
(linkage_specification body: [(function_definition) (declaration)]) @outer
(field_declaration_list (field_declaration) @member)
(enumerator) @member
(preproc_include path: (_)) @import
(call_expression function: (_) @call)
"""

_CPP_ONLY = """
(class_specifier name: (_) body: (_)) @class
(namespace_definition) @module
(field_declaration declarator: (function_declarator)) @function
(field_declaration declarator: [
  (pointer_declarator declarator: (function_declarator)) (reference_declarator (function_declarator))]) @function
(declaration declarator: (reference_declarator (function_declarator))) @function
[(alias_declaration) (concept_definition)] @type
(template_declaration) @outer
(lambda_expression) @hidden
(attribute_declaration (attribute) @attribute)
(function_declarator
  declarator: [(identifier) (field_identifier) (qualified_identifier) (destructor_name) (operator_name)]
  parameters: (parameter_list [(parameter_declaration) (optional_parameter_declaration)] @member))
(base_class_clause [(type_identifier) (qualified_identifier) (template_type)] @base)
[(using_declaration) (namespace_alias_definition)] @import
(new_expression type: (_) @new)
[(declaration) (parameter_declaration) (optional_parameter_declaration) (for_range_loop)] @local
"""

_MODIFIERS = frozenset(
    {"consteval", "constexpr", "constinit", "explicit", "extern", "friend", "inline", "static", "thread_local"}
    | {"typedef", "virtual", "_Noreturn", "_Thread_local", "mutable"}
)
_CASTS = frozenset({"const_cast", "dynamic_cast", "reinterpret_cast", "static_cast"})
_WRAPPERS = frozenset({"attributed_declarator", "parenthesized_declarator", "reference_declarator"})
_CONSTANT = re.compile(r"\b(?:const|constexpr|constinit)\b")
_TEST = re.compile(r"(?:TYPED_)?TEST(?:_[A-Z]+)*\(.*\)|BOOST_\w*TEST_CASE\w*\(.*\)", re.DOTALL)
_TEST_MACRO = re.compile(r"(?:TYPED_)?TEST(?:_[A-Z]+)*|BOOST_\w*TEST_CASE\w*")
_USING = re.compile(r"(?:using|namespace)\s+(?:(namespace|typename|\w+\s*=)\s+)?([^;]+);?", re.DOTALL)
_ATTRIBUTES = re.compile(r"\[\[.*?\]\]")
_TEMPLATE = re.compile(rb"template\s*<((?:[^;{}])*)>\s*(?:requires[^;{}]*)?\Z")
MAX_TEMPLATE_BYTES = 500


def c_facts(source: bytes, root: Node, sound: bool) -> Found:
    """What a C file holds."""
    return facts_by(_C, source, root, sound)


def cpp_facts(source: bytes, root: Node, sound: bool) -> Found:
    """What a C++ file, or a header of C, holds."""
    return facts_by(_CPP, source, root, sound)


def _innermost(declarator: Node) -> tuple[Node, bool]:
    """The node that a declarator gives a name to, and whether what it declares is a function."""
    function, wrapped = False, ""
    while True:
        wrapped = declarator.type
        inner = declarator.child_by_field_name("declarator")
        if inner is None and declarator.type in _WRAPPERS:
            inner = declarator.named_child(declarator.named_child_count - 1) if declarator.named_child_count else None
        if inner is None:
            return declarator, function
        function = wrapped == "function_declarator" and inner.type not in ("parenthesized_declarator", "ERROR")
        declarator = inner


def _name(source: bytes, node: Node) -> Named | None:
    found = node.child_by_field_name("name")
    if found is not None:
        return named(source, found)
    declarator = node.child_by_field_name("declarator")
    if declarator is None:
        return None
    inner, function = _innermost(declarator)
    name = named(source, inner)
    if node.type == "type_definition":
        return None if _is_named_body(node.child_by_field_name("type")) else name
    if function:
        return _test_name(source, declarator, name) or name
    constant = node.type == "declaration" and declarator.type == "init_declarator"
    return name if constant and _CONSTANT.search(text_before(source, node, name.start)) else None


def _is_named_body(declared: Node | None) -> bool:
    """Whether it is the definition of a struct, union or enum with a name of its own."""
    return bool(declared and declared.child_by_field_name("body") and declared.child_by_field_name("name"))


def _test_name(source: bytes, declarator: Node, name: Named) -> Named | None:
    """A test's macro with its arguments: without them all tests of a file have the same name."""
    if not _TEST_MACRO.fullmatch(name.name):
        return None
    return Named(one_line(source, declarator.start_byte, declarator.end_byte), name.start)


def text_before(source: bytes, node: Node, end: int) -> str:
    """A declaration up to a place in it."""
    return one_line(source, node.start_byte, end)


def _core(node: Node) -> Node:
    declared = node.child_by_field_name("type") if node.type == "type_definition" else None
    return declared if declared and declared.child_by_field_name("body") else node


def _body(node: Node) -> Node | None:
    found = node.child_by_field_name("body")
    return found or (node.child_by_field_name("value") if node.type == "preproc_function_def" else None)


def _returns(source: bytes, node: Node) -> str:
    """The words before a function's or a constant's name that are no modifiers; of an alias, what it stands for."""
    if node.type == "alias_declaration":
        aliased = node.child_by_field_name("type")
        return one_line(source, aliased.start_byte, aliased.end_byte) if aliased else ""
    declarator = node.child_by_field_name("declarator")
    if declarator is None:
        return ""
    name = _innermost(declarator)[0]
    words = _ATTRIBUTES.sub("", text_before(source, node, name.start_byte)).split()
    rest = one_line(source, name.end_byte, declarator.end_byte) if node.type == "type_definition" else ""
    return " ".join(word for word in words if word not in _MODIFIERS) + rest


def _generics(source: bytes, node: Node) -> str:
    """Parameters of the `template` that stands before a declaration."""
    before = source[max(0, node.start_byte - MAX_TEMPLATE_BYTES) : node.start_byte]
    if not before.rstrip().endswith(b">"):
        return ""
    place = before.rfind(b"template")
    found = _TEMPLATE.match(before, place) if place >= 0 else None
    return one_line(found[1], 0, len(found[1])) if found else ""


def _member(source: bytes, node: Node) -> Members:
    """A parameter, a variant, or the fields that are declared together."""
    if node.type == "enumerator":
        yield [text_of(source, node.child_by_field_name("name")), ""]
        return
    declarators = node.children_by_field_name("declarator")
    first = declarators[0].start_byte if declarators else node.end_byte
    written = one_line(source, node.start_byte, first).rstrip(" ;")
    if not declarators and node.type != "field_declaration" and written != "void":
        yield ["", written]
    for declarator in declarators:
        inner, function = _innermost(declarator)
        if inner.type.startswith("abstract_"):
            yield ["", one_line(source, node.start_byte, node.end_byte)]
        elif not function or node.type != "field_declaration":
            start, end = declarator.start_byte, declarator.end_byte
            around = one_line(source, start, inner.start_byte) + one_line(source, inner.end_byte, end)
            yield [one_line(source, inner.start_byte, inner.end_byte), f"{written} {around}".strip()]


def _imported(source: bytes, node: Node) -> Iterator[Imported]:
    if node.type == "preproc_include":
        yield text_of(source, node.child_by_field_name("path")).strip('"'), "*", False
    elif found := _USING.match(one_line(source, node.start_byte, node.end_byte)):
        word, path = found[1] or "", found[2].strip()
        if word == "namespace":
            yield path, "*", False
        else:
            yield path, word.rstrip("= ") if word.endswith("=") else last_segment(path), False


def _locals(source: bytes, node: Node) -> Iterator[Local]:
    """Of a declaration, a parameter or a loop."""
    type_ = node.child_by_field_name("type")
    for declarator in node.children_by_field_name("declarator"):
        name = _innermost(declarator)[0]
        if name.type == "identifier":
            array = source.startswith(b"[", name.end_byte)
            yield Local(text_of(source, name), None if array else type_, declarator.child_by_field_name("value"))


def _is_test(item: Item) -> bool:
    return item["kind"] == "function" and bool(_TEST.search(item["name"]))


def _dialect(language: str, only: str, read: Locals | None = None) -> Dialect:
    return Dialect(
        language=language,
        query=_COMMON + only,
        callees=Callees(not_called=_CASTS),
        imported=_imported,
        member=_member,
        said=said_by("//", "/*"),
        name=_name,
        core=_core,
        body=_body,
        returns=_returns,
        generics=_generics,
        is_test=_is_test,
        locals=read,
        separator="::",
        modifiers=_MODIFIERS,
    )


_C = _dialect("c", _C_ONLY)
_CPP = _dialect("cpp", _CPP_ONLY, _locals)
