"""Items of a Rust file: functions, structs and unions, enums, traits, impls, macros, modules, types, constants.

Only what holds items is walked (modules, impls, traits, `extern` blocks), and what `make! { … }` holds where it reads
as items, as in `cfg_rt! { pub fn … }`. Items inside functions are no items: they are part of what they stand in.
"""

import re
from dataclasses import dataclass, field, replace

from tree_sitter import Node, Point, Range

from repoloom_stages.facts import Found, Item
from repoloom_stages.syntax.grammars import children
from repoloom_stages.syntax.items import MAX_DEPTH, MAX_NAME_CHARACTERS, make_item
from repoloom_stages.syntax.rust_calls import rust_calls
from repoloom_stages.syntax.rust_grammar import (
    BODY,
    FOREIGN,
    GRAMMAR,
    INNER_ATTRIBUTE,
    ITEMS,
    MACRO_CALL,
    MACRO_STATEMENT,
    TOKEN_TREE,
    USE,
)
from repoloom_stages.syntax.rust_heads import Head, head_of
from repoloom_stages.syntax.rust_imports import rust_imports
from repoloom_stages.syntax.rust_parts import attributes, documentation, is_test, leads, words_before
from repoloom_stages.syntax.rust_usage import usage_of

MAX_MACRO_DEPTH = 3
"""Macros in macros are read as items so many deep: what they hold is parsed once more for each."""

_HOLDERS = frozenset({"impl", "module", "trait"})
_KEYWORD = re.compile(rb"\b(?:const|enum|fn|impl|macro_rules|mod|static|struct|trait|type|union|use)\b")
_INNER_DOC = (b"//!", b"/*!")


def rust_facts(source: bytes, root: Node) -> Found:
    """What a Rust file holds."""
    walk = _Walk(source)
    doc = walk.read(root, _Holder())
    usage = usage_of(source, [root, *walk.unfolded.values()])
    calls, bindings = rust_calls(source, usage, walk.items, walk.unfolded.keys())
    imports = rust_imports(source, usage.imports, walk.items)
    return Found(doc=doc, items=walk.items, imports=imports, calls=calls, bindings=bindings)


@dataclass(frozen=True)
class _Holder:
    """What holds the items that are read, and how deep it is."""

    modules: str = ""
    """What qualifies the name of a type in it."""
    name: str = ""
    """What qualifies the name of any other item in it."""
    item: int = -1
    test: bool = False
    depth: int = 0
    macros: int = 0


@dataclass
class _Walk:
    """One file's items, in order of position, each before those it holds."""

    source: bytes
    items: list[Item] = field(default_factory=list)
    unfolded: dict[int, Node] = field(default_factory=dict)
    """By where a macro starts that holds items, the root of their tree."""

    def read(self, body: Node, holder: _Holder) -> str:
        """Read the items of a holder's body, and return its inner documentation."""
        leading: list[Node] = []
        inner: list[Node] = []
        for node in children(body):
            kind = node.kind_id
            if kind in ITEMS:
                self._item(node, ITEMS[kind], leading, holder)
            elif kind == FOREIGN:
                held = node.child_by_field_id(BODY)
                if held and holder.depth < MAX_DEPTH:
                    self.read(held, replace(holder, depth=holder.depth + 1))
            elif kind in (MACRO_STATEMENT, MACRO_CALL):
                self._macro(node, holder)
            elif kind == INNER_ATTRIBUTE or self.source.startswith(_INNER_DOC, node.start_byte):
                inner.append(node)
            elif (belongs := leads(self.source, node, kind)) is not False:
                if belongs:
                    leading.append(node)
                continue
            leading = []
        return documentation(self.source, inner) if inner else ""

    def _item(self, node: Node, kind: str, leading: list[Node], holder: _Holder) -> None:
        head = head_of(self.source, node, kind)
        position = holder.item
        if head.name:
            position = len(self.items)
            self.items.append(self._made(node, kind, head, leading, holder))
        held = node.child_by_field_id(BODY) if kind in _HOLDERS and holder.depth < MAX_DEPTH else None
        if held is None:
            return
        item = self.items[position] if head.name else None
        qualified = _qualified(holder.modules, head.inside)
        doc = self.read(
            held,
            _Holder(
                modules=qualified if kind == "module" else holder.modules,
                name=qualified,
                item=position,
                test=item["test"] if item else holder.test,
                depth=holder.depth + 1,
                macros=holder.macros,
            ),
        )
        if item and doc and not item["doc"]:
            item["doc"] = doc

    def _made(self, node: Node, kind: str, head: Head, leading: list[Node], holder: _Holder) -> Item:
        source = self.source
        written = attributes(source, leading) if leading else []
        visibility, modifiers = words_before(source, node.start_byte, head.words_end)
        return make_item(
            source,
            kind,
            head.name if kind == "impl" else _qualified(holder.name, head.name),
            leading[0] if leading else node,
            node,
            body=head.body,
            signature_end=head.signature_end,
            doc=documentation(source, leading) if leading else "",
            visibility=visibility,
            modifiers=modifiers,
            attributes=written,
            generics=head.generics,
            returns=head.returns,
            bases=head.bases,
            type=head.type,
            owner=holder.item,
            members=head.members,
            test=holder.test or any(map(is_test, written)),
        )

    def _macro(self, node: Node, holder: _Holder) -> None:
        """Read what a macro holds, if it reads as items without an error."""
        macro = node if node.kind_id == MACRO_CALL else node.named_child(0)
        if macro is None or macro.kind_id != MACRO_CALL or holder.macros >= MAX_MACRO_DEPTH:
            return
        tree = macro.named_child(macro.named_child_count - 1)
        if tree is None or tree.kind_id != TOKEN_TREE or not self._may_hold_items(tree):
            return
        parsed = GRAMMAR.parse(self.source, within=_inside(tree))
        if parsed is None or parsed.root_node.has_error:
            return
        root = parsed.root_node
        if any(child.kind_id in ITEMS or child.kind_id == USE for child in children(root)):
            self.unfolded[macro.start_byte] = root
            self.read(root, replace(holder, macros=holder.macros + 1))

    def _may_hold_items(self, tree: Node) -> bool:
        start = tree.start_byte
        return self.source.startswith(b"{", start) and bool(_KEYWORD.search(self.source, start, tree.end_byte))


def _qualified(holder: str, name: str) -> str:
    return f"{holder}::{name}"[:MAX_NAME_CHARACTERS] if holder else name


def _inside(tree: Node) -> Range:
    """A token tree without its brackets."""
    start, end = tree.start_point, tree.end_point
    return Range(
        Point(start.row, start.column + 1),
        Point(end.row, max(0, end.column - 1)),
        tree.start_byte + 1,
        max(tree.start_byte + 1, tree.end_byte - 1),
    )
