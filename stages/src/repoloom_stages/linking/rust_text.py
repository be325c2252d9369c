"""Rust's types and generic parameters as text, taken apart without knowing what their names mean."""

import re
from functools import lru_cache
from typing import NamedTuple

MAX_NESTING = 16
MAX_CHARACTERS = 500
"""A longer type, or one that nests deeper, is as good as unknown."""

RECEIVER = re.compile(r"\(\s*(?:&\s*(?:'\w+\s+)?)?(?:mut\s+)?self\b")
"""How the parameters of a function begin that is called on a value."""

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

SLICE = "["
"""What stands for the path of a slice or array, whose items' type is its argument."""

_FUNCTIONS = ("AsyncFn", "AsyncFnMut", "AsyncFnOnce", "Fn", "FnMut", "FnOnce")
_QUALIFIED = re.compile(r"<\s*(\w+)\s+as\s[^<>]*(?:<[^<>]*>)?\s*>::(\w+)")
"""`<T as Trait>::Item`"""


@lru_cache(maxsize=65_536)
def parse_type(text: str) -> TypeText:
    """A type as far as its text says it; UNKNOWN for functions, and what is too long or too deep."""
    if len(text) > MAX_CHARACTERS:
        return UNKNOWN
    return _parse(text, 0)


def _parse(text: str, depth: int) -> TypeText:
    if depth > MAX_NESTING:
        return UNKNOWN
    first, *others = split_top(text, "+") or [""]
    found = _QUALIFIERS.match(first)
    qualifiers = found[0] if found else ""
    if listed := _listed(first, len(qualifiers), depth):
        return listed
    path = _PATH.match(first, len(qualifiers))
    if not path or path[0] in ("fn", "unsafe", "extern"):
        return UNKNOWN
    rest = first[path.end() :].strip()
    arguments: list[TypeText] = []
    name = path[0]
    if rest.startswith("(") and name.rpartition("::")[2] in _FUNCTIONS:
        taken, *returned = split_top(rest.replace("->", ";", 1) if rest[-1:] != ")" else rest, ";")
        arguments = [_parse(taken, depth + 1), *(_parse(one, depth + 1) for one in returned[:1])]
    elif rest.startswith(("<", "::<")):
        inner, after = _bracketed(rest)
        arguments = [_parse(_bound_value(one), depth + 1) for one in split_top(inner, ",") if not one.startswith("'")]
        if after.startswith("::"):  # an associated item of a generic type
            return UNKNOWN
    abstract = re.search(r"\b(?:dyn|impl)\b", qualifiers) is not None
    return TypeText(name, tuple(arguments), tuple(_parse(one, depth + 1) for one in others), abstract)


def _listed(text: str, start: int, depth: int) -> TypeText | None:
    """A tuple, slice or array, or `<T as Trait>::Item`, that stands there."""
    opens, closes = text[start : start + 1], text[-1:]
    if opens + closes == "()":
        return TypeText(TUPLE, tuple(_parse(one, depth + 1) for one in split_top(text[start + 1 : -1], ",")))
    if opens + closes == "[]":
        return TypeText(SLICE, tuple(_parse(one, depth + 1) for one in split_top(text[start + 1 : -1], ";")[:1]))
    qualified = _QUALIFIED.fullmatch(text, start)
    return TypeText(f"{qualified[1]}::{qualified[2]}") if qualified else None


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
            bound = (parse_type(one) for one in split_top(_without_default(bounds), "+") if not one.startswith("'"))
            found[name] = (*found.get(name, ()), *(one for one in bound if one.path))
    return found


def _without_default(bounds: str) -> str:
    return next(iter(split_top(bounds, "=")), "")


@lru_cache(maxsize=16_384)
def expression_parts(text: str) -> tuple[str, ...]:
    """`self.a.b()` as `self`, `a`, `b()`; dots in brackets stay."""
    return tuple(split_top(text, "."))
