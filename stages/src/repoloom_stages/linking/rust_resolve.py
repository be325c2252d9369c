"""Calls in Rust: which item of the snapshot each of them means, as far as the text says it.

Precision comes first: a call that could mean two things means none here.
"""

from collections import Counter
from collections.abc import Callable, Mapping

from repoloom_stages.facts import Binding, Call, IndexedFile
from repoloom_stages.linking.rust_expressions import Expressions, Where
from repoloom_stages.linking.rust_foreign import beneath
from repoloom_stages.linking.rust_scopes import Scopes
from repoloom_stages.linking.rust_snapshot import RUST, RustSnapshot
from repoloom_stages.linking.rust_std import COMMON_WORDS
from repoloom_stages.linking.rust_text import parse_type
from repoloom_stages.linking.rust_type import NOTHING
from repoloom_stages.linking.rust_types import Context
from repoloom_stages.linking.snapshot_facts import Place, SnapshotFacts

_CALLED = ("function", "struct")
"""What a path that is called can mean: a tuple struct is called to make one."""


class RustCalls:
    """Resolves the calls of files."""

    def __init__(self, rust: RustSnapshot) -> None:
        self._rust, self._unique = rust, _only_methods(rust.facts)

    def of(self, number: int, file: IndexedFile) -> Callable[[Call], Place | None]:
        """What resolves each call of a file."""
        return _InFile(self._rust, self._unique, number, file["bindings"]).callee


class _InFile:
    """Resolves the calls of one file."""

    def __init__(self, rust: RustSnapshot, unique: Mapping[str, Place], number: int, bindings: list[Binding]) -> None:
        self._facts, self._modules, self._types, self._methods = rust.facts, rust.modules, rust.types, rust.methods
        self._unique, self._number = unique, number
        self._scopes = Scopes(bindings)
        self._contexts: dict[int, Context] = {}
        self._expressions = Expressions(rust, self._scopes, self._path, self._macro)

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

    def _where(self, item: int, line: int) -> Where:
        place = (self._number, item)
        context = self._contexts.get(item)
        if context is None:
            context = Context(place, self._types.self_type(place) if item >= 0 else NOTHING)
            self._contexts[item] = context
        return Where(place, line, context)

    def _module(self, where: Where) -> Place:
        return self._modules.module_of(where.place)

    def _free(self, name: str, where: Where) -> Place | None:
        if where.item >= 0 and self._is_local(name, where):
            return None
        symbols = self._facts.unpacked(where.place[0])
        holder = where.item
        while holder >= 0 and symbols.symbols[holder].kind != "module":
            for one in symbols.named.get((holder, name), ()):
                if symbols.symbols[one].kind in _CALLED and symbols.symbols[holder].kind == "function":
                    return where.place[0], one
            holder = symbols.symbols[holder].owner
        return self._called(self._modules.members(self._module(where), name))

    def _is_local(self, name: str, where: Where) -> bool:
        """Whether a variable or parameter has that name, so that a call of it is a call of a value."""
        is_parameter = any(one == name for one, _ in self._facts.symbol(where.place).members)
        return is_parameter or self._scopes.bound(where.item, name, where.line) is not None

    def _called(self, found: tuple[Place, ...]) -> Place | None:
        return next((one for one in found if one[1] >= 0 and self._facts.symbol(one).kind in _CALLED), None)

    def _path(self, path: str, where: Where) -> Place | None:
        head, joined, name = path.rpartition("::")
        if not head:  # `::f` is, in a macro, the rest of `<T as Trait>::f`
            return None if joined else self._free(name, where)
        if head.startswith("<"):
            head = head[1:].partition(" as ")[0].rstrip(">")
        if head == "Self" or head in self._types.parameters(where.place):
            return self._methods.associated(beneath(self._types.of(parse_type(head), where.context)), name)
        found, rest = self._modules.resolve(path, self._module(where))
        if not rest:
            return self._called(found)
        if len(rest) > 1:
            return None
        kind = self._types.of(parse_type(head), where.context)
        return self._methods.associated(kind, name) if kind.place else None

    def _method(self, name: str, receiver: str, where: Where) -> Place | None:
        kind = self._expressions.type_of(receiver, where) if receiver else NOTHING
        if found := self._methods.method(kind, name):
            of_elsewhere = found[1].place is None and not found[1].bounds
            return found[0] if not of_elsewhere or self._in_scope(found[0], where) else None
        return self._only(name, unknown=not kind.name) if kind.place is None and not kind.bounds else None

    def _of_self(self, name: str, where: Where) -> Place | None:
        """A method of the impl or trait that a call stands in, or of the type that it is for."""
        symbols = self._facts.unpacked(where.place[0]).symbols
        holder = symbols[where.item].owner if where.item >= 0 else -1
        if holder >= 0 and (found := self._methods.owned((where.place[0], holder), name, on_value=True)):
            return found[0]
        other = self._methods.method(where.context.self_type, name)
        return other[0] if other else None

    def _only(self, name: str, *, unknown: bool) -> Place | None:
        """The one method of that name in the snapshot: of a trait that the file imports, or of the caller's own crate.

        Of a type from elsewhere it is only the former that can be meant, not what another crate's type has. Names of
        one word (`path`) and those that begin as many do elsewhere (`try_reserve`) may be another crate's.
        """
        place = self._unique.get(name) if name.partition("_")[0] not in (name, *COMMON_WORDS) else None
        if place is None:
            return None
        if (trait := self._methods.trait_of(place)) and self._imports(self._facts.symbol(trait).name):
            return place
        root = self._modules.root(self._number) if unknown else None
        return place if root and root == self._modules.root(place[0]) else None

    def _in_scope(self, function: Place, where: Where) -> bool:
        """Whether the trait that a type from elsewhere has a method of is known where it is called."""
        trait = self._methods.trait_of(function)
        return trait is not None and trait in self._modules.members(self._module(where), self._facts.symbol(trait).name)

    def _imports(self, name: str) -> bool:
        return any(one == name for _, one in self._facts.unpacked(self._number).imported)

    def _macro(self, name: str, where: Where) -> Place | None:
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


def _only_methods(facts: SnapshotFacts) -> dict[str, Place]:
    """Methods whose name no other function of the snapshot's Rust has, by it; of a trait with one impl, the impl's."""
    number: Counter[str] = Counter()
    found: dict[str, Place] = {}
    for file in facts.linked_against():
        if facts.files[file].language == RUST:
            symbols = facts.unpacked(file).symbols
            for position, symbol in enumerate(symbols):
                if symbol.kind != "function":
                    continue
                holder = symbols[symbol.owner].kind if symbol.owner >= 0 else ""
                number[symbol.name] += 1 if holder != "trait" or symbol.inline else 0
                if holder == "impl" or (holder == "trait" and (symbol.inline or symbol.name not in found)):
                    found[symbol.name] = (file, position)
    return {name: place for name, place in found.items() if number[name] <= 1}
