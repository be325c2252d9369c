"""What Rust calls, read from the text before a call's brackets: `f`, `a::f`, and the chain of names before `.f`.

The tree says where calls are; their names stand right there in the text, and a tree's nodes are slow to ask.
"""

import re

from tree_sitter import Node

from repoloom_stages.syntax.rust_grammar import FUNCTION, GENERIC_FUNCTION

MAX_CHAIN_CHARACTERS = 100
"""A longer receiver is left out: the texts of a chain's receivers take quadratic room."""

_WINDOW_BYTES = 96
_MAX_PARTS = 8
"""Of a receiver, over several lines."""

_IN_CHAIN = bytes(byte for byte in range(256) if byte >= 0x80 or bytes([byte]).isalnum()) + b"_.:#"
_NAMES = re.compile(r"(?:r#)?[^\W\d]\w*(?:(?:\.|::)(?:r#)?\w+)*")
_GENERIC_PART = re.compile(r"(?:::)?<[^<>]*>")


Chain = tuple[str, int]
"""A call as an expression, for what follows it: `a.b()`, and where it starts."""

Callee = tuple[str, str, str]
"""What is called, as `Call` has it: how, name, receiver."""


class Chains:
    """Reads the calls of one file, in order of position."""

    def __init__(self, source: bytes) -> None:
        self._source = source
        self.ending: dict[int, Chain] = {}
        """By where a call's brackets end."""

    def callee(self, arguments: Node, end: int) -> Callee | None:
        """What is called with the arguments that start there; None if it has no name, as in `table[0](x)`."""
        text = self._names_before(end)
        if not text or text[-1] in ".:#" or self._is_parted(end - len(text), text):
            end, text = self._from_tree(arguments)
            if not text:
                return None
        if ".." in text:
            text = text.rpartition("..")[2]
        left, dot, name = text.rpartition(".")
        start = end - (len(text) if text.isascii() else len(text.encode()))
        if not dot:
            if not _NAMES.fullmatch(name.removeprefix("::")):
                return None
            self._keep(arguments, f"{name}()", start)
            return ("path" if "::" in name else "free"), name, ""
        if not (name.isidentifier() or name.startswith("r#")):
            return None
        receiver, start = self._receiver(left, start)
        if receiver:
            self._keep(arguments, f"{receiver}.{name}()", start)
        return ("self", name, "") if receiver == "self" else ("method", name, receiver)

    def _keep(self, arguments: Node, whole: str, start: int) -> None:
        """Keep a call for what follows it."""
        if len(whole) <= MAX_CHAIN_CHARACTERS:
            self.ending[arguments.end_byte] = whole, start

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

    def _names_before(self, end: int) -> str:
        """The names, dots and colons that end there."""
        window = self._source[max(0, end - _WINDOW_BYTES) : end]
        head = window.rstrip(_IN_CHAIN)
        if not head and end > _WINDOW_BYTES:
            window = self._source[max(0, end - 5 * _WINDOW_BYTES) : end]
            head = window.rstrip(_IN_CHAIN)
        return window[len(head) :].decode(errors="replace")

    def _is_parted(self, start: int, text: str) -> bool:
        """Whether what stands before the names belongs to them: `a. f`, `<T as Trait>::f`."""
        source = self._source
        if text[0] == ":":
            return source.startswith(b">", start - 1)
        if text[0] == "." or not source[start - 1 : start].isspace():
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
        text = self._names_before(end)
        if text.startswith("::") or self._is_parted(end - len(text), text or " "):
            start = max(called.start_byte, end - 5 * _WINDOW_BYTES)
            text = _without_types("".join(self._source[start:end].decode(errors="replace").split()))
        return end, text

    def _receiver(self, left: str, start: int) -> tuple[str, int]:
        """The expression before a dot, if it is names, dots and calls, and where it starts."""
        if left and left[0] != "." and len(left) <= MAX_CHAIN_CHARACTERS:
            return (left, start) if _NAMES.fullmatch(left) else ("", -1)
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
            left = self._names_before(end)
            if not left or left[-1] in ".:" or len(after) > MAX_CHAIN_CHARACTERS:
                break
            start = end - (len(left) if left.isascii() else len(left.encode()))
        return "", -1

    def _ends_a_comment(self, end: int, start: int) -> bool:
        """Whether what ends there, on a line before, may be a comment's."""
        source = self._source
        return source.find(b"\n", end, start) >= 0 and source.find(b"//", source.rfind(b"\n", 0, end) + 1, end) >= 0


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
