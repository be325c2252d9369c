"""What a call of a macro by example expands to, where that is one call and the same in each of its arms."""

import re

MAX_MACRO_BYTES = 4_000
"""A longer one is taken for more than a call."""

MAX_ARMS = 16

_ARM = re.compile(rb"=>\s*([({\[])\s*")
_CALL = re.compile(rb"((?:\$crate::|::)?(?:\w+::)*\w+)\s*\(")
_OPENS, _CLOSES = b"([{", b")]}"


def expansion(text: bytes) -> str:
    """`$crate::Foo::new()` of a macro whose arms are calls of that; else nothing."""
    if len(text) > MAX_MACRO_BYTES:
        return ""
    arms = [arm.end() for arm in _ARM.finditer(text)]
    calls = {_call_of(text, arm) for arm in arms[:MAX_ARMS]}
    return f"{calls.pop()}()" if len(calls) == 1 and "" not in calls and len(arms) <= MAX_ARMS else ""


def _call_of(text: bytes, start: int) -> str:
    """The path that an arm calls, if it does nothing else."""
    called = _CALL.match(text, start)
    end = _closing(text, called.end()) if called else 0
    rest = text[end:].lstrip()
    return called[1].decode(errors="replace") if called and end and rest[:1] in (b"}", b")", b"]") else ""


def _closing(text: bytes, start: int) -> int:
    """The place after the bracket that closes the one before `start`; 0 where there is none."""
    depth = 1
    for position in range(start, len(text)):
        depth += (text[position] in _OPENS) - (text[position] in _CLOSES)
        if depth == 0:
            return position + 1
    return 0
