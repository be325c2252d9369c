"""Rust's types and generic parameters as text, taken apart without knowing what their names mean."""

import re
from functools import lru_cache
from typing import NamedTuple

MAX_NESTING = 16
MAX_CHARACTERS = 500
"""A longer type, or one that nests deeper, is as good as unknown."""

_QUALIFIERS = re.compile(r"(?:&|\*const\b|\*mut\b|'\w+|mut\b|dyn\b|impl\b|const\b|for\s*<[^<>]*>|\s|\?Sized\b|\?)+")
_PATH = re.compile(r"(?:::)?[A-Za-z_$]\w*(?:::[A-Za-z_]\w*)*")


class TypeText(NamedTuple):
    """`Arc<Mutex<T>>` is the path `Arc` with one argument; references and lifetimes are left out."""

    path: str
    arguments: tuple["TypeText", ...] = ()
    more: tuple["TypeText", ...] = ()
    """Of `A + B`: the others."""
    abstract: bool = False
    """Whether it is `dyn A` or `impl A`."""


UNKNOWN = TypeText("")

TUPLE = "("
"""What stands for the path of a tuple, whose types are its arguments."""


@lru_cache(maxsize=65_536)
def parse_type(text: str) -> TypeText:
    """A type as far as its text says it; UNKNOWN for arrays, functions, and what is too long or too deep."""
    if len(text) > MAX_CHARACTERS:
        return UNKNOWN
    return _parse(text, 0)


def _parse(text: str, depth: int) -> TypeText:
    if depth > MAX_NESTING:
        return UNKNOWN
    first, *others = split_top(text, "+") or [""]
    found = _QUALIFIERS.match(first)
    qualifiers = found[0] if found else ""
    if first.startswith("(", len(qualifiers)) and first.endswith(")"):
        inside = split_top(first[len(qualifiers) + 1 : -1], ",")
        return TypeText(TUPLE, tuple(_parse(one, depth + 1) for one in inside))
    path = _PATH.match(first, len(qualifiers))
    if not path or path[0] in ("fn", "unsafe", "extern"):
        return UNKNOWN
    rest = first[path.end() :].strip()
    arguments: list[TypeText] = []
    name = path[0]
    if rest.startswith(("<", "::<")):
        inner, after = _bracketed(rest)
        arguments = [_parse(_bound_value(one), depth + 1) for one in split_top(inner, ",") if not one.startswith("'")]
        if after.startswith("::"):  # an associated item of a generic type
            return UNKNOWN
    abstract = re.search(r"\b(?:dyn|impl)\b", qualifiers) is not None
    return TypeText(name, tuple(arguments), tuple(_parse(one, depth + 1) for one in others), abstract)


def _bound_value(argument: str) -> str:
    """What is said of an argument: `Output = T` is T."""
    name, equals, value = argument.partition("=")
    return value if equals and name.strip().isidentifier() else argument


def _bracketed(text: str) -> tuple[str, str]:
    """What stands between the first `<` and its `>`, and what follows."""
    start = text.index("<")
    depth = 0
    for position in range(start, len(text)):
        character = text[position]
        if character == "<":
            depth += 1
        elif character == ">" and text[position - 1] != "-":
            depth -= 1
            if depth == 0:
                return text[start + 1 : position], text[position + 1 :].strip()
    return text[start + 1 :], ""


def split_top(text: str, separator: str) -> list[str]:
    """Parts of a text between separators that stand in no brackets."""
    parts, depth, start = [], 0, 0
    for position, character in enumerate(text):
        if character in "<([{":
            depth += 1
        elif character in ")]}" or (character == ">" and text[position - 1 : position] not in ("-", "=")):
            depth -= 1
        elif character == separator and depth == 0:
            parts.append(text[start:position].strip())
            start = position + 1
    parts.append(text[start:].strip())
    return [one for one in parts if one]


@lru_cache(maxsize=16_384)
def parse_generics(text: str) -> dict[str, tuple[TypeText, ...]]:
    """Type parameters in order, each with its bounds; bounds of a `where` clause are of the same form."""
    found: dict[str, tuple[TypeText, ...]] = {}
    for part in split_top(text[: 4 * MAX_CHARACTERS], ","):
        name, _, bounds = part.removeprefix("where ").strip().partition(":")
        name = name.removeprefix("const ").partition("=")[0].strip()
        if name.isidentifier():
            bound = (parse_type(one) for one in split_top(bounds.partition("=")[0], "+") if not one.startswith("'"))
            found[name] = (*found.get(name, ()), *(one for one in bound if one.path))
    return found


def expression_parts(text: str) -> list[str]:
    """`self.a.b()` as `self`, `a`, `b()`; dots in brackets stay."""
    return split_top(text, ".")
