"""The Rust grammar's kinds of node and fields, by number: comparing those is several times faster than names."""

from repoloom_stages.syntax.grammars import grammar_of, kinds

_FOUND = grammar_of("rust")
assert _FOUND is not None  # it is one of those in `grammars`
GRAMMAR = _FOUND
LANGUAGE = GRAMMAR.language


def kind(name: str) -> int:
    """The number of a named kind of node."""
    (number,) = kinds(LANGUAGE, name)
    return number


def field(name: str) -> int:
    """The number of a field."""
    number = LANGUAGE.field_id_for_name(name)
    if number is None:
        raise LookupError(f"the grammar of Rust has no field {name}")
    return number


BODY = field("body")
BOUNDS = field("bounds")
FUNCTION = field("function")
NAME = field("name")
PARAMETERS = field("parameters")
PATTERN = field("pattern")
RETURN_TYPE = field("return_type")
TRAIT = field("trait")
TYPE = field("type")
TYPE_PARAMETERS = field("type_parameters")
VALUE = field("value")

ATTRIBUTE = kind("attribute_item")
INNER_ATTRIBUTE = kind("inner_attribute_item")
LINE_COMMENT = kind("line_comment")
BLOCK_COMMENT = kind("block_comment")

GENERIC_FUNCTION = kind("generic_function")
FOREIGN = kind("foreign_mod_item")
IMPL = kind("impl_item")
MACRO_CALL = kind("macro_invocation")
MACRO_STATEMENT = kind("expression_statement")
MODULE = kind("mod_item")
TOKEN_TREE = kind("token_tree")
USE = kind("use_declaration")

ITEMS = {
    kind("associated_type"): "type",
    kind("const_item"): "const",
    kind("enum_item"): "enum",
    kind("function_item"): "function",
    kind("function_signature_item"): "function",
    IMPL: "impl",
    kind("macro_definition"): "macro",
    MODULE: "module",
    kind("static_item"): "const",
    kind("struct_item"): "struct",
    kind("trait_item"): "trait",
    kind("type_item"): "type",
    kind("union_item"): "struct",
}
