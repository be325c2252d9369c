"""Callees: what the text before a call's arguments says about how, what and on what it calls.

Only the text is looked at, and no more than its end: what a name means is for `link-code`.
"""

import re
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

TAIL_BYTES = 300
"""The text of a chain of calls holds all calls before; its end says enough."""

MAX_NESTED_BRACKETS = 8

_NAME = re.compile(r"[$#@~]?[^\W\d][\w$]*|\$")
_NAMES = re.compile(r"([^\W\d][\w$]*(?:\.[^\W\d][\w$]*)*)\.([^\W\d][\w$]*)")
_SPLIT = re.compile(r"(.*)(\.|->|::)([$#@~]?[^\W\d][\w$]*)", re.DOTALL)
_CONNECTORS = re.compile(r"->|[?!]\.")
_SPACE_AROUND = re.compile(r"\s*(->|::|[?!]?\.|[<>(),])\s*")
_SPACE = re.compile(r"\s")
_KEYWORDS = re.compile(r"(?:(?:await|co_await|new)\s+)+")
_TYPE = re.compile(r"[A-Z](?:\w*[a-z]\w*)?")
_TYPE_ARGUMENTS = re.compile(r"<[^<>()]*>")
_ARGUMENTS = re.compile(r"\([^()]*\)")
_ABOVE = frozenset({"base", "super"})
"""Words for the object that a method is of, as what its bases make it."""
_ARGUMENTS_TAKEN_OUT = "\0"
_RECEIVER = re.compile(r"[$#@]?[^\W\d][\w$]*(?:\(\))?(?:(?:\.|::)[$#@]?[^\W\d][\w$]*(?:\(\))?)*")

Callee = tuple[str, str, str]
"""How, name and receiver, as in `facts.Call`; an empty name where what is called has none."""


@dataclass(frozen=True)
class Callees:
    """How a language writes calls."""

    selves: frozenset[str] = frozenset({"this", "super"})
    """Words for the object that a method is of."""
    not_called: frozenset[str] = frozenset()
    """What looks like a function and is a part of the language."""


class CalleeReader:
    """Reads callees of one file, each text once: most are written many times."""

    def __init__(self, source: bytes, callees: Callees, imported: AbstractSet[str]) -> None:
        self._source = source
        self._callees = callees
        self._imported = imported
        self._known: dict[tuple[bytes, bool], Callee] = {}

    def read(self, start: int, end: int, *, new: bool) -> Callee:
        """What stands there, which after `new` is a type."""
        if end - start > TAIL_BYTES:
            return self._of_tail(self._source[end - TAIL_BYTES : end].decode(errors="replace"))
        written = self._source[start:end]
        known = self._known.get((written, new))
        if known is None:
            known = self._constructed(written.decode()) if new else self._called(written.decode())
            self._known[written, new] = known
        return known

    def _constructed(self, text: str) -> Callee:
        name = without_type_arguments(_joined(text))
        return "new", name if _RECEIVER.fullmatch(name) else "", ""

    def _called(self, text: str) -> Callee:
        if text.isidentifier():
            return "free", "" if text in self._callees.not_called else text, ""
        if names := _NAMES.fullmatch(text):
            return self._on(names[1], names[2])
        text = without_type_arguments(_joined(text))
        split = _SPLIT.fullmatch(text)
        if split is None:
            called = _NAME.fullmatch(text) and text not in self._callees.not_called
            return "free", text if called else "", ""
        receiver, name = receiver_of(split[1]), split[3]
        if split[2] == "::":
            return "path", f"{receiver}::{name}" if receiver else name, ""
        return self._on(receiver, name)

    def _on(self, receiver: str, name: str) -> Callee:
        if receiver in self._callees.selves:
            return "self", name, receiver if receiver in _ABOVE else ""
        of_import = receiver.partition(".")[0] in self._imported and not receiver.endswith(")")
        if of_import or _TYPE.fullmatch(receiver.rpartition(".")[2]):
            return "path", f"{receiver}.{name}", ""
        return "method", name, receiver

    def _of_tail(self, text: str) -> Callee:
        """Of a text whose start is cut off only the name is known, and that it is called on something."""
        split = _SPLIT.fullmatch(without_type_arguments(text))
        return "method", split[3] if split and split[2] != "::" else "", ""


def _joined(text: str) -> str:
    """An expression without space around its signs, and without a keyword before it."""
    if not _SPACE.search(text):
        return text
    return _KEYWORDS.sub("", _SPACE_AROUND.sub(r"\1", text), count=1)


def without_type_arguments(text: str) -> str:
    """`f<A<B>>` as `f`."""
    for _ in range(MAX_NESTED_BRACKETS):
        if "<" not in text:
            break
        text = _TYPE_ARGUMENTS.sub("", text)
    return text


def receiver_of(text: str) -> str:
    """An expression of names, dots and calls, each without arguments: `a.b(1).c` as `a.b().c`; empty for any other."""
    text = _CONNECTORS.sub(".", text.rstrip("?!"))
    for _ in range(MAX_NESTED_BRACKETS):
        if "(" not in text:
            break
        text = _ARGUMENTS.sub(_ARGUMENTS_TAKEN_OUT, text)
    text = text.replace(_ARGUMENTS_TAKEN_OUT, "()")
    return text if _RECEIVER.fullmatch(text) else ""
