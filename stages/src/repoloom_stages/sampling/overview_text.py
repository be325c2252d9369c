"""How overviews are written: lines of Markdown below headings, each line with the items that it shows.

Every line stands by itself, so an overview can be cut between any two; a part repeats the headings that it is under.
"""

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from repoloom_stages.links import Crate
from repoloom_stages.records import Origin
from repoloom_stages.sampling.ascii_tree import draw_graph
from repoloom_stages.sampling.overview_facts import FileOverview, Shown

WIDTH = 100

KINDS = {
    "struct": "Types",
    "enum": "Types",
    "class": "Types",
    "type": "Types",
    "trait": "Traits and interfaces",
    "interface": "Traits and interfaces",
    "impl": "Implementations",
    "function": "Functions",
    "macro": "Macros",
    "const": "Constants",
}
"""Headings of items by kind, in the order shown. Modules have overviews of their own."""


_PACKAGES = {"cargo": "Crate"}
"""What a kind of package is called, if not that."""


class Line(NamedTuple):
    """A line of an overview."""

    headings: tuple[str, ...]
    """That it stands under, the title first."""
    text: str
    origins: tuple[Origin, ...] = ()


@dataclass
class ModuleOverview:
    """Files that are one module."""

    name: str
    crate: str
    layer: str
    files: list[FileOverview] = field(default_factory=list)

    @property
    def doc(self) -> str:
        """The first documentation of its files."""
        return next((file["doc"] for file in self.files if file["doc"]), "")


def render(lines: Iterable[Line]) -> str:
    """Lines as a text, with each heading where it changes."""
    text = ""
    above: tuple[str, ...] = ()
    for headings, line, _ in lines:
        for depth, heading in enumerate(headings, start=1):
            if headings[:depth] != above[:depth]:
                gap = "\n" if text and not text.endswith("\n\n") else ""
                text += f"{gap}{'#' * depth} {heading}\n\n"
        text += f"{line}\n"
        above = headings
    return text


def module_lines(module: ModuleOverview, imported: Iterable[str]) -> Iterator[Line]:
    """A module: what it takes from others, `imported` modules of the repository among it, gives on, and has."""
    title = f"Module {module.name or '/'}"
    if module.doc:
        yield from _paragraph((title,), module.doc)
    yield from _listed((title, "Files"), [file["path"] for file in module.files])
    yield from _listed((title, "Imports from this repository"), sorted(set(imported)))
    yield from _listed((title, "Imports"), sorted({path for file in module.files for path in file["imports"]}))
    yield from _listed((title, "Exports"), sorted({path for file in module.files for path in file["exports"]}))
    items = [item for file in module.files for item in file["items"]]
    yield from _items((title,), items)
    hidden = sum((Counter(file["hidden"]) for file in module.files), Counter[str]())
    if hidden:
        counted = ", ".join(f"{kind}: {number}" for kind, number in sorted(hidden.items()))
        yield Line((title, "Private"), f"- {counted}")


def crate_lines(
    crate: Crate, modules: Iterable[ModuleOverview], needs: Mapping[str, Sequence[str]], users: Iterable[str]
) -> Iterator[Line]:
    """A crate: what it is for, what it needs (`needs`, of every crate) and what needs it, and what others can use."""
    title = f"{_PACKAGES.get(crate['kind'], 'Package')} {crate['name']}"
    yield from _paragraph((title,), crate["purpose"])
    yield Line((title,), _size(crate))
    yield from _listed((title, "Features"), crate["features"])
    if needs.get(crate["name"]):
        lines = draw_graph([crate["name"]], needs)
        yield from (Line((title, "Dependencies in this repository"), f"    {line}") for line in lines)
    yield from _listed((title, "Dependencies for its tests"), crate["dev_dependencies"])
    yield from _listed((title, "Needed by"), users)
    yield from _listed((title, "Dependencies from elsewhere"), crate["external"])
    for module in modules:
        heading = (title, "Modules", module.name)
        if module.doc:
            yield from _paragraph(heading, module.doc)
        for file in module.files:
            yield from (_item(heading, item) for item in file["items"] if item["kind"] in KINDS)


def repository_lines(
    name: str,
    crates: Sequence[Crate],
    roots: Iterable[str],
    needs: Mapping[str, Sequence[str]],
    central: Iterable[Shown],
) -> Iterator[Line]:
    """A repository: its crates, how they need each other, and its most central items."""
    title = f"Repository {name}"
    for crate in sorted(crates, key=lambda one: one["kind"] not in _PACKAGES):
        purpose = f": {crate['purpose']}" if crate["purpose"] else ""
        heading = f"{_PACKAGES.get(crate['kind'], 'Package')}s"
        yield Line((title, heading), f"- {crate['name']}{purpose} {_size(crate)}")
    if any(needs.values()):
        lines = draw_graph(roots, needs)
        yield from (Line((title, "Dependencies"), f"    {line}") for line in lines)
    yield from (_item((title, "Central items"), item) for item in central)


def _size(crate: Crate) -> str:
    where = crate["folder"] or "the root"
    return f"({where}; {crate['files']} files, {crate['bytes']} bytes)"


def _items(headings: tuple[str, ...], items: Sequence[Shown]) -> Iterator[Line]:
    for heading in dict.fromkeys(KINDS.values()):
        for item in items:
            if KINDS.get(item["kind"]) == heading:
                yield _item((*headings, heading), item)


def _item(headings: tuple[str, ...], item: Shown) -> Line:
    marks = "``" if "`" in item["signature"] else "`"
    of = f" of {item['of']}" if item["of"] else ""
    doc = f": {item['doc']}" if item["doc"] else ""
    return Line(headings, f"- {marks}{item['signature']}{marks}{of}{doc}", (item["origin"],))


def _paragraph(headings: tuple[str, ...], text: str) -> Iterator[Line]:
    yield from (Line(headings, line) for line in _wrapped(text))


def _listed(headings: tuple[str, ...], names: Iterable[str]) -> Iterator[Line]:
    """Names in a row, as few lines as they fit on."""
    names = list(names)
    if names:
        yield from (Line(headings, line) for line in _wrapped(", ".join(names)))


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False)
