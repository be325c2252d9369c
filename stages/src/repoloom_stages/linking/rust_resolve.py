"""Calls in Rust: which item of the snapshot each of them means, as far as the text says it.

Precision comes first: a call that could mean two things means none here.
"""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from repoloom_stages.facts import Binding, Call, IndexedFile
from repoloom_stages.linking.rust_modules import RustModules
from repoloom_stages.linking.rust_std import COMMON_WORDS, POINTERS
from repoloom_stages.linking.rust_text import expression_parts, parse_type
from repoloom_stages.linking.rust_types import NOTHING, Context, RustTypes, Type
from repoloom_stages.linking.snapshot_facts import Place, SnapshotFacts

MAX_STEPS = 12
"""Parts of a receiver that are followed, and bindings from bindings."""

_FIELD = re.compile(r"[\w.:()]+\.\w+")
"""A binding to a field: `self.a.b`, `f().0`. No type has dots."""

_MAKERS = ("default", "from", "new", "with")
"""How functions of a type begin that make one of it, where a macro or a derive has made them."""

_CALLED = ("function", "struct")
"""What a path that is called can mean: a tuple struct is called to make one."""


class RustCalls:
    """Resolves the calls of files."""

    def __init__(
        self, facts: SnapshotFacts, modules: RustModules, types: RustTypes, unique: Mapping[str, Place]
    ) -> None:
        self._facts, self._modules, self._types, self._unique = facts, modules, types, unique

    def of(self, number: int, file: IndexedFile) -> Callable[[Call], Place | None]:
        """What resolves each call of a file."""
        return _InFile(self._facts, self._modules, self._types, self._unique, number, file["bindings"]).callee


class _Where(NamedTuple):
    """Where an expression stands."""

    item: int
    line: int
    context: Context


class _InFile:
    """Resolves the calls of one file."""

    def __init__(
        self,
        facts: SnapshotFacts,
        modules: RustModules,
        types: RustTypes,
        unique: Mapping[str, Place],
        number: int,
        bindings: list[Binding],
    ) -> None:
        self._facts, self._modules, self._types, self._unique, self._number = facts, modules, types, unique, number
        self._bound: dict[tuple[int, str], list[tuple[int, str]]] = {}
        for item, line, name, text in bindings:
            self._bound.setdefault((item, name), []).append((line, text))

    def callee(self, call: Call) -> Place | None:
        """The item that a call means; None where that is no item of the snapshot, or unsure."""
        item, line, how, name, receiver = call
        where = self._where(item, line)
        if how == "free":
            return self._free(name, where)
        if how == "path":
            return self._path(name, where)
        if how == "self":
            return self._of_self(name, where)
        if how == "method":
            return self._method(name, receiver, where)
        return self._macro(name, where) if how == "macro" else None

    def _where(self, item: int, line: int) -> _Where:
        place = (self._number, item)
        self_type = self._types.self_type(place) if item >= 0 else NOTHING
        return _Where(item, line, Context(place, self_type))

    def _module(self, where: _Where) -> Place:
        return self._modules.module_of((self._number, where.item))

    def _free(self, name: str, where: _Where) -> Place | None:
        if where.item >= 0 and self._is_local(name, where):
            return None
        symbols = self._facts.unpacked(self._number)
        holder = where.item
        while holder >= 0 and symbols.symbols[holder].kind != "module":
            for one in symbols.named.get((holder, name), ()):
                if symbols.symbols[one].kind in _CALLED and symbols.symbols[holder].kind == "function":
                    return self._number, one
            holder = symbols.symbols[holder].owner
        return self._called(self._modules.members(self._module(where), name))

    def _is_local(self, name: str, where: _Where) -> bool:
        """Whether a variable or parameter has that name, so that a call of it is a call of a value."""
        symbol = self._facts.symbol((self._number, where.item))
        return any(one == name for one, _ in symbol.members) or (
            any(line < where.line for line, _ in self._bound.get((where.item, name), ()))
        )

    def _called(self, found: tuple[Place, ...]) -> Place | None:
        return next((one for one in found if one[1] >= 0 and self._facts.symbol(one).kind in _CALLED), None)

    def _path(self, path: str, where: _Where) -> Place | None:
        head, _, name = path.rpartition("::")
        if not head:
            return self._free(name, where)
        if head.startswith("<"):
            head = head[1:].partition(" as ")[0].rstrip(">")
        if head == "Self" or head in self._types.parameters((self._number, where.item)):
            return self._types.associated(self._types.beneath(self._types.of(parse_type(head), where.context)), name)
        found, rest = self._modules.resolve(path, self._module(where))
        if not rest:
            return self._called(found)
        if len(rest) > 1:
            return None
        kind = self._types.of(parse_type(head), where.context)
        return self._types.associated(kind, name) if kind.place else None

    def _method(self, name: str, receiver: str, where: _Where) -> Place | None:
        kind = self._type_of(receiver, where) if receiver else NOTHING
        if found := self._types.method(kind, name):
            return found[0]
        return None if kind.name else self._only(name)

    def _of_self(self, name: str, where: _Where) -> Place | None:
        """A method of the impl or trait that a call stands in, or of the type that it is for."""
        symbols = self._facts.unpacked(self._number).symbols
        holder = symbols[where.item].owner if where.item >= 0 else -1
        if holder >= 0 and (found := self._types.owned((self._number, holder), name)):
            return found[0]
        other = self._types.method(where.context.self_type, name)
        return other[0] if other else None

    def _only(self, name: str) -> Place | None:
        """The one method of that name in the snapshot, where it is of the caller's own crate.

        Names of one word (`path`) and those that begin as many do elsewhere (`try_reserve`) may be another crate's.
        """
        place = self._unique.get(name) if name.partition("_")[0] not in (name, *COMMON_WORDS) else None
        root = self._modules.root(self._number) if place else None
        return place if place and root and root == self._modules.root(place[0]) else None

    def _type_of(self, expression: str, where: _Where, steps: int = 0) -> Type:
        """Type of an expression of names, dots and calls, step by step."""
        first, *rest = expression_parts(expression)[: MAX_STEPS + 1] or [""]
        if steps + len(rest) >= MAX_STEPS:
            return NOTHING
        kind = self._first_type(first, where, steps)
        for part in rest:
            if not kind.name:
                break
            kind = self._next_type(kind, part.rstrip("?"))
        return kind

    def _next_type(self, kind: Type, part: str) -> Type:
        if part in ("await", ""):
            return kind
        if not part.endswith(")"):
            return self._types.field(kind, part)
        name = part.partition("(")[0].partition("::")[0]
        found = self._types.method(kind, name)
        if found:
            return self._types.returned(*found)
        if name in ("unwrap", "expect", "unwrap_or_default", "unwrap_unchecked") and kind.arguments and not kind.place:
            return kind.arguments[0]
        return kind if name in ("clone", "as_ref", "as_mut", "borrow", "borrow_mut", "iter", "by_ref") else NOTHING

    def _first_type(self, first: str, where: _Where, steps: int) -> Type:
        first = first.rstrip("?").strip("&")
        if first == "self":
            return where.context.self_type
        if first.endswith(")"):
            path, _, argument = first[:-1].partition("(")
            return self._call_type(path, where, argument, steps)
        if "::" in first or where.item < 0:
            return NOTHING
        return self._variable_type(first, where, steps)

    def _call_type(self, path: str, where: _Where, argument: str = "", steps: int = 0) -> Type:
        """What a call of a path returns; of `Type::new`, that is the type unless it says another."""
        path = path.removesuffix("::")
        callee = self._path(path, where)
        head = path.rpartition("::")[0]
        kind = self._types.of(parse_type(head), where.context) if head else NOTHING
        if callee is None:
            if kind.name in POINTERS:
                held = self._type_of(argument, where, steps + 1) if argument else NOTHING
                return kind._replace(arguments=(held,)) if held.name else NOTHING
            return kind if kind.place is None or path.rpartition("::")[2].startswith(_MAKERS) else NOTHING
        if self._facts.symbol(callee).kind == "struct":
            return Type(self._facts.symbol(callee).name, callee)
        return self._types.returned(callee, kind if kind.place else NOTHING)

    def _variable_type(self, name: str, where: _Where, steps: int) -> Type:
        """Type of a variable or parameter: the binding above that is nearest, else the parameter."""
        above = [one for one in self._bound.get((where.item, name), ()) if one[0] <= where.line]
        if above:
            line, text = above[-1]
            return self._binding_type(text, where._replace(line=line - 1), steps)
        for one, text in self._facts.symbol((self._number, where.item)).members:
            if one == name:
                return self._types.of(parse_type(text), where.context)
        return NOTHING

    def _binding_type(self, text: str, where: _Where, steps: int) -> Type:
        if (text.endswith((")", "?")) and not text.startswith("(")) or _FIELD.fullmatch(text):
            return self._type_of(text, where, steps + 1)
        return self._types.of(parse_type(text), where.context)

    def _macro(self, name: str, where: _Where) -> Place | None:
        """A macro by its path, by its name in the modules around, or as the only one of that name in its crate."""
        module: Place | None = self._module(where)
        if "::" in name:
            found, rest = self._modules.resolve(name, module) if module else ((), [])
            return next((one for one in found if not rest and self._modules.kind(one) == "macro"), None)
        while module:
            for one in self._modules.members(module, name):
                if self._modules.kind(one) == "macro":
                    return one
            module = self._modules.parent(module)
        return None
