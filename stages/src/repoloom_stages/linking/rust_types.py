"""Rust's types across a snapshot: what a type's text means where it is written, and which function a method of it is.

There is no type inference here. A type is known where a signature, a field or a constructor says it; trait bounds are
followed as written; whatever is left unsaid stays unknown, and so does what is called on it.
"""

from bisect import insort
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from repoloom_stages.linking.rust_modules import MAX_KNOWN, RustModules
from repoloom_stages.linking.rust_std import POINTERS, POINTERS_OWN, RESULTS, RESULTS_OWN
from repoloom_stages.linking.rust_text import TUPLE, UNKNOWN, TypeText, parse_generics, parse_type
from repoloom_stages.linking.snapshot_facts import Place, SnapshotFacts, Symbol

MAX_ALIASES = 16
"""Aliases of aliases, derefs of derefs, traits above traits that are followed."""


class Type(NamedTuple):
    """What a type's text means."""

    name: str = ""
    """Last part of its path; empty where it is unknown."""
    place: Place | None = None
    """Its item, where it is one of the snapshot."""
    arguments: tuple["Type", ...] = ()
    bounds: tuple["Type", ...] = ()
    """Of a type parameter, `impl` or `dyn`: its traits."""


NOTHING = Type()


class Context(NamedTuple):
    """Where a type is written, and what its parameters stand for there."""

    place: Place
    """Item in whose signature or body it is written."""
    self_type: Type = NOTHING
    given: tuple[tuple[str, Type], ...] = ()
    """Type parameters that are known, by name."""


class RustTypes:
    """The types and impls of all crates."""

    def __init__(self, facts: SnapshotFacts, modules: RustModules) -> None:
        self.facts = facts
        self.modules = modules
        self._impls: dict[Place, list[Place]] = {}
        """Impls of a type, by its item."""
        self._blanket: dict[Place, list[tuple[Place, Place]]] = {}
        """Impls of a trait for whatever has another, by that other: `impl<T: Other> Trait for T`."""
        self._traits: dict[Place, Place | None] = {}
        """Trait of each impl that has one; None where it is from elsewhere."""
        self._parameters: dict[Place, Mapping[str, tuple[TypeText, ...]]] = {}
        self._of_file: dict[int, set[Place]] = {}
        """Types that a file has impls of."""

    def add_impls(self, file: int) -> None:
        """Take in the impls of a file."""
        for place, symbol in self._impls_in(file):
            context = Context(place)
            if symbol.bases:
                self._traits[place] = self.of(parse_type(symbol.bases[0]), context).place
            written = parse_type(symbol.type)
            if written.path in self.parameters(place):
                self._add_blanket(place, written.path, context)
            elif (kind := self.beneath(self.of(written, context))).place:
                insort(self._impls.setdefault(kind.place, []), place)
                self._of_file.setdefault(file, set()).add(kind.place)

    def remove_impls(self, file: int) -> None:
        """Forget the impls of a file."""
        for kind in self._of_file.pop(file, ()):
            self._impls[kind][:] = [one for one in self._impls[kind] if one[0] != file]
        for impls in self._blanket.values():
            impls[:] = [one for one in impls if one[0][0] != file]

    def _add_blanket(self, impl: Place, parameter: str, context: Context) -> None:
        trait = self._traits.get(impl)
        for bound in self._bounds(self.parameters(impl)[parameter], context, 0) if trait else ():
            if bound.place and trait:
                insort(self._blanket.setdefault(bound.place, []), (impl, trait))

    def _impls_in(self, file: int) -> Iterator[tuple[Place, Symbol]]:
        for position, symbol in enumerate(self.facts.unpacked(file).symbols):
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
        symbols = self.facts.unpacked(place[0]).symbols
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
        return known or self._of_path(text, context, depth)

    def _of_path(self, text: TypeText, context: Context, depth: int) -> Type:
        """What a type's path means: a type parameter, a type of the snapshot, or one from elsewhere."""
        parameters = self.parameters(context.place)
        if text.path in parameters:
            return Type(text.path, bounds=self._bounds(parameters[text.path], context, depth))
        arguments = tuple(self.of(one, context, depth + 1) for one in text.arguments)
        places = () if text.path == TUPLE else self.modules.types(text.path, self.modules.module_of(context.place))
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
        symbol = self.facts.symbol(kind.place)
        if symbol.kind == "trait":
            more = (self.of(one, context, depth + 1) for one in text.more)
            return Type(kind.name, kind.place, kind.arguments, (kind, *(one for one in more if one.place)))
        if symbol.kind != "type":
            return kind
        given = tuple(zip(parse_generics(symbol.generics), kind.arguments, strict=False))
        return self.of(parse_type(symbol.returns), Context(kind.place, given=given), depth + 1)

    def self_type(self, place: Place) -> Type:
        """What `Self` means at an item: the type of the impl around it, the trait, or the type that it is itself."""
        symbols = self.facts.unpacked(place[0]).symbols
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

    def beneath(self, kind: Type) -> Type:
        """What a pointer from elsewhere points to."""
        for _ in range(MAX_ALIASES):
            if kind.place or kind.name not in POINTERS or not kind.arguments:
                break
            kind = kind.arguments[-1]
        return kind

    def method(self, kind: Type, name: str, depth: int = 0) -> tuple[Place, Type] | None:
        """The function that a method call on such a type means, with the type that has it; None where unsure."""
        if depth > MAX_ALIASES:
            return None
        for bound in kind.bounds:
            if bound.place and (found := self.in_trait(bound.place, name)):
                return found, kind
        if kind.place is None:
            inner = self._passed_on(kind, name)
            return self.method(inner, name, depth + 1) if inner else None
        if found := self._in_impls(kind, name):
            return found, kind
        target = self._deref(kind)
        return self.method(target, name, depth + 1) if target.name else None

    def _passed_on(self, kind: Type, name: str) -> Type | None:
        """What a type from elsewhere passes a method call on to."""
        if kind.name in RESULTS and name not in RESULTS_OWN and kind.arguments:
            return kind.arguments[0]  # facts leave `?` out, and what unwraps
        if kind.name in POINTERS and name not in POINTERS_OWN and kind.arguments:
            return kind.arguments[-1]
        return None

    def associated(self, kind: Type, name: str) -> Place | None:
        """The function that `Type::name` means."""
        for bound in kind.bounds:
            if bound.place and (found := self.in_trait(bound.place, name)):
                return found
        return self._in_impls(kind, name) if kind.place else None

    def _in_impls(self, kind: Type, name: str) -> Place | None:
        """A function of that name in the impls of a type, or what it has from its traits."""
        assert kind.place is not None
        impls = self._impls.get(kind.place, ())
        inherent = [one for impl in impls if impl not in self._traits for one in self.owned(impl, name)]
        if inherent:
            return inherent[0]
        # `From<A>` and `From<B>` have one name for two functions, and which is meant no text says.
        written = [one for impl in impls if impl in self._traits for one in self.owned(impl, name)]
        if written:
            return written[0] if len(written) == 1 else None
        traits = dict.fromkeys(trait for impl in impls if (trait := self._traits.get(impl)))
        given = dict.fromkeys(found for trait in traits if (found := self.in_trait(trait, name)))
        if not given:
            given = dict.fromkeys(self._from_blanket(traits, name))
        return next(iter(given)) if len(given) == 1 else None

    def _from_blanket(self, traits: Iterable[Place], name: str) -> Iterator[Place]:
        """Functions that a type has because a trait is implemented for whatever has one of its traits."""
        for has in traits:
            for impl, trait in self._blanket.get(has, ()):
                if found := self.owned(impl, name) or self.owned(trait, name):
                    yield found[0]

    def owned(self, holder: Place, name: str) -> list[Place]:
        """Functions of that name in an impl or trait."""
        facts = self.facts.unpacked(holder[0])
        found = facts.named.get((holder[1], name), ())
        return [(holder[0], one) for one in found if facts.symbols[one].kind == "function"]

    def in_trait(self, trait: Place, name: str) -> Place | None:
        """The function of that name in a trait, one above it, or one that comes with it."""
        seen, open_ = {trait}, [trait]
        while open_:
            one = open_.pop()
            symbol = self.facts.symbol(one)
            if symbol.kind == "trait":
                if found := self.owned(one, name):
                    return found[0]
                for base in symbol.bases:
                    above = self.of(parse_type(base), Context(one)).place
                    if above and above not in seen:
                        seen.add(above)
                        open_.append(above)
        found = list(dict.fromkeys(self._from_blanket(seen, name)))
        return found[0] if len(found) == 1 else None

    def _deref(self, kind: Type) -> Type:
        """What a type of the snapshot passes calls on to: the `Target` of its impl of `Deref`."""
        assert kind.place is not None
        for impl in self._impls.get(kind.place, ()):
            symbol = self.facts.symbol(impl)
            if symbol.bases and parse_type(symbol.bases[0]).path.rpartition("::")[2] == "Deref":
                facts = self.facts.unpacked(impl[0])
                for one in facts.named.get((impl[1], "Target"), ()):
                    return self.of(parse_type(facts.symbols[one].returns), self.within(impl, kind))
        return NOTHING

    def within(self, holder: Place, kind: Type) -> Context:
        """Where an impl's items are written, when they are used of a type: what its parameters stand for."""
        symbol = self.facts.symbol(holder)
        if symbol.kind == "impl":
            written = parse_type(symbol.type)
            while (name := written.path.rpartition("::")[2]) in POINTERS and name != kind.name and written.arguments:
                written = written.arguments[-1]
            names = [one.path for one in written.arguments]
        else:
            names = list(parse_generics(symbol.generics))
        return Context(holder, kind, tuple(zip(names, kind.arguments, strict=False)))

    def field(self, kind: Type, name: str, depth: int = 0) -> Type:
        """Type of a field, of the struct itself or of what it points to."""
        kind = self.beneath(kind)
        if kind.place is None and kind.name in RESULTS and kind.arguments and depth < MAX_ALIASES:
            return self.field(kind.arguments[0], name, depth + 1)
        if kind.name == TUPLE and name.isdigit() and int(name) < len(kind.arguments):
            return kind.arguments[int(name)]
        if kind.place is None or depth > MAX_ALIASES:
            return NOTHING
        symbol = self.facts.symbol(kind.place)
        if symbol.kind == "struct":
            for field, text in symbol.members:
                if field == name:
                    context = Context(
                        kind.place, kind, tuple(zip(parse_generics(symbol.generics), kind.arguments, strict=False))
                    )
                    return self.of(parse_type(text), context)
        target = self._deref(kind)
        return self.field(target, name, depth + 1) if target.name else NOTHING

    def returned(self, function: Place, kind: Type = NOTHING) -> Type:
        """What a function returns when it is called on such a type."""
        symbol = self.facts.symbol(function)
        text = parse_type(symbol.returns)
        if text is UNKNOWN:
            return NOTHING
        holder = (function[0], symbol.owner)
        if symbol.owner < 0 or self.facts.symbol(holder).kind not in ("impl", "trait"):
            return self.of(text, Context(function))
        context = self.within(holder, kind if kind.name else self.self_type(function))
        return self.of(text, context._replace(place=function))
