"""Items of a Python file: functions (methods too) and classes, those under `if`, `try` and `with` included.

Functions and classes inside functions are no items: they are part of what they stand in.
"""

from collections.abc import Iterator

from tree_sitter import Node

from repoloom_stages.grammars import children, grammar_of, kinds
from repoloom_stages.items import MAX_DEPTH, first_paragraph, make_item, text_of
from repoloom_stages.records import Item

_GRAMMAR = grammar_of("python")
assert _GRAMMAR is not None  # it is one of those in `grammars`
_LANGUAGE = _GRAMMAR.language

_CLASS = kinds(_LANGUAGE, "class_definition")
_FUNCTION = kinds(_LANGUAGE, "function_definition")
_DECORATED = kinds(_LANGUAGE, "decorated_definition")
_HOLDERS = kinds(
    _LANGUAGE,
    "block",
    "elif_clause",
    "else_clause",
    "except_clause",
    "finally_clause",
    "if_statement",
    "try_statement",
    "with_statement",
)


def python_items(source: bytes, root: Node) -> Iterator[Item]:
    """The items in order of position, each before those it holds."""
    return _items(source, root, owner="", depth=0)


def _items(source: bytes, body: Node, owner: str, depth: int) -> Iterator[Item]:
    for outer in children(body):
        node = (outer.child_by_field_name("definition") if outer.kind_id in _DECORATED else None) or outer
        kind = node.kind_id
        if kind in _CLASS or kind in _FUNCTION:
            name = text_of(source, node.child_by_field_name("name"))
            held = node.child_by_field_name("body")
            qualified = f"{owner}.{name}" if owner else name
            if name:
                yield make_item(
                    source, "class" if kind in _CLASS else "function", qualified, outer, node, _doc(source, held)
                )
            if kind in _CLASS and held and depth < MAX_DEPTH:
                yield from _items(source, held, qualified, depth + 1)
        elif kind in _HOLDERS and depth < MAX_DEPTH:
            yield from _items(source, node, owner, depth + 1)


def _doc(source: bytes, body: Node | None) -> str:
    """The first paragraph of the string that a body starts with."""
    statement = body.named_child(0) if body and body.named_child_count else None
    string = statement.named_child(0) if statement and statement.type == "expression_statement" else None
    if string is None or string.type != "string":
        return ""
    return first_paragraph(
        "".join(text_of(source, part) for part in string.named_children if part.type == "string_content")
    )
