"""The facts of a whole snapshot, as `link-code` holds them: packed by file, unpacked when asked for.

A gigabyte of source has some millions of items. What links need of them (names, types, imports) lies compressed in
memory, and the files that were asked for last lie unpacked; texts, calls and spans stay on disk.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

import orjson
import zstandard

from repoloom_stages.facts import Import, IndexedFile, Item
from repoloom_stages.linking.rust_text import RECEIVER

UNPACKED_FILES = 1_000
"""Unpacked, a file of 60 items takes some 100 KB. As many again are kept from before."""

LAST_MEMBERS = 64
"""Fields and parameters of an item that are kept, and its bases; nobody writes more by hand."""

Place = tuple[int, int]
"""Number of a file, and position of an item in it, or -1 for the module that the file is."""


class Symbol(NamedTuple):
    """What links need of an item; see `facts.Item`."""

    kind: str
    name: str
    """Its last part: `method` of `Type::method`."""
    owner: int
    inline: bool
    """Whether it has a body: `mod x { … }` and not `mod x;`."""
    type: str
    bases: list[str]
    returns: str
    members: list[list[str]]
    generics: str
    attributes: list[str]
    test: bool
    of: str
    """Of a function that stands outside its type, the type, and of a module the path before its name: `T` of Go's
    `T.f` and C++'s `T::f`, `A` of C#'s `A.B`."""
    local: bool
    """Whether only its own file can use it: C's `static`."""
    on_value: bool
    """Of a function in Rust, whether it is called on a value: it has a receiver, `self`."""


class Unpacked:
    """A file's symbols and imports, and what of them stands where."""

    def __init__(self, number: int, symbols: list[Symbol], imports: list[Import]) -> None:
        self.number = number
        self.symbols = symbols
        self.shared = [one["path"] for one in imports if one["public"] and one["name"] == "*"]
        """Paths of which all is exported on, or, in C#, had by all files of the project."""
        self.named: dict[tuple[int, str], list[int]] = {}
        """Positions of items by their owner and name; not of functions that stand outside their type."""
        self.outside: dict[tuple[str, str], list[int]] = {}
        """Positions of functions that stand outside their type, by its name and theirs."""
        self.owned: dict[int, list[int]] = {}
        """Positions of items by their owner."""
        self.imported: dict[tuple[int, str], list[str]] = {}
        """Paths by the module that imports them and the name they have there."""
        self.globs: dict[int, list[str]] = {}
        """Paths of which a module imports all."""
        for position, symbol in enumerate(symbols):
            if symbol.of and symbol.kind == "function":
                self.outside.setdefault((symbol.of, symbol.name), []).append(position)
            else:
                self.named.setdefault((symbol.owner, symbol.name), []).append(position)
            self.owned.setdefault(symbol.owner, []).append(position)
        for one in imports:
            if one["name"] == "*":
                self.globs.setdefault(one["owner"], []).append(one["path"].removesuffix("::*"))
            elif one["name"]:
                self.imported.setdefault((one["owner"], one["name"]), []).append(one["path"])

    @cached_property
    def outer(self) -> dict[str, list[int]]:
        """Positions, by name, of items that nothing but modules hold: those of C++'s and C#'s namespaces."""
        found: dict[str, list[int]] = {}
        for (owner, name), positions in self.named.items():
            if owner < 0 or self.module_of(owner) == owner:
                found.setdefault(name, []).extend(positions)
        return found

    def module_of(self, position: int) -> int:
        """Position of the module around an item, -1 at the top of the file; a module is in itself."""
        while position >= 0 and self.symbols[position].kind != "module":
            position = self.symbols[position].owner
        return position


class FileEntry(NamedTuple):
    """A file of the snapshot."""

    path: str
    split: str
    language: str
    crate: str
    module: str
    bytes: int
    first: int
    """Number of its first item among those of all files."""
    items: int


class SnapshotFacts:
    """Files by number, in the order they were added; their items are numbered through."""

    def __init__(self) -> None:
        self.files: list[FileEntry] = []
        self.number_of: dict[str, int] = {}
        """Of the files that others are linked against, by path: those of the training side."""
        self.items = 0
        self._firsts: list[int] = []
        self._packed: list[bytes] = []
        self._recent: dict[int, Unpacked] = {}
        self._older: dict[int, Unpacked] = {}
        self._compressor = zstandard.ZstdCompressor(level=1)
        self._decompressor = zstandard.ZstdDecompressor()

    def add(self, file: IndexedFile, crate: str, module: str, size: int) -> int:
        """Add a file; returns its number."""
        number = len(self.files)
        symbols = [_symbol(item, file["items"], file["language"]) for item in file["items"]]
        imports = [[one["path"], one["name"], one["public"], one["owner"], one["line"]] for one in file["imports"]]
        self._packed.append(self._compressor.compress(orjson.dumps([symbols, imports])))
        self._firsts.append(self.items)
        entry = FileEntry(
            file["path"], file["split"], file["language"], crate, module, size, self.items, len(file["items"])
        )
        self.files.append(entry)
        self.items += entry.items
        return number

    def unpacked(self, number: int) -> Unpacked:
        """A file's symbols."""
        known = self._recent.get(number)
        return self._unpack(number) if known is None else known

    def _unpack(self, number: int) -> Unpacked:
        """Unpack a file, or take it from those that were asked for before the recent ones."""
        if len(self._recent) >= UNPACKED_FILES:
            self._older, self._recent = self._recent, {}
        known = self._older.pop(number) if number in self._older else self._read(number)
        self._recent[number] = known
        return known

    def _read(self, number: int) -> Unpacked:
        symbols, imports = orjson.loads(self._decompressor.decompress(self._packed[number]))
        return Unpacked(
            number,
            [Symbol(*one) for one in symbols],
            [
                Import(path=path, name=name, public=public, owner=owner, line=line)
                for path, name, public, owner, line in imports
            ],
        )

    def symbol(self, place: Place) -> Symbol:
        """The symbol of an item."""
        return self.unpacked(place[0]).symbols[place[1]]

    def item(self, place: Place) -> int:
        """Number of an item among all."""
        return self.files[place[0]].first + place[1]

    def file_of(self, item: int) -> int:
        """Number of the file that holds an item."""
        return bisect_right(self._firsts, item) - 1

    def is_linked_against(self, number: int) -> bool:
        """Whether others are linked against a file."""
        return self.number_of.get(self.files[number].path) == number

    def linked_against(self) -> Iterator[int]:
        """Numbers of the files that others are linked against."""
        yield from self.number_of.values()


def _symbol(item: Item, items: Sequence[Item], language: str) -> list[object]:
    separator = "::" if "::" in item["name"] else "."
    holder = f"{items[item['owner']]['name']}{separator}" if item["owner"] >= 0 else ""
    before, _, name = item["name"].removeprefix(holder).rpartition(separator)
    if language == "rust" or item["kind"] not in ("function", "module"):
        before = ""
    return [
        item["kind"],
        item["type"] if item["kind"] == "impl" else name,
        item["owner"],
        item["body"] < item["end"],
        item["type"],
        item["bases"][:LAST_MEMBERS],
        item["returns"],
        item["members"][:LAST_MEMBERS],
        item["generics"],
        [one for one in item["attributes"] if one.startswith(("path", "macro_export"))],
        item["test"],
        before if item["kind"] == "module" else before.rpartition(separator)[2],
        language in ("c", "cpp") and "static" in item["modifiers"],
        language == "rust" and bool(RECEIVER.search(item["signature"].partition("fn ")[2])),
    ]
