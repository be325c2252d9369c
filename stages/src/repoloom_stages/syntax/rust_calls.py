"""Calls and bindings of a Rust file.

What a macro takes is tokens to the parser. Calls among them are names with a bracket right after: a capital letter may
be a pattern (`matches!(x, Some(_))`), so such names are left out, and so is what `macro_rules!` holds.
"""

import re
from collections.abc import Container, Iterator, Sequence

from tree_sitter import Node

from repoloom_stages.facts import Binding, Call, Item
from repoloom_stages.syntax.items import MAX_SIGNATURE_CHARACTERS, Owners, one_line
from repoloom_stages.syntax.rust_chains import Chains
from repoloom_stages.syntax.rust_grammar import MACRO_CALL, TYPE
from repoloom_stages.syntax.rust_usage import Usage

_MACRO = re.compile(rb"([\w:#\x80-\xff]+)\s*!")
_TOKEN = re.compile(
    rb"""//[^\n]*+ | /\*(?:.*?\*/|.*) | r(?P<hashes>\#*)"(?:.*?"(?P=hashes)|.*) | "(?:[^"\\]++|\\.)*+"?
    | '(?:[^'\\\n]|\\[^\n']++|\\')'
    | (?P<names>[\w.:\#\x80-\xff]++)(?P<mark>!\s?[(\[{]|\()?""",
    re.DOTALL | re.VERBOSE,
)
_CALLED = re.compile(r"(?:r#)?[a-z_]\w*")
_PATH = re.compile(r"(?:::)?(?:[^\W\d]\w*::)*[^\W\d]\w*")
_RECEIVER = re.compile(r"[^\W\d]\w*(?:(?:\.|::)\w+)*")
_DEFINES = frozenset({"fn", "struct", "enum", "union", "trait", "mod", "macro_rules"})
_KEYWORD = re.compile(
    r"as|async|await|box|break|const|continue|crate|dyn|else|enum|extern|fn|for|if|impl|in|let|loop|match|mod|move|mut"
    r"|pub|ref|return|self|static|struct|super|trait|type|unsafe|use|where|while|yield"
)
_LET = re.compile(rb"let\s+(?:mut\s+)?((?:r#)?[\w\x80-\xff]+)\s*(:|=)\s*(?:&\s*(?:mut\s+)?)?")
_LET_TUPLE = re.compile(rb"let\s+\(([^()=;]*)\)\s*=\s*(?:&\s*(?:mut\s+)?)?")
_HELD = re.compile(rb"\w+(?:\.\w+)+|(?:Arc|Box|Cell|Mutex|Pin|Rc|RefCell|RwLock)::new\([a-z_]\w*\)")
"""Fields, and a variable in a pointer."""
_TUPLE_NAME = re.compile(r"(?:mut\s+)?((?:r#)?\w+)")
_LITERAL = re.compile(rb"((?:\w+::)*[A-Z]\w*)(?:::<[^(){};]*?>)?\s*\{")


def rust_calls(
    source: bytes, usage: Usage, items: Sequence[Item], unfolded: Container[int]
) -> tuple[list[Call], list[Binding]]:
    """Calls and bindings in order of position. `unfolded` says where macros start whose content has a tree."""
    chains = Chains(source)
    owners = Owners(items)
    found: list[Call] = []
    line, counted = 1, 0
    for place, how, name, receiver in _callees(source, usage, chains, unfolded):
        line += source.count(b"\n", counted, place)
        counted = place
        found.append((owners.at(place), line, how, name, receiver))
    return found, list(_bindings(source, usage.bindings, chains, Owners(items)))


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
            yield place, "macro", macro[1].decode(errors="replace"), ""
            if place not in unfolded:
                yield from _among_tokens(source, macro.end(), node.end_byte)


def _among_tokens(source: bytes, start: int, end: int) -> Iterator[tuple[int, str, str, str]]:
    """Calls in what a macro takes."""
    before = ""
    for token in _TOKEN.finditer(source, start, end):
        if token["names"] is None:
            continue
        names = token["names"].decode(errors="replace").rpartition("..")[2]
        mark = token["mark"]
        if mark and before not in _DEFINES:
            callee = _macro_callee(names) if mark.startswith(b"!") else _token_callee(names)
            if callee:
                yield token.start("mark"), *callee
        before = names


def _macro_callee(names: str) -> tuple[str, str, str] | None:
    return ("macro", names, "") if _PATH.fullmatch(names) else None


def _token_callee(names: str) -> tuple[str, str, str] | None:
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


def _bindings(source: bytes, nodes: Sequence[Node], chains: Chains, owners: Owners) -> Iterator[Binding]:
    line, counted = 1, 0
    for node in nodes:
        place = node.start_byte
        if bound := _bound(source, node, chains):
            line += source.count(b"\n", counted, place)
            counted = place
            owner = owners.at(place)
            for name, written in bound:
                yield owner, line, name, written


def _bound(source: bytes, node: Node, chains: Chains) -> list[tuple[str, str]]:
    """Names that a `let` binds, each with its type; `a` of `let (a, b) = f();` is of the type `f().0`."""
    if let := _LET.match(source, node.start_byte):
        written = _written_type(source, node) if let[2] == b":" else _constructed(source, let.end(), node, chains)
        return [(let[1].decode(errors="replace"), written)] if written else []
    let = _LET_TUPLE.match(source, node.start_byte)
    written = _constructed(source, let.end(), node, chains) if let else ""
    if not let or not written.endswith(")"):
        return []
    names = (_TUPLE_NAME.fullmatch(one.strip()) for one in let[1].decode(errors="replace").split(","))
    return [(one[1], f"{written}.{position}") for position, one in enumerate(names) if one and one[1] != "_"]


def _written_type(source: bytes, node: Node) -> str:
    written = node.child_by_field_id(TYPE)
    return one_line(source, written.start_byte, written.end_byte, MAX_SIGNATURE_CHARACTERS) if written else ""


def _constructed(source: bytes, start: int, node: Node, chains: Chains) -> str:
    """`Foo::new()` of `= Foo::new(x);`, `Foo` of `= Foo { … };`, `a.b` of `= &a.b;`, `Arc::new(a)` of the same."""
    end = node.end_byte
    end -= source.startswith(b";", end - 1)
    if held := _HELD.fullmatch(source, start, end):
        return held[0].decode(errors="replace")
    if chain := chains.expression(end):
        return chain[0] if chain[1] == start else ""
    if source.startswith(b"}", end - 1) and (literal := _LITERAL.match(source, start, end)):
        return literal[1].decode(errors="replace")
    return ""
