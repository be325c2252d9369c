"""Local names of a Rust file and what they are bound to, by `let`, `if let`, `for`, `match`, as closures' parameters.

What a value's text does not say is bound to nothing, so that no older binding of the name is taken for it. Names in
what a macro takes are not looked for.
"""

import re
from collections.abc import Iterator, Sequence
from operator import itemgetter

from tree_sitter import Node

from repoloom_stages.facts import Binding, Item
from repoloom_stages.syntax.grammars import children
from repoloom_stages.syntax.items import MAX_SIGNATURE_CHARACTERS, Owners, one_line
from repoloom_stages.syntax.rust_chains import MAX_CHAIN_CHARACTERS, Chains
from repoloom_stages.syntax.rust_grammar import BODY, PARAMETERS, PATTERN, TYPE, VALUE, field, kind
from repoloom_stages.syntax.rust_patterns import MAX_PATTERN_CHARACTERS, bound_names

_CONDITION, _CONSEQUENCE = field("condition"), field("consequence")
_CLOSURE, _FOR, _IF, _LET_CONDITION = (
    kind(one) for one in ("closure_expression", "for_expression", "if_expression", "let_condition")
)
_LET_DECLARATION, _MATCH, _MATCH_ARM, _PARAMETER, _WHILE = (
    kind(one) for one in ("let_declaration", "match_expression", "match_arm", "parameter", "while_expression")
)

_LET = re.compile(rb"let\s+(?:mut\s+)?((?:r#)?[\w\x80-\xff]+)\s*(:(?!:)|[=;])")
_TAKEN = re.compile(rb"(?:[&*\s]|mut\b|ref\b)*")
_HELD = re.compile(rb"[a-z_]\w*(?:\.\w+)*|(?:\w+::)*[A-Z]\w*(?:::[A-Z]\w*)*")
"""Variables and fields, unit structs and variants."""
_WRAPPED = re.compile(rb"((?:Arc|Box|Cell|Mutex|Pin|Rc|RefCell|RwLock)::(?:clone|new|pin))\(")
_MAX_WRAPPERS = 4
_LITERAL = re.compile(rb"((?:\w+::)*[A-Z]\w*)(?:::<[^(){};]*?>)?\s*\{")
_LAST_ARGUMENT = re.compile(rb"\s*,?\s*\)")
_MAX_ARGUMENT_BYTES = 300
"""Of what stands before a closure among the arguments of a call."""

Bound = tuple[str, str]
"""A name and what it is bound to."""


def rust_bindings(source: bytes, nodes: Sequence[Node], chains: Chains, items: Sequence[Item]) -> list[Binding]:
    """Bindings in order of line; `chains` knows all calls of the file. Where a scope ends, so does what it bound."""
    owners = Owners(items)
    found: list[tuple[int, int, Binding]] = []
    for node in nodes:
        owner = owners.at(node.start_byte)
        for first, last, bound in _scopes(source, node, chains):
            for name, text in bound:
                found.append((first, 1, (owner, first, name, text)))
                if last:
                    found.append((last + 1, 0, (owner, last + 1, name, f"}}{first}")))
    found.sort(key=itemgetter(0, 1))
    return [binding for _, _, binding in found]


def _scopes(source: bytes, node: Node, chains: Chains) -> Iterator[tuple[int, int, list[Bound]]]:
    """First and last line where names hold, and the names; no last line for a `let`, which holds on."""
    which = node.kind_id
    if which == _LET_DECLARATION:
        yield _line_after(source, node.end_byte, node), 0, _of_let(source, node, chains)
    elif which == _CLOSURE:
        yield _first_line(node), _last_line(node), _of_closure(source, node, chains)
    elif which == _MATCH:
        yield from _of_match(source, node, chains)
    elif which == _FOR:
        if (value := node.child_by_field_id(VALUE)) and (body := node.child_by_field_id(BODY)):
            items = f"{whole}.for()" if (whole := _value(source, value.start_byte, value.end_byte, chains)) else ""
            bound = bound_names(_pattern(source, node), items)
            yield _line_after(source, body.start_byte + 1, value), _last_line(body), bound
    elif which in (_IF, _WHILE):
        yield from _of_conditions(source, node, chains)


def _of_conditions(source: bytes, node: Node, chains: Chains) -> Iterator[tuple[int, int, list[Bound]]]:
    condition = node.child_by_field_id(_CONDITION)
    body = node.child_by_field_id(_CONSEQUENCE if node.kind_id == _IF else BODY)
    if condition is None or body is None:
        return
    for one in [condition] if condition.kind_id == _LET_CONDITION else children(condition):
        if one.kind_id == _LET_CONDITION and (value := one.child_by_field_id(VALUE)):
            whole = _value(source, value.start_byte, value.end_byte, chains)
            yield _line_after(source, one.end_byte, one), _last_line(body), bound_names(_pattern(source, one), whole)


def _of_match(source: bytes, node: Node, chains: Chains) -> Iterator[tuple[int, int, list[Bound]]]:
    value, body = node.child_by_field_id(VALUE), node.child_by_field_id(BODY)
    if value is None or body is None:
        return
    whole = _value(source, value.start_byte, value.end_byte, chains)
    for arm in children(body):
        if arm.kind_id == _MATCH_ARM and (bound := bound_names(_pattern(source, arm), whole)):
            yield _first_line(arm), _last_line(arm), bound


def _of_let(source: bytes, node: Node, chains: Chains) -> list[Bound]:
    """Names that a `let` binds, each with its written type or its value."""
    let = _LET.match(source, node.start_byte)
    written = node.child_by_field_id(TYPE) if let is None or let[2] == b":" else None
    if let and written:
        return [(let[1].decode(errors="replace"), _text(source, written))]
    value = node.child_by_field_id(VALUE)
    whole = _value(source, value.start_byte, value.end_byte, chains) if value and not written else ""
    if let:
        return [(let[1].decode(errors="replace"), whole)]
    return bound_names(_pattern(source, node), whole)


def _of_closure(source: bytes, node: Node, chains: Chains) -> list[Bound]:
    """Parameters of a closure: what is written, or `f(|0,1|)` for the second of the closure that `f` takes first."""
    parameters = node.child_by_field_id(PARAMETERS)
    found: list[Bound] = []
    called = ""
    position = 0
    for one in children(parameters) if parameters else ():
        if not one.is_named:  # `_` is not, either
            position += source[one.start_byte] == ord(",")
            continue
        written = one.child_by_field_id(TYPE) if one.kind_id == _PARAMETER else None
        pattern = one.child_by_field_id(PATTERN) if one.kind_id == _PARAMETER else one
        if pattern is None:
            continue
        called = called or _call_of(source, node, chains) or "?"
        whole = _text(source, written) if written else f"{called}{position}|)" if called != "?" else ""
        bound = bound_names(_text(source, pattern), whole)
        # A part of a type is none of an expression.
        found += [(name, text if text == whole or not written else "") for name, text in bound]
    return found


def _call_of(source: bytes, closure: Node, chains: Chains) -> str:
    """The call that a closure is the last argument of, up to the closure's position: `a.map(|0,`."""
    end = _LAST_ARGUMENT.match(source, closure.end_byte)
    chain = chains.ending.get(end.end()) if end else None
    if end is None or chain is None:
        return ""
    before = source[chains.opening[end.end()] + 1 : closure.start_byte]
    if len(before) > _MAX_ARGUMENT_BYTES:
        return ""
    position = depth = 0
    for character in before:
        depth += (character in b"([{") - (character in b")]}")
        position += character == ord(",") and depth == 0
    return f"{chain[0][:-1]}|{position},"


def _value(source: bytes, start: int, end: int, chains: Chains, depth: int = _MAX_WRAPPERS) -> str:
    """`Foo::new()` of `Foo::new(x)`, `Foo` of `Foo { … }`, `a.b` of `&a.b`, `Arc::new(a)` of the same; else nothing."""
    taken = _TAKEN.match(source, start, end)
    start = taken.end() if taken else start
    if (wrapped := _WRAPPED.match(source, start, end)) and chains.ending.get(end, ("", -1))[1] == start and depth:
        inner = _value(source, wrapped.end(), end - 1, chains, depth - 1)
        return f"{wrapped[1].decode()}({inner})" if len(inner) < MAX_CHAIN_CHARACTERS else ""
    if held := _HELD.fullmatch(source, start, end):
        return held[0].decode(errors="replace")
    if chain := chains.expression(end):
        return chain[0] if chain[1] == start else ""
    if source.startswith(b"}", end - 1) and (literal := _LITERAL.match(source, start, end)):
        return literal[1].decode(errors="replace")
    return ""


def _pattern(source: bytes, node: Node) -> str:
    pattern = node.child_by_field_id(PATTERN)
    return _text(source, pattern) if pattern else ""


def _text(source: bytes, node: Node) -> str:
    limit = max(MAX_SIGNATURE_CHARACTERS, MAX_PATTERN_CHARACTERS + 1)
    return one_line(source, node.start_byte, node.end_byte, limit)


def _first_line(node: Node) -> int:
    return node.start_point.row + 1


def _last_line(node: Node) -> int:
    return node.end_point.row + 1


def _line_after(source: bytes, end: int, node: Node) -> int:
    """The line after what ends there, or its own where code follows on it."""
    rest = source[end : source.find(b"\n", end) % (len(source) + 1)]
    rest = rest.strip(b" \t\r;{")
    return _last_line(node) + (not rest or rest.startswith(b"//"))
