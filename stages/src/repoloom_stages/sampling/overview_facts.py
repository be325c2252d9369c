"""What overviews show of a file: its documentation, what it takes and gives on, and the signatures that others can use.

`code_overviews` gathers them by module and crate; how they are written, `overview_text` says.
"""

import re
from collections import Counter
from typing import TypedDict

from repoloom_stages.facts import IndexedFile, Item
from repoloom_stages.links import LinkedFile, PlacedFile
from repoloom_stages.records import Origin

MAX_DOC_CHARACTERS = 200
MAX_SIGNATURE_CHARACTERS = 400
"""The value of a constant can be any length."""

_SENTENCE = re.compile(r"(.+?(?<!\bi\.e)(?<!\be\.g)(?<!\betc)(?<!\bvs)[.!?])(\s|$)")

_IN_OTHERS = frozenset({"function", "macro", "enum"})
"""What holds items that are shown with it, or not at all."""

_PROMISING = frozenset({"interface", "trait"})
"""What holds functions that can be used where it can."""


class Shown(TypedDict):
    """An item that an overview shows."""

    kind: str
    signature: str
    of: str
    """The type or module that holds it; empty at the top of a file."""
    doc: str
    rank: int
    id: str
    origin: Origin


class FileOverview(TypedDict):
    """A file, as overviews show it."""

    path: str
    language: str
    doc: str
    imports: list[str]
    """Paths as written."""
    exports: list[str]
    """Paths that it gives on, as written."""
    imported_files: list[str]
    items: list[Shown]
    hidden: dict[str, int]
    """Items that only the file itself can use, by kind."""
    parsed: bool


def overview_of(facts: IndexedFile, place: PlacedFile, links: LinkedFile) -> FileOverview:
    """What is shown of a file; tests are none of it."""
    items, hidden = [], Counter[str]()
    opened = _exports_by_assignment(facts)
    for position, item in enumerate(facts["items"]):
        holder = facts["items"][item["owner"]] if item["owner"] >= 0 else None
        if item["test"] or _is_shown_within(item, holder) or _is_inherent(item) or _is_given(item, holder):
            continue
        asked = holder if holder and holder["kind"] in _PROMISING else item
        if not (opened or is_public(asked, facts["language"])):
            hidden[item["kind"]] += 1
            continue
        linked = links["items"][position]
        items.append(
            Shown(
                kind=item["kind"],
                signature=_shortened(item["signature"], MAX_SIGNATURE_CHARACTERS),
                of=_holder_name(holder),
                doc=first_sentence(item["doc"]),
                rank=linked["rank"],
                id=linked["id"],
                origin=Origin(
                    path=place["path"],
                    blob=facts["blob"],
                    start=item["start_line"],
                    end=item["end_line"],
                    sha256=item["sha256"],
                ),
            )
        )
    return FileOverview(
        path=place["path"],
        language=facts["language"],
        doc=facts["doc"],
        imports=sorted({_module(one["path"]) for one in facts["imports"] if not one["public"]}),
        exports=sorted({_module(one["path"]) for one in facts["imports"] if one["public"]}),
        imported_files=links["imports"],
        items=items,
        hidden=dict(sorted(hidden.items())),
        parsed=facts["parsed"],
    )


def is_public(item: Item, language: str) -> bool:
    """Whether other files can use an item, by what its language goes by."""
    name = re.split(r"[.:]", item["name"])[-1]
    if item["kind"] == "impl":
        return True
    if language == "python":
        return not name.startswith("_")
    if language == "go":
        return name[:1].isupper()
    if language in ("c", "cpp"):
        return "static" not in item["modifiers"]
    return item["visibility"].split("(")[0] in ("pub", "public", "export") or "macro_export" in item["attributes"]


def _module(path: str) -> str:
    """An import's path without the name in it that JavaScript's may have."""
    return path.partition("#")[0] or path


def _exports_by_assignment(facts: IndexedFile) -> bool:
    """Whether a file of JavaScript exports nothing in declarations: which items it assigns away is not known."""
    return facts["language"] == "javascript" and not any(item["visibility"] for item in facts["items"])


def _is_shown_within(item: Item, holder: Item | None) -> bool:
    """Whether an item is shown with what holds it, or not at all."""
    if holder is None:
        return False
    return holder["kind"] in _IN_OTHERS or (holder["kind"] in _PROMISING and item["kind"] != "function")


def _is_inherent(item: Item) -> bool:
    """An impl without a trait: its methods are shown, and say whose they are."""
    return item["kind"] == "impl" and not item["bases"]


def _is_given(item: Item, holder: Item | None) -> bool:
    """What an impl of a trait holds: the trait says that."""
    return holder is not None and holder["kind"] == "impl" and bool(holder["bases"]) and item["kind"] != "impl"


def _holder_name(holder: Item | None) -> str:
    if holder is None:
        return ""
    return holder["type"] or holder["name"]


def first_sentence(text: str) -> str:
    """The first sentence of a documentation, or as many words of it as fit."""
    found = _SENTENCE.match(text)
    sentence = found[1] if found else text
    return _shortened(sentence, MAX_DOC_CHARACTERS)


def _shortened(text: str, limit: int) -> str:
    """As many words of a text as fit."""
    return text if len(text) <= limit else text[:limit].rpartition(" ")[0] + " …"
