"""Calls and bindings of a Rust file.

What a macro takes is tokens to the parser. Calls among them are names with a bracket right after: a capital letter may
be a pattern (`matches!(x, Some(_))`), so such names are left out, and so is what `macro_rules!` holds.
"""

import re
from collections.abc import Container, Iterable, Iterator, Sequence
from functools import lru_cache
from operator import itemgetter

from repoloom_stages.facts import Binding, Call, Item
from repoloom_stages.syntax.items import Owners
from repoloom_stages.syntax.rust_bindings import rust_bindings
from repoloom_stages.syntax.rust_chains import Chains
from repoloom_stages.syntax.rust_grammar import MACRO_CALL
from repoloom_stages.syntax.rust_usage import Usage
from repoloom_stages.syntax.rust_wrappers import Wrapper

_MACRO = re.compile(rb"([\w:#\x80-\xff]+)\s*!")
_TOKEN = re.compile(
    rb"""[^\w.:\#\x80-\xff/"']*+
    (?://[^\n]*+ | /\*(?:.*?\*/|.*) | r(?P<hashes>\#*)"(?:.*?"(?P=hashes)|.*) | "(?:[^"\\]++|\\.)*+"?
    | '(?:[^'\\\n]|\\[^\n']++|\\')'
    | (?P<names>[\w.:\#\x80-\xff]++)(?P<mark>!\s?[(\[{]|\()?)""",
    re.DOTALL | re.VERBOSE,
)
"""What starts no token is taken along with the token after it: one attempt, not one for each byte."""

_CALLED = re.compile(r"(?:r#)?[a-z_]\w*")
_PATH = re.compile(r"(?:::)?(?:[^\W\d]\w*::)*[^\W\d]\w*")
_RECEIVER = re.compile(r"[^\W\d]\w*(?:(?:\.|::)\w+)*")
_DEFINES = frozenset({b"fn", b"struct", b"enum", b"union", b"trait", b"mod", b"macro_rules"})
_KEYWORD = re.compile(
    r"as|async|await|box|break|const|continue|crate|dyn|else|enum|extern|fn|for|if|impl|in|let|loop|match|mod|move|mut"
    r"|pub|ref|return|self|static|struct|super|trait|type|unsafe|use|where|while|yield"
)


def rust_calls(
    source: bytes, usage: Usage, items: Sequence[Item], unfolded: Container[int], wrappers: Sequence[Wrapper]
) -> tuple[list[Call], list[Binding]]:
    """Calls and bindings in order of position.

    `unfolded` says where macros start whose content has a tree of its own; `wrappers` are those laid open.
    """
    chains = Chains(source)
    owners = Owners(items)
    found: list[Call] = []
    line, counted = 1, 0
    callees: Iterable[tuple[int, str, str, str]] = _callees(source, usage, chains, unfolded)
    if wrappers:
        callees = sorted([*callees, *((one.start, "macro", one.name, "") for one in wrappers)], key=itemgetter(0))
    for place, how, name, receiver in callees:
        line += source.count(b"\n", counted, place)
        counted = place
        found.append((owners.at(place), line, how, name, receiver))
    return found, rust_bindings(source, usage.bindings, chains, items)


def _callees(
    source: bytes, usage: Usage, chains: Chains, unfolded: Container[int]
) -> Iterator[tuple[int, str, str, str]]:
    """Place, how, name and receiver of each call."""
    for node in usage.calls:
        place = node.start_byte
        if node.kind_id != MACRO_CALL:
            if callee := chains.callee(node, place):
                yield place, *callee
        elif macro := _MACRO.match(source, place):
            name = macro[1].decode(errors="replace")
            chains.keep_macro(name, place, node.end_byte)
            yield place, "macro", name, ""
            if place not in unfolded:
                yield from _among_tokens(source, macro.end(), node.end_byte)


def _among_tokens(source: bytes, start: int, end: int) -> Iterator[tuple[int, str, str, str]]:
    """Calls in what a macro takes."""
    if source.find(b"(", start + len(b" ("), end) < 0 and source.find(b"!", start, end) < 0:
        return
    before, end_before = b"", start
    for token in _TOKEN.finditer(source, start, end):
        names, mark = token.group("names", "mark")
        if names is None:
            continue
        names = names.rpartition(b"..")[2]
        if before and names.startswith(b".") and source[end_before : token.start("names")].isspace():
            names = before + names  # a chain over several lines
        if mark and before not in _DEFINES and (callee := _token_callee(names, mark != b"(")):
            yield token.start("mark"), *callee
        before, end_before = (b"" if mark else names), token.end()


@lru_cache(maxsize=4096)
def _token_callee(written: bytes, macro: bool) -> tuple[str, str, str] | None:
    """What names before a bracket, or before `!`, call."""
    names = written.decode(errors="replace").rpartition("..")[2]
    if macro:
        return ("macro", names, "") if _PATH.fullmatch(names) else None
    left, dot, name = names.rpartition(".")
    if not dot:
        left, colons, last = names.rpartition("::")
        known = _CALLED.fullmatch(last) and not _KEYWORD.fullmatch(last) and (not colons or _PATH.fullmatch(names))
        return ("path" if colons else "free", names, "") if known else None
    if not _CALLED.fullmatch(name) or _KEYWORD.fullmatch(name):
        return None
    if left == "self":
        return "self", name, ""
    return "method", name, left if _RECEIVER.fullmatch(left) else ""
