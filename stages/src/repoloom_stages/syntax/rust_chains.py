"""What Rust calls, read from the text before a call's brackets: `f`, `a::f`, and the chain of names before `.f`.

The tree says where calls are; their names stand right there in the text, and a tree's nodes are slow to ask.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from tree_sitter import Node

from repoloom_stages.syntax.rust_grammar import FUNCTION, GENERIC_FUNCTION

MAX_CHAIN_CHARACTERS = 200
"""A longer receiver is left out: the texts of a chain's receivers take quadratic room."""

_WINDOW_BYTES = 96
_SPACE = 0x20
_BLANK_OR_JOINING = bytes(range(_SPACE + 1)) + b".:"
_MAX_PARTS = 8
"""Of a receiver, over several lines."""

_IN_CHAIN = bytes(byte for byte in range(256) if byte >= 0x80 or bytes([byte]).isalnum()) + b"_.:#"
_NAMES = re.compile(r"(?:r#)?[^\W\d]\w*(?:(?:\.|::)(?:r#)?\w+)*")
_GENERIC_PART = re.compile(r"(?:::)?<[^<>]*>")


Chain = tuple[str, int]
"""A call as an expression, for what follows it: `a.b()`, and where it starts."""

Callee = tuple[str, str, str]
"""What is called, as `Call` has it: how, name, receiver."""


class Names(NamedTuple):
    """What the names, dots and colons that end before a call's brackets say by themselves."""

    callee: Callee | None
    """None if it has no name; without its receiver where that ends before these names."""
    whole: str
    """The call as an expression, for what follows it; empty where that is not kept, or starts before these names."""
    after: str | None
    """`.await` of `.await.f`: what stands between a receiver before these names and the last dot; None for others."""
    width: int
    """Bytes of the names, up to their end."""


class Chains:
    """Reads the calls of one file, in order of position."""

    def __init__(self, source: bytes) -> None:
        self._source = source
        self.ending: dict[int, Chain] = {}
        """By where a call's brackets end, or a macro's."""
        self.opening: dict[int, int] = {}
        """Where a call's brackets start, by where they end."""

    def callee(self, arguments: Node, end: int) -> Callee | None:
        """What is called with the arguments that start there; None if it has no name, as in `table[0](x)`."""
        written = self._written_before(end)
        names = names_in(written)
        if names is None or self._is_parted(end - len(written), written):
            end, text = self._from_tree(arguments)
            names = names_in(text.encode())
            if names is None:
                return None
        callee, whole, after, width = names
        if callee and after is not None:
            return self._on_call(arguments, callee[1], after, end - width)
        if whole:
            self._keep(arguments, whole, end - width)
        return callee

    def _on_call(self, arguments: Node, name: str, after: str, start: int) -> Callee:
        """What is called on an expression that ends before the names that start there."""
        known = self.ending.get(start)  # most have a call just before them
        receiver, start = (known[0] + after, known[1]) if known else self._receiver(after, start)
        if not receiver or len(receiver) > MAX_CHAIN_CHARACTERS:
            return "method", name, ""
        whole = f"{receiver}.{name}()"
        if len(whole) <= MAX_CHAIN_CHARACTERS:
            self._keep(arguments, whole, start)
        return ("self", name, "") if receiver == "self" else ("method", name, receiver)

    def _keep(self, arguments: Node, whole: str, start: int) -> None:
        """Keep a call for what follows it."""
        end = arguments.end_byte
        self.ending[end] = whole, start
        self.opening[end] = arguments.start_byte

    def keep_macro(self, name: str, start: int, end: int) -> None:
        """Keep a call of a macro, as `f!()`."""
        if len(name) < MAX_CHAIN_CHARACTERS - 2:
            self.ending[end] = f"{name}!()", start

    def expression(self, end: int) -> Chain | None:
        """The calls that an expression ends with there; `?` and `.await` after them are kept."""
        source, after = self._source, ""
        while True:
            if source.startswith(b"?", end - 1):
                end, after = end - 1, f"?{after}"
            elif source.startswith(b".await", end - 6):
                end, after = end - 6, f".await{after}"
            else:
                chain = self.ending.get(end)
                return (chain[0] + after, chain[1]) if chain else None
            if len(after) > MAX_CHAIN_CHARACTERS:
                return None

    def _written_before(self, end: int) -> bytes:
        """The names, dots and colons that end there."""
        window = self._source[end - _WINDOW_BYTES if end > _WINDOW_BYTES else 0 : end]
        head = len(window.rstrip(_IN_CHAIN))
        if not head and end > _WINDOW_BYTES:
            window = self._source[max(0, end - 5 * _WINDOW_BYTES) : end]
            head = len(window.rstrip(_IN_CHAIN))
        return window[head:]

    def _is_parted(self, start: int, written: bytes) -> bool:
        """Whether what stands before the names belongs to them: `a. f`, `<T as Trait>::f`."""
        source = self._source
        if written.startswith(b":"):
            return source.startswith(b">", start - 1)
        if source[start - 1] > _SPACE or source[start - 2] not in _BLANK_OR_JOINING or written.startswith(b"."):
            return False
        before = source[max(0, start - _WINDOW_BYTES) : start].rstrip()
        return before.endswith((b".", b"::")) and not before.endswith(b"..")

    def _from_tree(self, arguments: Node) -> tuple[int, str]:
        """What is called without its type arguments, where its text alone does not say it."""
        call = arguments.parent
        called = call.child_by_field_id(FUNCTION) if call else None
        if called and called.kind_id == GENERIC_FUNCTION:
            called = called.child_by_field_id(FUNCTION)
        if called is None:
            return 0, ""
        end = called.end_byte
        written = self._written_before(end)
        if written.startswith(b"::") or self._is_parted(end - len(written), written):
            start = max(called.start_byte, end - 5 * _WINDOW_BYTES)
            return end, _without_types("".join(self._source[start:end].decode(errors="replace").split()))
        return end, written.decode(errors="replace")

    def _receiver(self, left: str, start: int) -> tuple[str, int]:
        """The expression before names that start with a dot, if it is names, dots and calls, and where it starts."""
        after = ""
        for _ in range(_MAX_PARTS):
            if left and left[0] != ".":
                known = _NAMES.fullmatch(left) and len(left) + len(after) <= MAX_CHAIN_CHARACTERS
                return (left + after, start) if known else ("", -1)
            after = left + after
            end = start - _blank(self._source, start)
            if self._ends_a_comment(end, start):
                break
            if chain := self.expression(end):
                text = chain[0] + after
                return (text, chain[1]) if len(text) <= MAX_CHAIN_CHARACTERS else ("", -1)
            while self._source.startswith(b"?", end - 1):
                end, after = end - 1, f"?{after}"
            left = self._written_before(end).decode(errors="replace")
            if not left or left[-1] in ".:" or len(after) > MAX_CHAIN_CHARACTERS:
                break
            start = end - _width(left)
        return "", -1

    def _ends_a_comment(self, end: int, start: int) -> bool:
        """Whether what ends there, on a line before, may be a comment's."""
        source = self._source
        return source.find(b"\n", end, start) >= 0 and source.find(b"//", source.rfind(b"\n", 0, end) + 1, end) >= 0


@lru_cache(maxsize=16_384)
def names_in(written: bytes) -> Names | None:
    """What those names say; None where the tree must be asked.

    Most are written many times: kept, they make reading callees 1.6 to 1.9 times as fast.
    """
    text = written.decode(errors="replace")
    if not text or text[-1] in ".:#":
        return None
    if ".." in text:
        text = text.rpartition("..")[2]
    left, dot, name = text.rpartition(".")
    width = _width(text)
    if not dot:
        if not _NAMES.fullmatch(name.removeprefix("::")):
            return _NONE
        return Names(("path" if "::" in name else "free", name, ""), _kept(f"{name}()"), None, width)
    if not (name.isidentifier() or name.startswith("r#")):
        return _NONE
    if not left or left[0] == ".":
        return Names(("method", name, ""), "", left, width)
    receiver = left if len(left) <= MAX_CHAIN_CHARACTERS and _NAMES.fullmatch(left) else ""
    callee = ("self", name, "") if receiver == "self" else ("method", name, receiver)
    return Names(callee, _kept(f"{receiver}.{name}()") if receiver else "", None, width)


_NONE = Names(None, "", None, 0)


def _kept(whole: str) -> str:
    return whole if len(whole) <= MAX_CHAIN_CHARACTERS else ""


def _width(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def _blank(source: bytes, end: int) -> int:
    """How much white space ends there."""
    window = source[max(0, end - _WINDOW_BYTES) : end]
    return len(window) - len(window.rstrip())


def _without_types(path: str) -> str:
    """`Trait::f` of `<T as Trait>::f` and `T::f` of `<T>::f`; `Vec::new` of `Vec::<u8>::new`."""
    while (shorter := _GENERIC_PART.sub("", path, count=1)) != path and path.count("<") > path.startswith("<"):
        path = shorter
    if path.startswith("<"):
        qualified, _, rest = path[1:].partition(">")
        path = qualified.rpartition("as")[2] + rest
    return path
