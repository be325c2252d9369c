"""Stage `code-contrasts`: pairs of a right and a wrong piece of code, for a preference trainer, on one shard.

The prompt is a function up to its body, the chosen answer its body. The rejected one is wrong for a reason that the
index knows: it calls what no file of the snapshot has, it calls a sibling that takes other arguments, or it is the body
of another function. Which mistake a function gets follows from its id.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import islice

from repoloom_api.catalogue import CodeContrastsParams
from repoloom_api.v1alpha1.recipes import Header, HeaderField, HeaderFields, Shape
from repoloom_stages.facts import Item
from repoloom_stages.linking.rust_text import RECEIVER
from repoloom_stages.links import GraphItem, LinkedItem
from repoloom_stages.runtime.stage import Inputs, Outputs
from repoloom_stages.sampling.code_file import CodeFile
from repoloom_stages.sampling.headers import file_facts, frame_of
from repoloom_stages.sampling.neighbourhood import Neighbourhood, is_constructor, name_of, owner_of, parameters_of
from repoloom_stages.sampling.other_bodies import OtherBodies
from repoloom_stages.sampling.pairs import Pair, write_pairs

KIND = "code-contrast"

NO_MISTAKE = "no-mistake"
"""Why a function makes no pair: nothing in it could be made wrong with certainty."""

_WORD = re.compile(r"\w+")
_WORD_EDGE = re.compile(r"\b")
_CALL = re.compile(r"\s*(?:::<[^>]{0,1000}>)?\(")
"""What follows a name where it is called. Without the bound, a body of nothing but `f::<` takes hours."""

_QUALIFIER = re.compile(r"([\w>]{1,100})\s{0,10}::\s{0,10}\Z")
"""What a path has before its last name."""

_NAME_PART = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+")

MAX_QUALIFIER_CHARACTERS = 120

LEAST_WORD_CHARACTERS = 3

MAX_INVENTED = 20
"""Names that are tried for a call."""

MAX_CALLS = 500
MAX_SIBLINGS = 500
"""Calls of one function that are looked at, and in their place siblings: a generated function calls thousands, each of
which has thousands."""

CAMEL_CASE = frozenset({"csharp", "go", "java", "javascript", "tsx", "typescript"})
"""Languages that join the words of a function's name by a capital."""

HEADER = Header(comment=HeaderFields(fields=(HeaderField.FILE, HeaderField.HOLDER)))


def run(params: CodeContrastsParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write `records/` and `ids/` of the roles `files`, `index`, `places`, `links`, `graph` and `tokenizer`.

    Counted are functions with a body; a file that `keep` leaves out counts as one.
    """
    write_pairs(
        params, Shape.PREFERENCE, KIND, inputs, outputs, lambda file, neighbours: _pairs(file, neighbours, outputs)
    )


def _pairs(file: CodeFile, neighbours: Neighbourhood, outputs: Outputs) -> Iterator[Pair]:
    assert file.links is not None  # the planner gives this stage links
    mistakes = _Mistakes(file, neighbours)
    for position, (item, linked) in enumerate(zip(file.facts["items"], file.links["items"], strict=True)):
        if item["kind"] != "function" or item["test"] or item["body"] >= item["end"]:
            continue
        reason = file.why_not(item["start"], item["end"])
        mistake = None if reason else mistakes.of(position, linked)
        if mistake is None:
            outputs.take()
            outputs.drop(reason or NO_MISTAKE)
        else:
            yield _pair(file, item, linked, *mistake)


def _pair(file: CodeFile, item: Item, linked: LinkedItem, kind: str, rejected: str) -> Pair:
    language = file.about["language"]
    facts = {**file_facts(file.place, language), HeaderField.HOLDER: file.part_of(item)}
    before = frame_of(HEADER, facts, language).before
    prompt = before + file.code(item["start"], item["body"])
    answer = file.code(item["body"], item["end"])
    return Pair(
        kind=kind,
        name=linked["id"],
        prompt=prompt,
        answer=answer,
        origins=[file.origin(item["start"], item["end"])],
        code=(len(before), len(prompt) + len(answer)),
        novel=file.novel(item["start"], item["end"]),
        rejected=rejected,
    )


class _Mistakes:
    """What can be wrong in the functions of one file: for each a kind of mistake, and the wrong body."""

    def __init__(self, file: CodeFile, neighbours: Neighbourhood) -> None:
        self._file = file
        self._neighbours = neighbours

    @cached_property
    def _bodies(self) -> OtherBodies:
        return OtherBodies(self._file)

    @cached_property
    def _words(self) -> frozenset[str]:
        """All words of the file."""
        return frozenset(found[0] for found in _WORD.finditer(self._file.about["text"]))

    def of(self, position: int, linked: LinkedItem) -> tuple[str, str] | None:
        """The first that can be made, beginning with one that the id chooses."""
        ways = (self._invented_call, self._sibling_call, self._other_body)
        first = _number(linked["id"]) % len(ways)
        made = (way(position, linked) for way in (*ways[first:], *ways[:first]))
        return next((one for one in made if one is not None), None)

    @cached_property
    def _last_words(self) -> list[str]:
        """The last words of the names of the file's functions, without those that say little."""
        names = (name_of(item["name"]) for item in self._file.facts["items"] if item["kind"] == "function")
        last = {words[-1].lower() for name in names if (words := _NAME_PART.findall(name))}
        return sorted(word for word in last if len(word) >= LEAST_WORD_CHARACTERS)

    def _invented_call(self, position: int, linked: LinkedItem) -> tuple[str, str] | None:
        """The first resolved call gets a name that its file and neighbourhood do not have."""
        body = _body(self._file, position)
        for called in linked["calls"][:MAX_CALLS]:
            if not _is_called(called, body) or is_constructor(called, self._file.about["language"]):
                continue
            for invented in self._invented_names(name_of(called), linked["id"]):
                if invented not in self._words and not self._neighbours.get(owner_of(called) + invented):
                    return "invented-call", _renamed(body, called, invented)
        return None

    def _invented_names(self, name: str, caller: str) -> Iterator[str]:
        """A name with one more word, joined as the language does.

        The word is that of another function of the file: no ending tells names that are wrong from those that are not.
        """
        words, first = self._last_words, _number(f"{caller}.{name}")
        for number in range(min(len(words), MAX_INVENTED)):
            word = words[(first + number) % len(words)]
            if word not in name.lower():
                yield name + (word.capitalize() if self._file.about["language"] in CAMEL_CASE else f"_{word}")

    def _sibling_call(self, position: int, linked: LinkedItem) -> tuple[str, str] | None:
        """The first resolved call of what has a sibling with another signature, called alike, calls that instead."""
        body = _body(self._file, position)
        for target, other in islice(self._siblings(linked["calls"][:MAX_CALLS], body), MAX_SIBLINGS):
            if _takes_self(other["signature"]) == _takes_self(target["signature"]) and name_of(other["id"]) not in body:
                return "sibling-call", _renamed(body, target["id"], name_of(other["id"]))
        return None

    def _siblings(self, calls: Iterable[str], body: str) -> Iterator[tuple[GraphItem, GraphItem]]:
        """What a body calls, each time with one that has another signature."""
        for called in calls:
            target = self._neighbours.get(called)
            if target and _is_called(called, body):
                yield from ((target, other) for other in self._neighbours.beside(target))

    def _other_body(self, position: int, linked: LinkedItem) -> tuple[str, str] | None:
        """The body of another function of the file, with another signature, that does something and stands as deep."""
        other = self._bodies.choose(position, _number(linked["id"]))
        if other is None:
            return None
        rejected = self._file.code(other["body"], other["end"])
        return ("other-body", rejected) if rejected.strip() != _body(self._file, position).strip() else None


def _body(file: CodeFile, position: int) -> str:
    item = file.facts["items"][position]
    return file.code(item["body"], item["end"])


def _calls(called: str, body: str) -> Iterator[int]:
    """Where a body calls what may be an item of that id: its name, but not as another type's."""
    name, owners = name_of(called), {name_of(owner_of(called).rstrip(":./")), "Self", "self", "super", "crate"}
    place = body.find(name)
    while place >= 0:
        call = _CALL.match(body, place + len(name)) if _WORD_EDGE.match(body, place) else None
        qualifier = _QUALIFIER.search(body[max(0, place - MAX_QUALIFIER_CHARACTERS) : place]) if call else None
        if call and (qualifier is None or qualifier[1] in owners):
            yield place
        place = body.find(name, call.end() if call else place + 1)


def _is_called(called: str, body: str) -> bool:
    return any(True for _ in _calls(called, body))


def _renamed(body: str, called: str, other: str) -> str:
    """The body with every call of an item turned into calls of another name."""
    end, parts = 0, []
    for place in _calls(called, body):
        parts += [body[end:place], other]
        end = place + len(name_of(called))
    return "".join([*parts, body[end:]])


def _takes_self(signature: str) -> bool:
    """Whether a function is called on a value."""
    return RECEIVER.match(parameters_of(signature)) is not None


def _number(identifier: str) -> int:
    return int.from_bytes(hashlib.sha256(identifier.encode()).digest()[:6], "big")
