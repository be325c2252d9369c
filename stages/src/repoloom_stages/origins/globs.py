"""Path patterns, matched against whole paths from a repository's root.

`*` and `?` stay within a folder, `**` stands for any number of folders, `[a-z]` and `[!a-z]` for one character of a
folder's or file's name. Everything else means itself; case counts. (`fnmatch` lets `*` cross folders, and gitignore
patterns match at any depth.)
"""

import re
from collections.abc import Iterable

_CLASS = re.compile(r"\[([!^]?)(\]?[^\]/]*)\]")


class Globs:
    """A set of patterns, compiled once."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._pattern = re.compile("|".join(_translate(one) for one in patterns) or r"(?!)", re.DOTALL)

    def match(self, path: str) -> bool:
        """Whether any of the patterns is the whole path; without patterns, none is."""
        return self._pattern.fullmatch(path) is not None


def _translate(pattern: str) -> str:
    """The pattern as a regular expression.

    What stands between two stars is sought at its first place only, and then for good (`(?>...)`): a later place could
    match nothing more, and trying them all takes time that doubles with each star.
    """
    *folders, name = pattern.split("/")
    groups = [""]
    for folder in folders:
        if folder == "**":
            groups.append("")
        else:
            groups[-1] += _segment(folder) + "/"
    end = ".+" if name == "**" else _segment(name)
    return _around_stars([*groups[:-1], groups[-1] + end], "(?:[^/]+/)*")


def _segment(pattern: str) -> str:
    """The part of a pattern between two slashes."""
    chunks, position = [""], 0
    while position < len(pattern):
        found = _CLASS.match(pattern, position)
        character = pattern[position]
        if found and found[2]:
            chunks[-1] += _character_class(found[1], found[2])
            position = found.end() - 1
        elif character == "*":
            chunks.append("")
        else:
            chunks[-1] += "[^/]" if character == "?" else re.escape(character)
        position += 1
    return _around_stars(chunks, "[^/]*")


def _around_stars(chunks: list[str], star: str) -> str:
    """Regular expressions with anything that `star` matches between each and the next."""
    if len(chunks) == 1:
        return chunks[0]
    first, *middle, last = chunks
    return first + "".join(f"(?>{star}?{chunk})" for chunk in middle if chunk) + star + last


def _character_class(negation: str, characters: str) -> str:
    """`[...]` of a pattern; a backwards range such as `z-a` holds nothing, as in a shell."""
    body = ""
    for low, high, single in re.findall(r"(.)-(.)|(.)", characters, re.DOTALL):
        if single:
            body += re.escape(single)
        elif low <= high:
            body += f"{re.escape(low)}-{re.escape(high)}"
    if negation:
        return f"[^/{body}]"
    return f"(?!/)[{body}]" if body else "(?!)"
