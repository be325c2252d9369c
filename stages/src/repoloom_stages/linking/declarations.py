"""Declarations of C and C++: which definition a function means that a header, or a line above its use, only declares.

A call is resolved to what its file sees; here that becomes the function with a body, wherever in the snapshot it is.
Functions that are `static`, and those of held-out files, are looked for in their own file alone.
"""

from array import array

from repoloom_stages.facts import IndexedFile, Item
from repoloom_stages.linking.source_imports import HEADERS

_ANYWHERE = -1
_SEVERAL = -1


class Declarations:
    """Functions by their item's number. Memory holds some numbers for each, no name."""

    def __init__(self) -> None:
        self._declared = array("q")
        """For each declaration its item's number, and its keys from the likeliest on."""
        self._defined: dict[int, int] = {}
        """Definitions by key; several of one key are none."""
        self._meant: dict[int, int] = {}

    def add(self, number: int, first: int, file: IndexedFile, *, training: bool) -> None:
        """Take in a file by its number and that of its first item."""
        if file["language"] not in HEADERS:
            return
        for position, item in enumerate(file["items"], start=first):
            if item["kind"] != "function":
                continue
            if item["body"] >= item["end"]:
                self._declared.extend((position, *_keys(number, item), *_keys(_ANYWHERE, item)))
                continue
            own = not training or "static" in item["modifiers"]
            for key in (*_keys(number, item), *(() if own else _keys(_ANYWHERE, item))):
                self._defined[key] = position if self._defined.get(key, position) == position else _SEVERAL

    def settle(self) -> None:
        """Find every declaration's definition; all files have been added."""
        for start in range(0, len(self._declared), 5):
            item, *keys = self._declared[start : start + 5]
            found = next((one for key in keys if (one := self._defined.get(key, _SEVERAL)) != _SEVERAL), None)
            if found is not None:
                self._meant[item] = found
        self._defined.clear()
        del self._declared[:]

    def definition_of(self, item: int) -> int:
        """The definition that a declaration means; any other item, and what is defined nowhere or twice, is itself."""
        return self._meant.get(item, item)


def _keys(file: int, item: Item) -> tuple[int, int]:
    """By name alone, and with the types of its parameters, which tell functions of one name apart."""
    return hash((file, item["name"])), hash((file, item["name"], *(type_ for _, type_ in item["members"])))
