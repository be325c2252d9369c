"""Drafts: items as what a query captured shows them, in order of position. Position says what belongs to what.

`tree_facts` makes items of the drafts, when everything has been read.
"""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field

from tree_sitter import Node

from repoloom_stages.syntax.dialects import Dialect, Named
from repoloom_stages.syntax.items import MAX_DEPTH, MAX_INDENTATION_BYTES, one_line

ITEMS = frozenset({"class", "const", "enum", "function", "interface", "macro", "module", "struct", "type"})
HOLDERS = frozenset({"class", "enum", "interface", "module", "struct"})
"""Kinds of items whose items are items too; what a function holds is part of it."""

MAX_MEMBERS = 1000
"""Of an item. Who writes by hand stays below."""

_ORDER = {"outer": 0, **dict.fromkeys(sorted(ITEMS), 1), "const": 2, "hidden": 3}
"""Of captures of the same bytes; all others come after these. A constant that is a function is a function."""


@dataclass
class Lead:
    """Comments and attributes that stand one after the other, no blank line or other text between them."""

    end: int = -1
    nodes: list[tuple[Node, bool]] = field(default_factory=list)
    """Each with whether it is a comment."""


@dataclass
class Draft:
    """An item of which not all may have been read."""

    kind: str
    name: Named
    qualified: str
    node: Node
    first: Node
    """Its node, or what it is the first item in."""
    lead: Lead
    owner: int
    body: Node | None
    members: list[list[str]] = field(default_factory=list)
    bases: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Open:
    """A stretch that the reading is in: an item, or (index -1) something hidden."""

    end: int
    index: int
    holds: bool


class Reading:
    """Reads what a query captured in a text."""

    def __init__(self, dialect: Dialect, source: bytes) -> None:
        self.drafts: list[Draft] = []
        self.dialect = dialect
        self.source = source
        self._open: list[_Open] = []
        self._lead = Lead()
        self._outer: tuple[Node, Lead] | None = None
        self._before_names: list[tuple[int, int, bool]] = []
        """Start and end of attributes and leading comments, and whether it is an attribute."""

    def read(self, captures: dict[str, list[Node]]) -> None:
        """Take everything captured, in order of position."""
        takers = {
            "attribute": self._take_attribute,
            "base": self._take_base,
            "comment": self._take_comment,
            "hidden": self._take_hidden,
            "member": self._take_member,
            "outer": self._take_outer,
        }
        for kind, node in _in_order(captures):
            start = node.start_byte
            while self._open and self._open[-1].end <= start:
                self._open.pop()
            if kind == "comment" and self._is_inside(node):
                continue
            if kind in ITEMS:
                self._take_item(kind, node)
            else:
                takers[kind](node)

    def _is_inside(self, comment: Node) -> bool:
        """Whether a comment stands in an item that holds no others, and not after an attribute before its name."""
        around = self._open[-1] if self._open else None
        if around is None or around.holds:
            return False
        in_body = around.index < 0 or comment.start_byte > self.drafts[around.index].name.start
        return in_body or not self._leads_to(comment)

    def attributes_of(self, draft: Draft, start: int) -> tuple[list[str], int]:
        """Attributes between an item's start and its name; where what they are attributes of starts."""
        found, head = [], draft.first.start_byte
        for place in range(bisect_left(self._before_names, (start, 0, False)), len(self._before_names)):
            one, end, attribute = self._before_names[place]
            if end > draft.name.start:
                break
            head = max(head, end)
            if attribute:
                found.append(one_line(self.source, one, end).strip("@#[]"))
        return found, head

    def _take_comment(self, node: Node) -> None:
        self._extend_lead(node, comment=True)

    def _take_attribute(self, node: Node) -> None:
        self._before_names.append((node.start_byte, node.end_byte, True))
        self._extend_lead(node, comment=False)

    def _extend_lead(self, node: Node, *, comment: bool) -> None:
        if not self._leads_to(node):
            self._lead = Lead()
            if not self._opens_line(node):
                return
        if comment:
            self._before_names.append((node.start_byte, node.end_byte, False))
        self._lead.nodes.append((node, comment))
        self._lead.end = node.end_byte

    def _leads_to(self, node: Node) -> bool:
        end = self._lead.end
        gap = self.source[end : node.start_byte] if 0 <= end <= node.start_byte else b"-"
        return not gap.strip() and gap.count(b"\n") <= 1

    def _documents(self, node: Node) -> bool:
        """Whether a blank line stands between documentation and its item; what a file starts with is the file's."""
        nodes = self._lead.nodes
        if not self.dialect.apart or not nodes or not self.source.startswith(b"/**", nodes[-1][0].start_byte):
            return False
        gap = self.source[nodes[-1][0].end_byte : node.start_byte]
        opens_file = not self.source[: min(nodes[0][0].start_byte, MAX_INDENTATION_BYTES)].strip()
        return not gap.strip() and gap.count(b"\n") == 2 and not opens_file

    def _opens_line(self, node: Node) -> bool:
        column, start = node.start_point.column, node.start_byte
        return column <= MAX_INDENTATION_BYTES and not self.source[start - column : start].strip(b" \t\f\xef\xbb\xbf")

    def _lead_of(self, node: Node) -> Lead:
        lead = self._lead if self._leads_to(node) or self._documents(node) else Lead()
        self._lead = Lead()
        return lead

    def _take_outer(self, node: Node) -> None:
        if self._outer is None or self._outer[0].end_byte <= node.start_byte:
            self._outer = (node, self._lead_of(node))

    def _take_hidden(self, node: Node) -> None:
        if not self._open or self._open[-1].holds:
            self._open.append(_Open(node.end_byte, -1, holds=False))

    def _take_member(self, node: Node) -> None:
        if (draft := self._around(node)) and len(draft.members) < MAX_MEMBERS:
            draft.members.extend(self.dialect.member(self.source, node))

    def _take_base(self, node: Node) -> None:
        if draft := self._around(node):
            draft.bases.append(one_line(self.source, node.start_byte, node.end_byte))

    def _around(self, node: Node) -> Draft | None:
        """The item that a part belongs to: no function in whose body the part is."""
        around = self._open[-1] if self._open else None
        if around is None or around.index < 0:
            return None
        draft = self.drafts[around.index]
        return draft if around.holds or draft.body is None or node.start_byte < draft.body.start_byte else None

    def _take_item(self, kind: str, node: Node) -> None:
        around = self._open[-1] if self._open else None
        if around and (not around.holds or len(self._open) > MAX_DEPTH or self._is_taken(around, node)):
            return
        if not (name := self.dialect.name(self.source, node)) or not name.name:
            return
        first, lead = self._first(node)
        owner = around.index if around else -1
        holder = f"{self.drafts[owner].qualified}{self.dialect.separator}" if owner >= 0 else ""
        end = self.dialect.last(node).end_byte
        self._open.append(_Open(end, len(self.drafts), holds=kind in HOLDERS))
        self.drafts.append(
            Draft(
                kind=kind,
                name=name,
                qualified=holder + name.name,
                node=node,
                first=first,
                lead=lead,
                owner=owner,
                body=self.dialect.body(self.dialect.core(node)),
            )
        )

    def _is_taken(self, around: _Open, node: Node) -> bool:
        """Whether a node has been captured as an item of another kind, which says more."""
        return around.index >= 0 and self.drafts[around.index].node == node

    def _first(self, node: Node) -> tuple[Node, Lead]:
        """What an item is the first in, or itself, with what leads to it."""
        outer, self._outer = self._outer, None
        if outer and outer[0].start_byte <= node.start_byte < node.end_byte <= outer[0].end_byte:
            return outer
        return node, self._lead_of(node)


def _in_order(captures: dict[str, list[Node]]) -> Iterable[tuple[str, Node]]:
    """Captures by position, what holds others before them, each once."""
    for node in captures.pop("shown", ()):
        captures["hidden"] = [hidden for hidden in captures.get("hidden", ()) if hidden != node]
    marks = {
        (node.start_byte, -node.end_byte, _ORDER.get(kind, len(_ORDER)), kind): node
        for kind, nodes in captures.items()
        for node in nodes
    }
    return ((key[-1], marks[key]) for key in sorted(marks))
