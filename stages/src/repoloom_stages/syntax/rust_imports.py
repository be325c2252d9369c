"""Imports of a Rust file: `use` trees flattened, and `extern crate`. `mod x;` is an item."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from tree_sitter import Node

from repoloom_stages.facts import Import, Item
from repoloom_stages.syntax.items import Lines, Owners

MAX_PATH_CHARACTERS = 500
"""A longer path is no person's, and braces in braces would make paths of quadratic length."""

_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_HEAD = re.compile(r"(pub\b\s*(?:\([^)]*\))?)?\s*(use|extern\s+crate)\b")
_TOKEN = re.compile(r"::|[{},*]|(?:r#)?\w+")


def rust_imports(source: bytes, nodes: Sequence[Node], items: Sequence[Item]) -> list[Import]:
    """The names that `use` declarations and `extern crate`, given in order of position, take from elsewhere."""
    owners, lines = Owners(items), Lines(source)
    found = []
    for node in nodes:
        start = node.start_byte
        declaration = source[start : node.end_byte]
        public, names = (_known_names if len(declaration) <= _SHORT_BYTES else _names_in)(declaration)
        if names:
            owner, line = _module_of(items, owners.at(start)), lines.at(start)
            found += [Import(path=path, name=name, public=public, owner=owner, line=line) for path, name in names]
    return found


def _names_in(declaration: bytes) -> tuple[bool, tuple[tuple[str, str], ...]]:
    """Whether the names of a declaration are exported on; path and name of each."""
    text = declaration.decode(errors="replace")
    if "/" in text:
        text = _COMMENT.sub(" ", text)
    head = _HEAD.match(text)
    if head is None:
        return False, ()
    names = _of_tree(text[head.end() :]) if head[2] == "use" else _of_crate(text[head.end() :])
    return bool(head[1]) and "self" not in head[1], tuple(names)


_SHORT_BYTES = 100
_known_names = lru_cache(maxsize=4096)(_names_in)
"""Files have most of their short declarations in common."""


def _module_of(items: Sequence[Item], owner: int) -> int:
    while owner >= 0 and items[owner]["kind"] != "module":
        owner = items[owner]["owner"]
    return owner


def _of_crate(text: str) -> Iterator[tuple[str, str]]:
    """`foo as bar;`, where `self` is the crate itself."""
    words = _TOKEN.findall(text)
    if words:
        path = "crate" if words[0] == "self" else words[0]
        name = words[2] if words[1:2] == ["as"] and len(words) > 2 else words[0]
        yield path, "" if name == "_" else name


def _of_tree(text: str) -> Iterator[tuple[str, str]]:
    """Path and name of each leaf: `a::{self, b as c, d::*}` has `a`, `a::b` as `c`, and `a::d` as `*`."""
    prefixes: list[str] = []
    prefix = path = alias = ""
    named = False
    for part in _TOKEN.findall(text):
        if part == "{":
            prefixes.append(prefix)
            prefix = path = path[: MAX_PATH_CHARACTERS + 1]
        elif part in ",}":
            if leaf := _leaf(prefix, path, alias):
                yield leaf
            if part == "}" and prefixes:
                prefix = prefixes.pop()
                path = ""
            else:
                path = prefix
            alias, named = "", False
        elif part == "as":
            named = True
        elif named:
            alias = part
        else:
            path += part
    if leaf := _leaf(prefix, path, alias):
        yield leaf


def _leaf(prefix: str, path: str, alias: str) -> tuple[str, str] | None:
    if not path or path == prefix or len(path) > MAX_PATH_CHARACTERS:
        return None
    if path.endswith("*"):
        return path[:-1].removesuffix("::"), "*"
    if path.endswith("::self"):
        path = path.removesuffix("::self")
    return path, "" if alias == "_" else alias or path.rpartition("::")[2]
