"""Which items of a file a pattern means, and by which names: `recipes.Match` applied to facts."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from repoloom_api.v1alpha1.recipes import Granularity, Match
from repoloom_stages.facts import Call, IndexedFile, Item
from repoloom_stages.sampling.written_names import NamePatterns, listed

MACRO = "macro"

Names = tuple[str, ...]
"""By what a match matched: names without path and arguments, each once."""


@dataclass(frozen=True)
class Found:
    """An item, or the call of a macro, that a pattern means."""

    item: int
    """Position of the item among the file's; of a call, of the item it stands in, or -1."""
    line: int
    """Of a macro's call; 0 for items."""
    names: Names


CallsByItem = Mapping[int, Sequence[Call]]
"""A file's calls by the position of the item that calls."""

Field = Callable[[Item, Sequence[Call]], Names | None]
"""What of an item, with its calls, a field of a match matches; None where it does not."""


def calls_by_item(file: IndexedFile) -> CallsByItem:
    """The calls of a file, for `Matcher`."""
    calls: defaultdict[int, list[Call]] = defaultdict(list)
    for call in file["calls"]:
        calls[call[0]].append(call)
    return calls


class Matcher:
    """One pattern's match."""

    def __init__(self, match: Match) -> None:
        self._macros = NamePatterns(match.macros) if match.macros else None
        # In this order: the first that matches gives the names that `mostFrequent` counts.
        self._fields = [
            *_names(match.implements, _implemented),
            *_names(match.attributes, lambda item, _: item["attributes"]),
            *_names(match.calls, lambda _, calls: [name for _, _, how, name, _ in calls if how != MACRO]),
            *_names(match.returns, _returned),
            *_names(match.functions, lambda item, _: [item["name"]] if _is_function(item) else []),
            *_names(match.modifiers, lambda item, _: item["modifiers"] if _is_function(item) else []),
            *_kinds(match.items),
        ]

    def found(self, file: IndexedFile, calls: CallsByItem) -> Iterator[Found]:
        """Everything in a file, whose calls are these, that the pattern means."""
        if self._macros is None:
            yield from self._items(file, calls)
        elif not self._fields:  # no item is the call of a macro, and no call an item
            yield from self._calls(file, self._macros)

    def _calls(self, file: IndexedFile, macros: NamePatterns) -> Iterator[Found]:
        for item, line, how, name, _ in file["calls"]:
            if how == MACRO and (matched := macros.match(name)):
                yield Found(item, line, (matched,))

    def _items(self, file: IndexedFile, calls: CallsByItem) -> Iterator[Found]:
        for position, item in enumerate(file["items"]):
            matched = self._matched(item, calls.get(position, ()))
            if matched is not None:
                yield Found(position, 0, matched)

    def _matched(self, item: Item, calls: Sequence[Call]) -> Names | None:
        names: Names | None = None
        for field in self._fields:
            matched = field(item, calls)
            if matched is None:
                return None
            names = names or matched
        return names


def _names(patterns: Sequence[str] | None, written: Callable[[Item, Sequence[Call]], Sequence[str]]) -> Iterator[Field]:
    """The field of a match that compares names; nothing where it is not set."""
    if patterns is None:
        return
    matcher = NamePatterns(patterns)

    def field(item: Item, calls: Sequence[Call]) -> Names | None:
        matched = dict.fromkeys(matcher.match(one) for one in written(item, calls))
        return tuple(one for one in matched if one) or None

    yield field


def _kinds(kinds: Sequence[Granularity] | None) -> Iterator[Field]:
    """The field `items`; what it matches goes by the item's name."""
    if kinds is None:
        return
    wanted = frozenset(kind.value for kind in kinds)
    anything = NamePatterns(["*"])
    yield lambda item, _: (anything.match(item["name"]) or item["name"],) if item["kind"] in wanted else None


def _is_function(item: Item) -> bool:
    return item["kind"] == Granularity.FUNCTION


def _implemented(item: Item, _: Sequence[Call]) -> Sequence[str]:
    """What an item implements; what a trait or interface extends it does not implement."""
    return () if item["kind"] in (Granularity.TRAIT, Granularity.INTERFACE) else item["bases"]


def _returned(item: Item, _: Sequence[Call]) -> Sequence[str]:
    return listed(item["returns"]) if _is_function(item) else ()
