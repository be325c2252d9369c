"""Types of Rust's expressions, step by step along their names, dots and calls, as far as signatures and bindings say.

What a path or a macro means is asked of the caller, who knows where the expression stands.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from repoloom_stages.linking.rust_foreign import beneath, given_to, returned_by, unwrapped
from repoloom_stages.linking.rust_scopes import Scopes
from repoloom_stages.linking.rust_snapshot import RustSnapshot
from repoloom_stages.linking.rust_std import HOLDERS, MACROS, PRIMITIVES
from repoloom_stages.linking.rust_text import expression_parts, parse_type
from repoloom_stages.linking.rust_type import NOTHING, Type
from repoloom_stages.linking.rust_types import Context
from repoloom_stages.linking.snapshot_facts import Place

MAX_STEPS = 12
"""Parts of an expression that are followed, and bindings from bindings."""

_MAKERS = ("default", "from", "new", "with")
"""How functions of a type begin that make one of it, where a macro or a derive has made them."""

_FIELD = re.compile(r"[\w.:()?|,!&]+\.\w+")
"""A binding to a field: `self.a.b`, `f().0`. No type has dots."""

_VARIABLE = re.compile(r"[a-z_]\w*")
_CLOSURE = re.compile(r"\|(\d+),(\d+)\|")
"""What a call gives its closure: `|0,1|` is the second parameter of the closure that is its first argument."""


class Where(NamedTuple):
    """Where an expression stands."""

    place: Place
    """The function or other item around it."""
    line: int
    context: Context

    @property
    def item(self) -> int:
        """Position of that item in its file; -1 for none."""
        return self.place[1]


class Expressions:
    """Types of the expressions of one file."""

    def __init__(
        self,
        rust: RustSnapshot,
        scopes: Scopes,
        path: Callable[[str, Where], Place | None],
        macro: Callable[[str, Where], Place | None],
    ) -> None:
        self._facts, self._modules, self._types = rust.facts, rust.modules, rust.types
        self._methods, self._values = rust.methods, rust.values
        self._scopes, self._path, self._macro = scopes, path, macro
        self._known: dict[tuple[Place, int, str, str], Type] = {}
        """Types of bindings, by item, line, name and text."""

    def type_of(self, expression: str, where: Where, steps: int = 0) -> Type:
        """Type of an expression of names, dots and calls."""
        first, *rest = expression_parts(expression)[: MAX_STEPS + 1] or ("",)
        if steps + len(rest) >= MAX_STEPS:
            return NOTHING
        if first.startswith("match(") and rest:
            kind = self._values.part(first[len("match(") : -1], rest[0].rstrip("?"), where.context)
            first, rest = rest[0], rest[1:]
        else:
            kind = self._first(first.rstrip("?").strip("&"), where, steps)
        kind = _unwrapped(kind, first)
        for part in rest:
            if not kind.name:
                break
            kind = _unwrapped(self._next(kind, part.rstrip("?")), part)
        return kind

    def _next(self, kind: Type, part: str) -> Type:
        """Type of a field, or of what a method returns."""
        if part == "await":
            return self._values.awaited(kind)
        if not part.endswith(")"):
            return self._values.field(kind, part) if part else kind
        path, _, argument = part[:-1].partition("(")
        name = path.partition("::")[0]
        if name == "for":
            return self._values.item(kind)
        found = self._methods.method(kind, name)
        if closure := _CLOSURE.fullmatch(argument):
            taken, position = int(closure[1]), int(closure[2])
            if found:
                return self._values.given(*found, taken, position)
            return given_to(kind, name, position, self._values.item(kind))
        return self._values.returned(*found) if found else self._from_elsewhere(kind, name)

    def _from_elsewhere(self, kind: Type, name: str) -> Type:
        inner = beneath(kind)
        return returned_by(kind, name, self._values.item(inner))

    def _first(self, first: str, where: Where, steps: int) -> Type:
        if first == "self":
            return where.context.self_type
        if first.endswith(")"):
            path, _, argument = first[:-1].partition("(")
            return self._called(path.removesuffix("::"), where, argument, steps)
        if where.item >= 0 and "::" not in first and (variable := self._variable(first, where, steps)):
            return variable
        return self._constant(first, where)

    def _called(self, path: str, where: Where, argument: str, steps: int) -> Type:
        """What a call of a path or macro returns; of `Type::new`, that is the type unless it says another."""
        if path.endswith("!"):
            return self._expanded(path[:-1], where, steps)
        callee = self._path(path, where)
        if closure := _CLOSURE.fullmatch(argument):
            return self._values.given(callee, NOTHING, int(closure[1]), int(closure[2])) if callee else NOTHING
        head, _, name = path.rpartition("::")
        kind = self._types.of(parse_type(head), where.context) if head else NOTHING
        if callee is None:
            if kind.name in HOLDERS and kind.place is None:
                held = self.type_of(argument, where, steps + 1) if argument else NOTHING
                return held if name == "clone" or not held.name else kind._replace(arguments=(held,))
            return kind if kind.place is None or name.startswith(_MAKERS) else NOTHING
        symbol = self._facts.symbol(callee)
        if symbol.kind == "struct":
            return Type(symbol.name, callee)
        return self._values.returned(callee, kind if kind.place else NOTHING)

    def _expanded(self, name: str, where: Where, steps: int) -> Type:
        """What a macro makes, where it expands to one call."""
        macro = self._macro(name, where)
        if macro is None:
            return Type(MACROS[name]) if name in MACROS else NOTHING
        call = self._facts.symbol(macro).returns
        if not call or steps >= MAX_STEPS:
            return NOTHING
        there = Where(macro, 0, Context(macro))
        return self._called(call.removesuffix("()"), there, "", steps + 1)

    def _variable(self, name: str, where: Where, steps: int) -> Type | None:
        """Type of a variable or parameter; None where no variable has that name."""
        bound = self._scopes.bound(where.item, name, where.line)
        if bound:
            key = (where.place, bound[0], name, bound[1])
            known = self._known.get(key)
            if known is None:
                known = self._bound(*bound, name, where, steps)
                if known.name or not steps:  # where steps ran out, fewer may suffice another time
                    self._known[key] = known
            return known
        for one, text in self._facts.symbol(where.place).members:
            if one == name:
                return self._types.of(parse_type(text), where.context)
        return None

    def _bound(self, line: int, text: str, name: str, where: Where, steps: int) -> Type:
        """Type of what a name is bound to from a line on."""
        # `let a = a.b();` speaks of an older `a`.
        own = re.match(r"&?(\w*)", text)
        before = where._replace(line=line - (own is not None and own[1] == name))
        is_call = text.endswith((")", "?")) and not text.startswith("(")
        if is_call or _FIELD.fullmatch(text) or (_VARIABLE.fullmatch(text) and text not in PRIMITIVES):
            return self.type_of(text, before, steps + 1)
        kind = self._types.of(parse_type(text), where.context)
        return kind if kind.place else self._constant(text, where, kind)

    def _constant(self, path: str, where: Where, otherwise: Type = NOTHING) -> Type:
        """Type of a constant or static, or of the enum of a variant."""
        if not path or not path.replace("::", "").replace("_", "").isalnum():
            return otherwise
        found, rest = self._modules.resolve(path, self._modules.module_of(where.place))
        for one in found:
            symbol = None if one[1] < 0 or rest else self._facts.symbol(one)
            if symbol and symbol.kind == "const":
                return self._types.of(parse_type(symbol.returns), Context(one))
            if symbol and symbol.kind == "struct":
                return Type(symbol.name, one)
        kind = self._types.of(parse_type(path), where.context) if "::" in path else NOTHING
        return kind if kind.place else otherwise


def _unwrapped(kind: Type, part: str) -> Type:
    """What is left of a type after the question marks that a part ends with."""
    for _ in range(len(part) - len(part.rstrip("?"))):
        kind = unwrapped(kind)
    return kind
