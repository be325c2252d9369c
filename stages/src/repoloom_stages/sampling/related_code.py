"""Items that are related across files: a type and its implementations, a trait and its implementors, uses elsewhere.

It gathers what it needs of each file as the files come by, and relates it when all have. Types and traits are found by
`definitions`, uses by the links. Implementations and uses wait in a scratch file, and what is related is numbers:
pieces of a whole source in memory take more than its text.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from repoloom_stages.facts import Item
from repoloom_stages.links import GraphItem
from repoloom_stages.record_files import read_records
from repoloom_stages.runtime.scratch import Scratch
from repoloom_stages.sampling.code_file import CodeFile
from repoloom_stages.sampling.definitions import DEFINING, Definitions, Reference, Scope
from repoloom_stages.sampling.group_texts import Piece
from repoloom_stages.sampling.written_names import split_path

TRAITS = frozenset({"trait", "interface"})
TYPES = DEFINING - TRAITS

LEAST_IMPLEMENTATIONS = 2
LEAST_SUBCLASSES = 2

_METHODS_OUTSIDE = frozenset({"cpp", "go"})
"""Languages whose methods have their bodies outside their type."""

_TYPES, _TRAITS = 1, 2
"""Where an implementation, as it is put away, has the type it is for, and what it names."""


@dataclass(frozen=True)
class Related:
    """An item, and others that are about it, by file and place."""

    name: str
    anchor: Piece
    others: list[Piece]


class Implementations:
    """What implements what: impls, and classes that name what they implement. All files are seen before any is related.

    The scratch file is this one's alone.
    """

    def __init__(self, scratch: Scratch) -> None:
        self._scratch = scratch
        self._definitions = Definitions[int]()
        """Numbers in the scratch file, where their pieces are."""
        self._found = array("I")
        """Numbers there too: of each implementation its piece, the type it is for if it is an impl, and what it names.
        """

    def see(self, number: int, file: CodeFile) -> None:
        """Take in a file, known by its number in the scratch file of texts."""
        scope = Scope(file)
        for item in file.facts["items"]:
            piece = piece_of(number, item)
            if item["kind"] in DEFINING:
                self._definitions.add(scope.before, item["name"], self._scratch.put([*piece]))
            types = _implemented(item, file.facts["items"], file.facts["language"])
            if types or (item["bases"] and item["kind"] not in TRAITS):
                named = ([one for one in map(scope.reference, names) if one] for names in (types, item["bases"]))
                self._found.append(self._scratch.put([[*piece], *named]))

    def collections(self) -> Iterator[Related]:
        """Types with their implementations, where there are two or more."""
        for related in self._related(_TYPES, TYPES):
            if len(related.others) >= LEAST_IMPLEMENTATIONS:
                yield related

    def ecosystems(self) -> Iterator[Related]:
        """Traits and interfaces with all that implement them; classes with those below them if these are several."""
        for related in self._related(_TRAITS, TRAITS | {"class"}):
            if related.anchor.kind in TRAITS or len(related.others) >= LEAST_SUBCLASSES:
                yield related

    def _related(self, named: int, kinds: frozenset[str]) -> Iterator[Related]:
        related: dict[int, array[int]] = {}
        for number in self._found:
            found = self._scratch.get(number)
            for reference in found[named]:
                anchor = self._definitions.find(Reference.read(reference))
                if anchor is not None and self._is_other(anchor, kinds, found[0]):
                    related.setdefault(anchor, array("I")).append(number)
        for anchor, others in related.items():
            pieces = (Piece(*self._scratch.get(number)[0]) for number in others)
            about = Piece(*self._scratch.get(anchor))
            yield Related(about.name, about, list(dict.fromkeys(pieces)))

    def _is_other(self, definition: int, kinds: frozenset[str], implementation: list[int | str]) -> bool:
        """Whether a definition is of one of these kinds, and not the implementation itself."""
        found = self._scratch.get(definition)
        return Piece(*found).kind in kinds and found != implementation


class CrossCrateUses:
    """Items with the functions of other crates that call them. The scratch file is this one's alone."""

    def __init__(self, scratch: Scratch) -> None:
        self._scratch = scratch
        self._called = array("I")
        """Numbers in the scratch file: pieces, each with what calls it from elsewhere."""
        self._crates: dict[int, str] = {}
        self._numbers: dict[str, int] = {}

    def see(self, number: int, file: CodeFile) -> None:
        """Take in a training file with its links, known by its number in the scratch file of texts."""
        self._crates[number] = file.place["crate"]
        self._numbers[file.about["path"]] = number
        links = file.links["items"] if file.links else []
        for item, link in zip(file.facts["items"], links, strict=True):
            root = split_path(link["id"])[:1]
            elsewhere = [caller for caller in link["callers"] if split_path(caller)[:1] != root]
            if elsewhere:
                self._called.append(self._scratch.put([[*piece_of(number, item)], elsewhere]))

    def uses(self, graph: Path) -> Iterator[Related]:
        """Every item that other crates use; `graph` is the folder of the whole snapshot's links."""
        places = self._places(graph)
        for number in self._called:
            found, callers = self._scratch.get(number)
            piece = Piece(*found)
            users = (places[caller] for caller in callers)
            others = [user for user in users if user and self._crates[user.file] != self._crates[piece.file]]
            if others:
                yield Related(piece.name, piece, others)

    def _places(self, graph: Path) -> dict[str, Piece | None]:
        """Where the callers stand, by id; None for what is in no file that was seen."""
        places: dict[str, Piece | None] = {}
        for number in self._called:
            places.update(dict.fromkeys(self._scratch.get(number)[1]))
        for item in _items(graph):
            if item["id"] in places:
                places[item["id"]] = self._user(item)
        return places

    def _user(self, item: GraphItem) -> Piece | None:
        number = self._numbers.get(item["path"])
        if number is None:
            return None
        name = split_path(item["id"])[-1]
        return Piece(number, item["start"], item["end"], item["end"] - item["start"], item["kind"], name)


def _items(graph: Path) -> Iterator[GraphItem]:
    return read_records(graph / "items.jsonl.zst")


def _implemented(item: Item, items: Sequence[Item], language: str) -> list[str]:
    """The type that an impl is for, or whose method stands outside it: `T` of Go's `T.f` and C++'s `T::f`."""
    if item["kind"] == "impl":
        return [item["type"]]
    if item["kind"] != "function" or item["body"] >= item["end"] or language not in _METHODS_OUTSIDE:
        return []
    holder = items[item["owner"]]["name"] if item["owner"] >= 0 else ""
    of = item["name"].rpartition("::" if language == "cpp" else ".")[0]
    return [of] if of != holder else []


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
