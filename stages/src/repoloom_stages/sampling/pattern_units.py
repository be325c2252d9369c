"""From matches to stretches of a file: the item alone, or with as much around it as the pattern's context says."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, TypedDict

from repoloom_api.v1alpha1.recipes import Context, HeaderField, Pattern
from repoloom_stages.facts import IndexedFile
from repoloom_stages.sampling.code_file import CodeFile
from repoloom_stages.sampling.macro_calls import macro_calls
from repoloom_stages.sampling.pattern_matches import Found
from repoloom_stages.sampling.samples import Unit

HOLDERS = frozenset({"module", "class"})

MAX_NAME_CHARACTERS = 200


class Place(TypedDict):
    """A stretch of a file, in bytes."""

    name: str
    kind: str
    start: int
    end: int


class Matched(TypedDict):
    """A match, with what its context needs, as it is kept in the scratch file."""

    pattern: int
    """Position of the pattern in the recipe."""
    id: str
    """Of the item in the links; empty for calls."""
    place: Place
    """The item; of a macro's call, what is known before the file is parsed: the macro's name."""
    doc: str
    part_of: str
    """Signature of the impl, trait, class or interface that holds the item."""
    line: int
    """Of a macro's call; else 0."""
    holder: Place | None
    """The innermost module or class around it."""


def matched(pattern: int, found: Found, file: CodeFile) -> Matched:
    """A match as it is kept."""
    items = file.facts["items"]
    if found.line:
        place = Place(name=found.names[0], kind="macro", start=0, end=0)
        return Matched(
            pattern=pattern,
            id="",
            place=place,
            doc="",
            part_of="",
            line=found.line,
            holder=_holder(file.facts, found.item),
        )
    item = items[found.item]
    return Matched(
        pattern=pattern,
        id=file.links["items"][found.item]["id"] if file.links else "",
        place=_place_of(file.facts, found.item),
        doc=item["doc"],
        part_of=file.part_of(item),
        line=0,
        holder=_holder(file.facts, item["owner"]),
    )


def _place_of(facts: IndexedFile, position: int) -> Place:
    item = facts["items"][position]
    return Place(name=item["name"], kind=item["kind"], start=item["start"], end=item["end"])


def _holder(facts: IndexedFile, position: int) -> Place | None:
    while position >= 0:
        if facts["items"][position]["kind"] in HOLDERS:
            return _place_of(facts, position)
        position = facts["items"][position]["owner"]
    return None


class _Stretch(NamedTuple):
    start: int
    end: int
    names: Sequence[str]
    kind: str = ""
    doc: str = ""
    part_of: str = ""


def units(pattern: Pattern, matches: Sequence[Matched], file: CodeFile) -> Iterator[Unit]:
    """What a pattern makes of its matches in a file, in order."""
    for one in _stretches(pattern.context, _located(matches, file), file):
        yield Unit(
            granularity=pattern.name,
            name=", ".join(dict.fromkeys(one.names))[:MAX_NAME_CHARACTERS],
            start=one.start,
            end=one.end,
            facts={
                HeaderField.PATTERN: pattern.name,
                HeaderField.KIND: one.kind,
                HeaderField.DOC: one.doc,
                HeaderField.HOLDER: one.part_of,
            },
        )


def _located(matches: Sequence[Matched], file: CodeFile) -> list[Matched]:
    """The matches with their places. The file is parsed if some are calls of macros."""
    calls = [(one["line"], one["place"]["name"]) for one in matches if one["line"]]
    spans = iter(macro_calls(file, calls) if calls else ())
    located = []
    for one in matches:
        if one["line"]:
            start, end = next(spans)
            located.append(Matched(**{**one, "place": Place(**{**one["place"], "start": start, "end": end})}))
        else:
            located.append(one)
    return located


def _stretches(context: Context, matches: Sequence[Matched], file: CodeFile) -> list[_Stretch]:
    whole = len(file.source)
    if context.file:
        return [_Stretch(0, whole, (), "file")] if matches else []
    if context.module:
        file_place = Place(name="", kind="file", start=0, end=whole)
        holders = (one["holder"] or file_place for one in matches)
        names = (_Stretch(one["start"], one["end"], _named(one), one["kind"]) for one in holders)
        return _merged(names, touching=False)
    if context.lines is not None:
        around = context.lines
        return _merged((_widened(one["place"], around, file) for one in matches), touching=True)
    places = (
        _Stretch(it["start"], it["end"], _named(it), it["kind"], one["doc"], one["part_of"])
        for one in matches
        for it in [one["place"]]
    )
    return list({(one.start, one.end): one for one in reversed(list(places))}.values())[::-1]


def _named(place: Place) -> tuple[str, ...]:
    return (place["name"],) if place["name"] else ()


def _widened(place: Place, lines: int, file: CodeFile) -> _Stretch:
    """A stretch with so many lines before and after those it stands on."""
    source, start, end = file.source, place["start"], place["end"]
    start = source.rfind(b"\n", 0, start) + 1
    for _ in range(lines):
        if start == 0:
            break
        start = source.rfind(b"\n", 0, start - 1) + 1
    end = source.find(b"\n", max(0, end - 1)) + 1 or len(source)
    for _ in range(lines):
        if end == len(source):
            break
        end = source.find(b"\n", end) + 1 or len(source)
    return _Stretch(start, end, _named(place))


def _merged(stretches: Iterable[_Stretch], *, touching: bool) -> list[_Stretch]:
    """Stretches in order, those that overlap (or touch) as one."""
    merged: list[_Stretch] = []
    names: list[str] = []
    for one in sorted(stretches, key=lambda one: (one.start, -one.end)):
        last = merged[-1] if merged else None
        if last and (one.start < last.end or (touching and one.start == last.end)):
            names += () if last.kind else one.names
            merged[-1] = last._replace(end=max(last.end, one.end), names=names)
        else:
            names = [*one.names]
            merged.append(one._replace(names=names))
    return merged
