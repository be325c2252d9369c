"""Rust's types across a snapshot: what a type's text means where it is written, and which impls there are of it.

There is no type inference here. A type is known where a signature, a field or a constructor says it; trait bounds are
followed as written; whatever is left unsaid stays unknown, and so does what is called on it.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from repoloom_stages.linking.rust_foreign import beneath
from repoloom_stages.linking.rust_impls import Impls
from repoloom_stages.linking.rust_modules import MAX_KNOWN, RustModules
from repoloom_stages.linking.rust_std import POINTERS
from repoloom_stages.linking.rust_text import SLICE, TUPLE, TypeText, parse_generics, parse_type
from repoloom_stages.linking.rust_type import NOTHING, Type
from repoloom_stages.linking.snapshot_facts import Place, SnapshotFacts, Symbol

MAX_ALIASES = 16
"""Aliases of aliases, derefs of derefs, traits above traits that are followed."""

MAX_BOUND_DEPTH = 4
"""Bounds of parameters in bounds of parameters that are followed: each may name all of them again."""


class Context(NamedTuple):
    """Where a type is written, and what its parameters stand for there."""

    place: Place
    """Item in whose signature or body it is written."""
    self_type: Type = NOTHING
    given: tuple[tuple[str, Type], ...] = ()
    """Type parameters that are known, by name."""


class RustTypes:
    """The types of all crates."""

    def __init__(self, facts: SnapshotFacts, modules: RustModules, impls: Impls) -> None:
        self._facts, self._modules, self._impls = facts, modules, impls
        self._parameters: dict[Place, Mapping[str, tuple[TypeText, ...]]] = {}

    def add_impls(self, file: int) -> None:
        """Take in the impls of a file."""
        for place, symbol in self._impls_in(file):
            context = Context(place)
            trait = self.of(parse_type(symbol.bases[0]), context).place if symbol.bases else None
            if symbol.bases:
                self._impls.add_trait(place, trait)
            written = parse_type(symbol.type)
            parameters = self.parameters(place)
            if written.path not in parameters:
                self._impls.add(place, beneath(self.of(written, context)))
            elif trait:
                self._impls.add_blanket(place, trait, self._bounds(parameters[written.path], context, 0))

    def _impls_in(self, file: int) -> Iterator[tuple[Place, Symbol]]:
        for position, symbol in enumerate(self._facts.unpacked(file).symbols):
            if symbol.kind == "impl":
                yield (file, position), symbol

    def parameters(self, place: Place) -> Mapping[str, tuple[TypeText, ...]]:
        """Type parameters in scope at an item, with their bounds: its own and those of what holds it."""
        known = self._parameters.get(place)
        if known is None:
            if len(self._parameters) > MAX_KNOWN:
                self._parameters.clear()
            known = self._parameters[place] = self._read_parameters(place)
        return known

    def _read_parameters(self, place: Place) -> Mapping[str, tuple[TypeText, ...]]:
        symbols = self._facts.unpacked(place[0]).symbols
        position = place[1]
        found: dict[str, tuple[TypeText, ...]] = {}
        while position >= 0 and symbols[position].kind != "module":
            for name, bounds in parse_generics(symbols[position].generics).items():
                found[name] = (*found.get(name, ()), *bounds)
            position = symbols[position].owner
        return found

    def of(self, text: TypeText, context: Context, depth: int = 0) -> Type:
        """What a type's text means where it is written."""
        if not text.path or depth > MAX_ALIASES:
            return NOTHING
        if text.path == "Self":
            return context.self_type
        known = next((known for name, known in context.given if name == text.path and known.name), None)
        if known is None and "::" in text.path and (associated := self._of_holder(text.path, context, depth)).name:
            return associated
        return known or self._of_path(text, context, depth)

    def _of_path(self, text: TypeText, context: Context, depth: int) -> Type:
        """What a type's path means: a type parameter, a type of the snapshot, or one from elsewhere."""
        parameters = self.parameters(context.place)
        if text.path in parameters:
            bounds = self._bounds(parameters[text.path], context, depth) if depth <= MAX_BOUND_DEPTH else ()
            return Type(text.path, bounds=bounds)
        arguments = tuple(self.of(one, context, depth + 1) for one in text.arguments)
        module = self._modules.module_of(context.place)
        places = () if text.path in (TUPLE, SLICE) else self._modules.types(text.path, module)
        name = text.path.rpartition("::")[2]
        if places:
            return self._aliased(Type(name, places[0], arguments), text, context, depth)
        bounds = tuple(one for one in (self.of(more, context, depth + 1) for more in text.more) if one.place)
        return Type(name, arguments=arguments, bounds=bounds)

    def _bounds(self, bounds: Iterable[TypeText], context: Context, depth: int) -> tuple[Type, ...]:
        found = (self.of(one, context, depth + 1) for one in bounds)
        return tuple(one for one in found if one.name)

    def _aliased(self, kind: Type, text: TypeText, context: Context, depth: int) -> Type:
        """The type that an alias stands for; of a trait, something that has it."""
        assert kind.place is not None
        symbol = self._facts.symbol(kind.place)
        if symbol.kind == "trait":
            more = (self.of(one, context, depth + 1) for one in text.more)
            return Type(kind.name, kind.place, kind.arguments, (kind, *(one for one in more if one.place)))
        if symbol.kind != "type":
            return kind
        given = tuple(zip(parse_generics(symbol.generics), kind.arguments, strict=False))
        return self.of(parse_type(symbol.returns), Context(kind.place, given=given), depth + 1)

    def _of_holder(self, path: str, context: Context, depth: int) -> Type:
        """What `Self::Item` or `T::Item` means; a variant is of its enum's type."""
        head, _, name = path.rpartition("::")
        if head == "Self" or head in self.parameters(context.place):
            holder = self.holder(context.place)
            own = self._written(holder, name, context, depth) if holder and head == "Self" else NOTHING
            return own if own.name else self.associated_type(self.of(TypeText(head), context, depth + 1), name, depth)
        found, rest = self._modules.resolve(path, self._modules.module_of(context.place))
        kind = next((one for one in found if self._modules.kind(one) == "enum"), None) if len(rest) == 1 else None
        return Type(self._facts.symbol(kind).name, kind) if kind else NOTHING

    def holder(self, place: Place) -> Place | None:
        """The impl or trait around an item."""
        symbols = self._facts.unpacked(place[0]).symbols
        position = place[1]
        while position >= 0 and symbols[position].kind not in ("impl", "trait"):
            position = symbols[position].owner
        return (place[0], position) if position >= 0 else None

    def _written(self, holder: Place, name: str, context: Context, depth: int) -> Type:
        """The associated type of that name in an impl; in a trait, something that has its bounds."""
        facts = self._facts.unpacked(holder[0])
        for one in facts.named.get((holder[1], name), ()):
            symbol = facts.symbols[one]
            if symbol.kind == "type" and symbol.returns:
                return self.of(parse_type(symbol.returns), context._replace(place=holder), depth + 1)
            if symbol.kind == "type":
                bounds = (self.of(parse_type(bound), Context(holder), depth + 1) for bound in symbol.bases)
                return Type(name, bounds=tuple(bound for bound in bounds if bound.name))
        return NOTHING

    def associated_type(self, kind: Type, name: str, depth: int = 0, traits: Collection[str] = ()) -> Type:
        """The associated type of that name that a type has from its impls, of traits of such names; or its bounds."""
        if depth > MAX_ALIASES:
            return NOTHING
        for bound in kind.bounds:
            if bound.place and (found := self._written(bound.place, name, Context(bound.place, kind), depth)).name:
                return found
            if bound.place is None and name in ("Item", "Output") and bound.arguments:
                return bound.arguments[0]
        impls = self._impls.of(kind.place) if kind.place else ()
        said = [
            found
            for impl in impls
            if not traits or self._trait_name(impl) in traits
            if (found := self._written(impl, name, self.within(impl, kind), depth)).name
        ]
        return said[0] if said and all(one == said[0] for one in said) else NOTHING

    def _trait_name(self, impl: Place) -> str:
        bases = self._facts.symbol(impl).bases
        return parse_type(bases[0]).path.rpartition("::")[2] if bases else ""

    def self_type(self, place: Place) -> Type:
        """What `Self` means at an item: the type of the impl around it, the trait, or the type that it is itself."""
        symbols = self._facts.unpacked(place[0]).symbols
        position = place[1]
        while position >= 0:
            symbol = symbols[position]
            if symbol.kind == "impl":
                return self.of(parse_type(symbol.type), Context((place[0], position)))
            if symbol.kind == "trait":
                kind = Type(symbol.name, (place[0], position))
                return kind._replace(bounds=(kind,))
            if symbol.kind in ("struct", "enum"):
                return Type(symbol.name, (place[0], position))
            position = symbol.owner
        return NOTHING

    def deref(self, kind: Type) -> Type:
        """What a type of the snapshot passes calls on to: the `Target` of its impl of `Deref`."""
        assert kind.place is not None
        for impl in self._impls.of(kind.place):
            symbol = self._facts.symbol(impl)
            if symbol.bases and parse_type(symbol.bases[0]).path.rpartition("::")[2] == "Deref":
                facts = self._facts.unpacked(impl[0])
                for one in facts.named.get((impl[1], "Target"), ()):
                    return self.of(parse_type(facts.symbols[one].returns), self.within(impl, kind))
        return NOTHING

    def within(self, holder: Place, kind: Type) -> Context:
        """Where an impl's items are written, when they are used of a type: what its parameters stand for."""
        symbol = self._facts.symbol(holder)
        if symbol.kind == "impl":
            written = parse_type(symbol.type)
            while (name := written.path.rpartition("::")[2]) in POINTERS and name != kind.name and written.arguments:
                written = written.arguments[-1]
            names = [one.path for one in written.arguments]
        else:
            names = list(parse_generics(symbol.generics))
        return Context(holder, kind, tuple(zip(names, kind.arguments, strict=False)))
