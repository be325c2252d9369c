"""Dialects: how facts of a language are read from its trees, as data. `tree_facts` does the reading."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tree_sitter import Node

from repoloom_stages.facts import Item
from repoloom_stages.syntax.callees import Callees
from repoloom_stages.syntax.items import one_line, text_of
from repoloom_stages.syntax.local_names import Locals


@dataclass(frozen=True)
class Named:
    """What an item is called, and the byte at which its name stands: what is before it are its modifiers."""

    name: str
    start: int


Imported = tuple[str, str, bool]
"""Path, name here, exported on: as in `facts.Import`."""

Members = Iterator[list[str]]
"""Name and type, as in `Item.members`."""


def name_field(source: bytes, node: Node) -> Named | None:
    """The text of the field `name`."""
    name = node.child_by_field_name("name")
    return named(source, name) if name else None


def named(source: bytes, node: Node) -> Named:
    """A name that is a node's text."""
    return Named(one_line(source, node.start_byte, node.end_byte), node.start_byte)


def field_text(*fields: str) -> Callable[[bytes, Node], str]:
    """A reader of the first of these fields that a node has, on one line, without the colon that introduces a type."""

    def read(source: bytes, node: Node) -> str:
        for name in fields:
            if found := node.child_by_field_name(name):
                return one_line(source, found.start_byte, found.end_byte).removeprefix(":").strip()
        return ""

    return read


def bracketed(*fields: str) -> Callable[[bytes, Node], str]:
    """A reader of the first of these fields that a node has, without the brackets around it."""
    text_in = field_text(*fields)

    def read(source: bytes, node: Node) -> str:
        return text_in(source, node)[1:-1].strip(" ,")

    return read


def last_segment(path: str) -> str:
    """`c` of `a.b.c` and `a/b/c`."""
    return path.replace("/", ".").replace("::", ".").rpartition(".")[2]


def unquoted(source: bytes, node: Node | None) -> str:
    """A string's text without its quotes."""
    return text_of(source, node).strip("\"'`")


def body_field(node: Node) -> Node | None:
    """The field `body`."""
    return node.child_by_field_name("body")


def itself(node: Node) -> Node:
    """The node."""
    return node


def end_of(node: Node) -> int:
    """Where a node ends."""
    return node.end_byte


def never(_: Item) -> bool:
    """Of languages whose tests look like any function."""
    return False


_return_type = field_text("return_type", "type")
_type_parameters = bracketed("type_parameters")


@dataclass(frozen=True)
class Dialect:
    """How facts of a language are read.

    The query captures items by their kind, and: `outer`, what is part of the first item in it (`export …`); `hidden`,
    what holds no items (the body of a lambda), unless it is `shown` too; `comment` and `attribute`, which lead items;
    `member` and `base`, parts of the item around them; `import`; `call` and `new`, what is called; `local`, what gives
    a name to a value.
    """

    language: str
    query: str
    callees: Callees
    imported: Callable[[bytes, Node], Iterator[Imported]]
    member: Callable[[bytes, Node], Members]
    said: Callable[[str], str | None]
    """What a comment says as documentation; None for a comment that is none."""
    name: Callable[[bytes, Node], Named | None] = name_field
    core: Callable[[Node], Node] = itself
    """Of an item's node, the one with its body, parameters and types."""
    body: Callable[[Node], Node | None] = body_field
    last: Callable[[Node], Node] = itself
    """Of an item's node, the one that it ends with: of C#'s `namespace A;` the last in the file."""
    returns: Callable[[bytes, Node], str] = _return_type
    generics: Callable[[bytes, Node], str] = _type_parameters
    doc: Callable[[bytes, Node], str] | None = None
    """Documentation inside an item, or inside the root; None where comments are documentation."""
    apart: bool = False
    """Whether a blank line may stand between an item and the `/** … */` that documents it."""
    is_test: Callable[[Item], bool] = never
    callee_end: Callable[[Node], int] = end_of
    locals: Locals | None = None
    """Names that a captured node gives to values; None where nothing is called on them."""
    separator: str = "."
    visibility: frozenset[str] = frozenset()
    modifiers: frozenset[str] = frozenset()
    terminator: bytes = b";"
    """What may end an item and is no part of its node."""
