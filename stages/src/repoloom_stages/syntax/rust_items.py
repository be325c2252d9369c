"""Items of a Rust file: functions, structs and unions, enums, traits, impls, macros, modules, types, constants.

Only what holds items is walked (modules, impls, traits, `extern` blocks), and what `make! { … }` holds where it reads
as items, as in `cfg_rt! { pub fn … }`. Items inside functions are no items: they are part of what they stand in.
"""

import re
import sys
from dataclasses import dataclass, field, replace

from tree_sitter import Node, Point, Range

from repoloom_stages.facts import Found, Item
from repoloom_stages.syntax.captures import is_in_proportion
from repoloom_stages.syntax.grammars import children
from repoloom_stages.syntax.items import MAX_DEPTH, MAX_NAME_CHARACTERS, MAX_SIGNATURE_CHARACTERS, Lines, make_item
from repoloom_stages.syntax.rust_calls import rust_calls
from repoloom_stages.syntax.rust_grammar import (
    ATTRIBUTE,
    BLOCK_COMMENT,
    BODY,
    FOREIGN,
    GRAMMAR,
    INNER_ATTRIBUTE,
    ITEMS,
    LANGUAGE,
    LINE_COMMENT,
    MACRO_CALL,
    MACRO_STATEMENT,
    TOKEN_TREE,
    USE,
)
from repoloom_stages.syntax.rust_heads import Head, head_of
from repoloom_stages.syntax.rust_imports import rust_imports
from repoloom_stages.syntax.rust_parts import attributes, documentation, is_outer_doc, is_test, words_of
from repoloom_stages.syntax.rust_usage import usage_of
from repoloom_stages.syntax.rust_wrappers import Edges, MislaidError, Wrapper, laid_open, wrappers_in

MAX_MACRO_DEPTH = 3
"""Macros in macros are read as items so many deep: what they hold is parsed once more for each."""

_HOLDERS = frozenset({"impl", "module", "trait"})
_KEYWORD = re.compile(rb"\b(?:const|enum|fn|impl|macro_rules|mod|static|struct|trait|type|union|use)\b")
_COMMENTS = frozenset({BLOCK_COMMENT, LINE_COMMENT})
_INNER_DOC = (b"//!", b"/*!")


def rust_facts(source: bytes, root: Node, sound: bool) -> Found:
    """What a Rust file holds."""
    return _facts(source, root, sound, [])


def laid_open_facts(source: bytes) -> Found | None:
    """What a Rust file holds in which macros wrap items, in one parse; None if that does not read without an error."""
    wrappers = wrappers_in(source)
    tree = GRAMMAR.parse(laid_open(source, wrappers)) if wrappers else None
    if tree is None or tree.root_node.has_error or not is_in_proportion(tree.root_node, source, LANGUAGE):
        return None
    try:
        return _facts(source, tree.root_node, True, wrappers)
    except MislaidError:
        return None


def _facts(source: bytes, root: Node, sound: bool, wrappers: list[Wrapper]) -> Found:
    walk = _Walk(source, Lines(source), Edges(wrappers))
    doc = walk.read(root, _Holder())
    usage = usage_of(source, root, sound, walk.unfolded.values())
    calls, bindings = rust_calls(source, usage, walk.items, walk.unfolded.keys(), wrappers)
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
    lines: Lines
    edges: Edges
    items: list[Item] = field(default_factory=list)
    unfolded: dict[int, Node] = field(default_factory=dict)
    """By where a macro starts that holds items, the root of their tree."""

    def read(self, body: Node, holder: _Holder) -> str:
        """Read the items of a holder's body, and return its inner documentation."""
        edges, opened = self.edges, self.edges.depth
        leading: list[Node] = []
        inner: list[Node] = []
        last = body.start_byte if holder.depth else 0
        before: Node | None = None
        for node in children(body):
            kind, start = node.kind_id, node.start_byte
            if edges.next < start:
                edges.cross(before.end_byte if before else last, start)
                leading = []
            before = node
            if kind in ITEMS:
                edges.take_item()
                self._item(node, ITEMS[kind], leading, holder)
            elif kind == ATTRIBUTE or (kind in _COMMENTS and not self.source.startswith(_INNER_DOC, start)):
                if kind == ATTRIBUTE or is_outer_doc(self.source, start):
                    leading.append(node)
                continue
            else:
                self._other(node, kind, inner, holder)
            if leading:
                leading = []
        edges.cross(before.end_byte if before else last, body.end_byte if holder.depth else sys.maxsize)
        edges.close(opened)
        return documentation(self.source, inner) if inner else ""

    def _other(self, node: Node, kind: int, inner: list[Node], holder: _Holder) -> None:
        """Read a node that is no item and does not lead to one; `inner` takes the holder's own documentation."""
        if kind == INNER_ATTRIBUTE or self.source.startswith(_INNER_DOC, node.start_byte):
            inner.append(node)
        elif kind == USE:
            self.edges.take_item()
        elif kind in (MACRO_STATEMENT, MACRO_CALL):
            self._macro(node, holder)
        elif kind == FOREIGN and holder.depth < MAX_DEPTH and (held := node.child_by_field_id(BODY)):
            self.read(held, replace(holder, depth=holder.depth + 1))

    def _item(self, node: Node, kind: str, leading: list[Node], holder: _Holder) -> None:
        body = node.child_by_field_id(BODY)
        head = head_of(self.source, node, kind, body)
        position = holder.item
        if head.name:
            position = len(self.items)
            self.items.append(self._made(node, kind, head, leading, holder))
        if body is None or kind not in _HOLDERS or holder.depth >= MAX_DEPTH:
            return
        item = self.items[position] if head.name else None
        qualified = _qualified(holder.modules, head.inside)
        doc = self.read(
            body,
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
        source, start = self.source, node.start_byte
        first, doc = start, ""
        written: list[str] = []
        if leading:
            first = leading[0].start_byte
            doc = documentation(source, leading)
            written = attributes(source, (one for one in leading if one.kind_id == ATTRIBUTE))
        visibility, modifiers = words_of(source[start : min(head.words_end, start + MAX_SIGNATURE_CHARACTERS)])
        return make_item(
            source,
            self.lines,
            kind,
            head.name if kind == "impl" else _qualified(holder.name, head.name),
            first,
            node.end_byte,
            head=start,
            body=head.body,
            signature_end=head.signature_end,
            doc=doc,
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
        depth = holder.macros + self.edges.depth
        if macro is None or macro.kind_id != MACRO_CALL or depth >= MAX_MACRO_DEPTH:
            return
        self.edges.skip(node.end_byte)
        tree = macro.named_child(macro.named_child_count - 1)
        if tree is None or tree.kind_id != TOKEN_TREE or not self._may_hold_items(tree):
            return
        parsed = GRAMMAR.parse(self.source, within=_inside(tree))
        if parsed is None or parsed.root_node.has_error:
            return
        root = parsed.root_node
        if any(child.kind_id in ITEMS or child.kind_id == USE for child in children(root)):
            self.unfolded[macro.start_byte] = root
            self.read(root, replace(holder, macros=depth + 1))

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
