"""Names as code writes them, with paths, references and arguments around them: what they come down to, and patterns.

Only the text counts here; what a name means, `definitions` knows.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

from repoloom_stages.origins.globs import Globs

_LEAD = re.compile(r"(?:[\s&*@]|'\w+\b|(?:mut|dyn|impl|const|ref|final|readonly)\b|for<[^<>]*>|::|r#)+")
_PATH = re.compile(r"[\w$]+(?:\s*(?:::|\.|->)\s*(?:r#)?[\w$]+)*")
_JOINTS = re.compile(r"\s*(?:::|\.|->|/)\s*(?:r#)?")
_OPENING, _CLOSING = "<([{", ">)]}"


def path_of(written: str) -> tuple[str, ...]:
    """The parts of the name that a type, trait, attribute or call starts with; none where it starts with none.

    `&'a mut crate::a::Foo<T>` is `crate`, `a`, `Foo`; `derive(Debug)` is `derive`.
    """
    lead = _LEAD.match(written)
    found = _PATH.match(written, lead.end() if lead else 0)
    return split_path(found[0]) if found else ()


def split_path(path: str) -> tuple[str, ...]:
    """A path's parts, whichever of `::`, `.`, `->` and `/` joins them."""
    return tuple(part for part in _JOINTS.split(path) if part)


def arguments_of(written: str) -> list[str]:
    """What stands in the first brackets of a name, cut at its commas: `T`, `E` of `Result<T, E>`."""
    start = next((place for place, character in enumerate(written) if character in _OPENING), None)
    return _cut(written, start + 1) if start is not None else []


def listed(written: str) -> list[str]:
    """The types of a result: those of a tuple, else the one."""
    text = written.strip()
    return _cut(text, 1) if text.startswith("(") else [text]


def _cut(text: str, start: int) -> list[str]:
    """From a place within brackets to where they close, cut at the commas of that level."""
    parts, depth, place = [], 0, start
    for end in range(start, len(text)):
        character = text[end]
        # Of `->` the second character closes nothing.
        if character in _CLOSING and text[end - 1 : end + 1] != "->":
            depth -= 1
        elif character in _OPENING:
            depth += 1
        if depth < 0 or (character == "," and depth == 0):
            parts.append(text[place:end].strip())
            place = end + 1
        if depth < 0:
            break
    else:
        parts.append(text[place:].strip())
    return [part for part in parts if part]


class NamePatterns:
    """Names or globs, any of which may match a name; of two paths, only as many parts as both have are compared."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._patterns = [tuple(Globs([part]) for part in split_path(pattern)) for pattern in patterns]
        self._any = lru_cache(maxsize=65_536)(self._find)

    def match(self, written: str) -> str:
        """The name without path and arguments, if a pattern matches it, else nothing."""
        return self._any(written)

    def _find(self, written: str) -> str:
        path = path_of(written)
        return path[-1] if path and any(_matches(pattern, path) for pattern in self._patterns) else ""


def _matches(pattern: tuple[Globs, ...], path: tuple[str, ...]) -> bool:
    pairs = zip(reversed(pattern), reversed(path), strict=False)
    return bool(pattern) and all(glob.match(part) for glob, part in pairs)
