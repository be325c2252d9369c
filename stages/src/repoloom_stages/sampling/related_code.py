"""Items that are related across files: a type and its implementations, a trait and its implementors, uses elsewhere.

It gathers what it needs of each file as the files come by, and relates it when all have. Types and traits are found by
`definitions`, uses by the links.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from repoloom_stages.facts import Item
from repoloom_stages.links import GraphItem
from repoloom_stages.records import read_records
from repoloom_stages.sampling.code_file import CodeFile
from repoloom_stages.sampling.definitions import DEFINING, Definitions, Reference, Scope
from repoloom_stages.sampling.group_texts import Piece
from repoloom_stages.sampling.written_names import split_path

TRAITS = frozenset({"trait", "interface"})
TYPES = DEFINING - TRAITS

LEAST_IMPLEMENTATIONS = 2


@dataclass(frozen=True)
class Related:
    """An item, and others that are about it, by file and place."""

    name: str
    anchor: Piece
    others: list[Piece]


@dataclass(frozen=True, slots=True)
class _Implementation:
    piece: Piece
    type: Reference | None
    traits: tuple[Reference, ...]


@dataclass
class Implementations:
    """What implements what: impls, and classes that name what they implement."""

    _definitions: Definitions[Piece] = field(default_factory=Definitions)
    _found: list[_Implementation] = field(default_factory=list)

    def see(self, number: int, file: CodeFile) -> None:
        """Take in a file, known by its number in the scratch file."""
        scope = Scope(file)
        for item in file.facts["items"]:
            piece = piece_of(number, item)
            if item["kind"] in DEFINING:
                self._definitions.add(scope.home, item["name"], piece)
            if item["kind"] == "impl" or (item["bases"] and item["kind"] not in TRAITS):
                written = scope.reference(item["type"]) if item["kind"] == "impl" else None
                bases = (scope.reference(base) for base in item["bases"])
                self._found.append(_Implementation(piece, written, tuple(base for base in bases if base)))

    def collections(self) -> Iterator[Related]:
        """Types with their implementations, where there are two or more."""
        named = ((one.piece, [one.type] if one.type else []) for one in self._found)
        for related in self._related(named, TYPES):
            if len(related.others) >= LEAST_IMPLEMENTATIONS:
                yield related

    def ecosystems(self) -> Iterator[Related]:
        """Traits and interfaces with all that implement them."""
        return self._related(((one.piece, one.traits) for one in self._found), TRAITS)

    def _related(self, named: Iterable[tuple[Piece, Iterable[Reference]]], kinds: frozenset[str]) -> Iterator[Related]:
        related: dict[Piece, dict[Piece, None]] = {}
        for piece, references in named:
            for reference in references:
                anchor = self._definitions.find(reference)
                if anchor and anchor.kind in kinds and anchor != piece:
                    related.setdefault(anchor, {})[piece] = None
        for anchor, others in related.items():
            yield Related(anchor.name, anchor, list(others))


@dataclass
class CrossCrateUses:
    """Items with the functions of other crates that call them."""

    _called: dict[Piece, tuple[str, ...]] = field(default_factory=dict)
    _crates: dict[int, str] = field(default_factory=dict)
    _numbers: dict[str, int] = field(default_factory=dict)

    def see(self, number: int, file: CodeFile) -> None:
        """Take in a training file with its links, known by its number in the scratch file."""
        self._crates[number] = file.place["crate"]
        self._numbers[file.about["path"]] = number
        links = file.links["items"] if file.links else []
        for item, link in zip(file.facts["items"], links, strict=True):
            root = split_path(link["id"])[:1]
            elsewhere = tuple(caller for caller in link["callers"] if split_path(caller)[:1] != root)
            if elsewhere:
                self._called[piece_of(number, item)] = elsewhere

    def uses(self, graph: Path) -> Iterator[Related]:
        """Every item that other crates use; `graph` is the folder of the whole snapshot's links."""
        wanted = {caller for callers in self._called.values() for caller in callers}
        places = {item["id"]: item for item in _items(graph) if item["id"] in wanted}
        for piece, callers in self._called.items():
            users = (self._user(places[caller]) for caller in callers if caller in places)
            others = [user for user in users if user and self._crates[user.file] != self._crates[piece.file]]
            if others:
                yield Related(piece.name, piece, others)

    def _user(self, item: GraphItem) -> Piece | None:
        number = self._numbers.get(item["path"])
        if number is None:
            return None
        name = split_path(item["id"])[-1]
        return Piece(number, item["start"], item["end"], item["end"] - item["start"], item["kind"], name)


def _items(graph: Path) -> Iterator[GraphItem]:
    return read_records(graph / "items.jsonl.zst")


def piece_of(number: int, item: Item) -> Piece:
    """An item of a file as a piece of a group."""
    start, end = item["start"], item["end"]
    return Piece(number, start, end, end - start, item["kind"], item["name"])


def in_source_order(pieces: Iterable[Piece], path: Callable[[int], str]) -> list[Piece]:
    """Pieces by path and place; what lies within another is shown with that."""
    shown: list[Piece] = []
    for piece in sorted(pieces, key=lambda one: (path(one.file), one.start, -one.end)):
        if not shown or shown[-1].file != piece.file or shown[-1].end < piece.end:
            shown.append(piece)
    return shown
