"""Items of drafts: their spans, documentation and words, when all that a query captured has been read."""

import re

from tree_sitter import Node

from repoloom_stages.facts import Item
from repoloom_stages.syntax.dialects import Dialect
from repoloom_stages.syntax.drafts import Draft, Lead, Reading
from repoloom_stages.syntax.items import Lines, first_paragraph, make_item, text_of

_AFTER_ATTRIBUTES = re.compile(rb"[\s\]]*")

_NAMED_AFTER = frozenset({"enum", "struct"})
"""Kinds whose name can stand behind the body: C's `typedef struct { … } name;`."""

MAX_HEADER_BYTES = 1000
"""Between an item's attributes and its name, that are looked through for modifiers."""


def finished(reading: Reading) -> list[Item]:
    """The items of all drafts, in their order."""
    items: list[Item] = []
    lines = Lines(reading.source)
    for draft in reading.drafts:
        item = _item(draft, reading, lines)
        if item["kind"] in _NAMED_AFTER and draft.name.name not in item["signature"]:
            item["signature"] += f" {draft.name.name}"
        item["test"] = (draft.owner >= 0 and items[draft.owner]["test"]) or reading.dialect.is_test(item)
        items.append(item)
    return items


def _item(draft: Draft, reading: Reading, lines: Lines) -> Item:
    dialect, source, core = reading.dialect, reading.source, reading.dialect.core(draft.node)
    doc, lead = _documentation(draft, dialect, source)
    first = lead or draft.first
    attributes, head = reading.attributes_of(draft, first.start_byte)
    if after := _AFTER_ATTRIBUTES.match(source, head):
        head = min(after.end(), draft.name.start)
    words = source[head : min(draft.name.start, head + MAX_HEADER_BYTES)].decode(errors="replace").split()
    return make_item(
        source,
        lines,
        draft.kind,
        draft.qualified,
        first.start_byte,
        max(draft.first.end_byte, dialect.last(draft.node).end_byte),
        head=head,
        body=draft.body.start_byte if draft.body else None,
        doc=doc,
        owner=draft.owner,
        visibility=" ".join(word for word in words if word in dialect.visibility),
        modifiers=[word for word in words if word in dialect.modifiers],
        attributes=attributes,
        generics=dialect.generics(source, core),
        returns=dialect.returns(source, core),
        bases=draft.bases,
        members=draft.members,
        terminator=dialect.terminator,
    )


def _documentation(draft: Draft, dialect: Dialect, source: bytes) -> tuple[str, Node | None]:
    """An item's documentation, and the first of what leads to the item and is part of it."""
    if dialect.doc:
        return dialect.doc(source, draft.node), _first_of(draft.lead, dialect, source)
    comments = [node for node, comment in draft.lead.nodes if comment]
    return first_paragraph(said_by_comments(dialect, source, comments)), _first_of(draft.lead, dialect, source)


def _first_of(lead: Lead, dialect: Dialect, source: bytes) -> Node | None:
    for node, comment in lead.nodes:
        if not comment or dialect.said(text_of(source, node)) is not None:
            return node
    return None


def said_by_comments(dialect: Dialect, source: bytes, comments: list[Node]) -> str:
    """What comments say together: the last block, or the lines of line comments after it."""
    said: list[str] = []
    for node in comments:
        text = text_of(source, node)
        if (says := dialect.said(text)) is not None:
            if text.startswith("/*"):
                said.clear()
            said.append(says)
    return "\n".join(said)
