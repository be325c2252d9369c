"""Stage `code-contrasts`: pairs of a right and a wrong piece of code, for a preference trainer, on one shard.

The prompt is a function up to its body, the chosen answer its body. The rejected one is wrong for a reason that the
index knows: it calls what no file of the snapshot has, it calls a sibling that takes other arguments, or it is the body
of another function. Which mistake a function gets follows from its id.
"""

import hashlib
import re
from collections.abc import Iterator
from functools import partial

from repoloom_api.catalogue import CodeContrastsParams
from repoloom_api.v1alpha1.recipes import Header, HeaderField, HeaderFields, Shape
from repoloom_stages.facts import Item
from repoloom_stages.links import LinkedItem
from repoloom_stages.runtime.stage import Inputs, Outputs
from repoloom_stages.sampling.code_file import CodeFile
from repoloom_stages.sampling.headers import file_facts, frame_of
from repoloom_stages.sampling.neighbourhood import Neighbourhood, name_of, owner_of
from repoloom_stages.sampling.pairs import Pair, write_pairs

KIND = "code-contrast"

NO_MISTAKE = "no-mistake"
"""Why a function makes no pair: nothing in it could be made wrong with certainty."""

_NOTHING = re.compile(r"[\s{}.;]*(?:pass)?[\s{};]*")
"""The body of a function that does nothing."""

HEADER = Header(comment=HeaderFields(fields=(HeaderField.FILE,)))


def run(params: CodeContrastsParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write `records/` and `ids/` of the roles `files`, `index`, `places`, `links`, `graph` and `tokenizer`.

    Counted are functions with a body; a file that `keep` leaves out counts as one.
    """
    write_pairs(
        params, Shape.PREFERENCE, KIND, inputs, outputs, lambda file, neighbours: _pairs(file, neighbours, outputs)
    )


def _pairs(file: CodeFile, neighbours: Neighbourhood, outputs: Outputs) -> Iterator[Pair]:
    assert file.links is not None  # the planner gives this stage links
    for position, (item, linked) in enumerate(zip(file.facts["items"], file.links["items"], strict=True)):
        if item["kind"] != "function" or item["test"] or item["body"] >= item["end"]:
            continue
        reason = file.why_not(item["start"], item["end"])
        mistake = None if reason else _mistake(file, position, linked, neighbours)
        if mistake is None:
            outputs.take()
            outputs.drop(reason or NO_MISTAKE)
        else:
            yield _pair(file, item, linked, *mistake)


def _pair(file: CodeFile, item: Item, linked: LinkedItem, kind: str, rejected: str) -> Pair:
    before = frame_of(HEADER, file_facts(file.place, file.about["language"]), file.about["language"]).before
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


def _mistake(file: CodeFile, position: int, linked: LinkedItem, neighbours: Neighbourhood) -> tuple[str, str] | None:
    """What is wrong, and the wrong body: the first that can be made, beginning with one that the id chooses."""
    ways = [
        partial(_invented_call, file, position, linked, neighbours),
        partial(_sibling_call, file, position, linked, neighbours),
        partial(_other_body, file, position, linked),
    ]
    first = _number(linked["id"]) % len(ways)
    made = (way() for way in (*ways[first:], *ways[:first]))
    return next((one for one in made if one is not None), None)


def _invented_call(
    file: CodeFile, position: int, linked: LinkedItem, neighbours: Neighbourhood
) -> tuple[str, str] | None:
    """The first resolved call gets a name that its file and neighbourhood do not have."""
    body = _body(file, position)
    for called in linked["calls"]:
        name = name_of(called)
        invented = f"{name}_{name_of(linked['id'])}"
        if (
            _is_called(name, body)
            and invented not in file.about["text"]
            and not neighbours.get(owner_of(called) + invented)
        ):
            return "invented-call", _renamed(body, name, invented)
    return None


def _sibling_call(
    file: CodeFile, position: int, linked: LinkedItem, neighbours: Neighbourhood
) -> tuple[str, str] | None:
    """The first resolved call that has a sibling (same type or module) with another signature calls that instead."""
    body = _body(file, position)
    for called in linked["calls"]:
        target, name = neighbours.get(called), name_of(called)
        if target is None or not _is_called(name, body):
            continue
        for other in neighbours.beside(called):
            parameters = _parameters(other["signature"])
            if parameters and parameters != _parameters(target["signature"]) and name_of(other["id"]) not in body:
                return "sibling-call", _renamed(body, name, name_of(other["id"]))
    return None


def _other_body(file: CodeFile, position: int, linked: LinkedItem) -> tuple[str, str] | None:
    """The body of another function of the file, with another signature, that does something and stands as deep."""
    item = file.facts["items"][position]
    others = [
        other
        for other in file.facts["items"]
        if other["kind"] == "function"
        and other["body"] < other["end"]
        and not item["start"] <= other["start"] < item["end"]
        and not other["start"] <= item["start"] < other["end"]
        and _parameters(other["signature"]) != _parameters(item["signature"])
        and _indentation(file, other) == _indentation(file, item)
        and not _NOTHING.fullmatch(file.code(other["body"], other["end"]))
    ]
    if not others:
        return None
    other = others[_number(linked["id"]) % len(others)]
    rejected = file.code(other["body"], other["end"])
    return ("other-body", rejected) if rejected.strip() != _body(file, position).strip() else None


def _indentation(file: CodeFile, item: Item) -> str:
    code = file.code(item["start"], item["body"])
    return code[: len(code) - len(code.lstrip())]


def _body(file: CodeFile, position: int) -> str:
    item = file.facts["items"][position]
    return file.code(item["body"], item["end"])


def _is_called(name: str, body: str) -> bool:
    return re.search(rf"\b{re.escape(name)}\s*(?:::<[^>]*>)?\(", body) is not None


def _renamed(body: str, name: str, other: str) -> str:
    """The body with every call of a name turned into calls of another."""
    return re.sub(rf"\b{re.escape(name)}(\s*(?:::<[^>]*>)?\()", lambda found: other + found[1], body)


def _parameters(signature: str) -> str:
    """A signature from its first bracket on."""
    return signature[signature.find("(") :] if "(" in signature else ""


def _number(identifier: str) -> int:
    return int.from_bytes(hashlib.sha256(identifier.encode()).digest()[:6], "big")
