"""Rust's types across a snapshot: what a type's text means where it is written, and which function a method of it is.

There is no type inference here. A type is known where a signature, a field or a constructor says it; trait bounds are
followed as written; whatever is left unsaid stays unknown, and so does what is called on it.
"""

from bisect import insort
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from repoloom_stages.linking.rust_foreign import beneath, item_of
from repoloom_stages.linking.rust_modules import MAX_KNOWN, RustModules
from repoloom_stages.linking.rust_std import DEREFS, FUTURES, ITERATORS, POINTERS, POINTERS_OWN, RESULTS, RESULTS_OWN
from repoloom_stages.linking.rust_text import SLICE, TUPLE, UNKNOWN, TypeText, parse_generics, parse_type, split_top
from repoloom_stages.linking.rust_type import NOTHING, Type
from repoloom_stages.linking.snapshot_facts import Place, SnapshotFacts, Symbol

MAX_ALIASES = 16
"""Aliases of aliases, derefs of derefs, traits above traits that are followed."""

MAX_BOUND_DEPTH = 4
"""Bounds of parameters in bounds of parameters that are followed: each may name all of them again."""

CLOSURES = frozenset({"Fn", "FnMut", "FnOnce"})


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
        self._foreign: dict[str, list[Place]] = {}
        """Impls of the snapshot's traits for types from elsewhere, by the name of the type."""
        self._blanket: dict[Place, list[tuple[Place, Place]]] = {}
        """Impls of a trait for whatever has another, by that other: `impl<T: Other> Trait for T`."""
        self._traits: dict[Place, Place | None] = {}
        """Trait of each impl that has one; None where it is from elsewhere."""
        self._parameters: dict[Place, Mapping[str, tuple[TypeText, ...]]] = {}
        self._items: dict[Type, Type] = {}
        self._of_file: dict[int, set[Place]] = {}
        """Types that a file has impls of."""

    def add_impls(self, file: int) -> None:
        """Take in the impls of a file."""
        self._items.clear()
        for place, symbol in self._impls_in(file):
            context = Context(place)
            if symbol.bases:
                self._traits[place] = self.of(parse_type(symbol.bases[0]), context).place
            written = parse_type(symbol.type)
            if written.path in self.parameters(place):
                self._add_blanket(place, written.path, context)
            elif (kind := beneath(self.of(written, context))).place:
                insort(self._impls.setdefault(kind.place, []), place)
                self._of_file.setdefault(file, set()).add(kind.place)
            elif kind.name and self._traits.get(place):
                insort(self._foreign.setdefault(kind.name, []), place)

    def remove_impls(self, file: int) -> None:
        """Forget the impls of a file."""
        self._items.clear()
        for kind in self._of_file.pop(file, ()):
            self._impls[kind][:] = [one for one in self._impls[kind] if one[0] != file]
        for impls in self._foreign.values():
            impls[:] = [one for one in impls if one[0] != file]
        for pairs in self._blanket.values():
            pairs[:] = [one for one in pairs if one[0][0] != file]

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
        if known is None and "::" in text.path and (associated := self._of_holder(text.path, context, depth)).name:
            return associated
        return known or self._of_path(text, context, depth)

    def _of_holder(self, path: str, context: Context, depth: int) -> Type:
        """What `Self::Item` or `T::Item` means; a variant is of its enum's type."""
        head, _, name = path.rpartition("::")
        if head == "Self" or head in self.parameters(context.place):
            holder = self._holder(context.place)
            own = self._written(holder, name, context, depth) if holder and head == "Self" else NOTHING
            return own if own.name else self.associated_type(self.of(TypeText(head), context, depth + 1), name, depth)
        found = self.modules.resolve(path, self.modules.module_of(context.place))
        kind = next((one for one in found[0] if self.modules.kind(one) == "enum"), None) if len(found[1]) == 1 else None
        return Type(self.facts.symbol(kind).name, kind) if kind else NOTHING

    def _holder(self, place: Place) -> Place | None:
        """The impl or trait around an item."""
        symbols = self.facts.unpacked(place[0]).symbols
        position = place[1]
        while position >= 0 and symbols[position].kind not in ("impl", "trait"):
            position = symbols[position].owner
        return (place[0], position) if position >= 0 else None

    def _written(self, holder: Place, name: str, context: Context, depth: int) -> Type:
        """The associated type of that name in an impl; in a trait, something that has its bounds."""
        facts = self.facts.unpacked(holder[0])
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
        impls = self._impls.get(kind.place, ()) if kind.place else ()
        said = [
            found
            for impl in impls
            if not traits or self._trait_name(impl) in traits
            if (found := self._written(impl, name, self.within(impl, kind), depth)).name
        ]
        return said[0] if said and all(one == said[0] for one in said) else NOTHING

    def _trait_name(self, impl: Place) -> str:
        bases = self.facts.symbol(impl).bases
        return parse_type(bases[0]).path.rpartition("::")[2] if bases else ""

    def item(self, kind: Type) -> Type:
        """What one goes through in a type."""
        kind = beneath(kind)
        known = self._items.get(kind)
        if known is None:
            if len(self._items) > MAX_KNOWN:
                self._items.clear()
            known = self._items[kind] = self._item(kind, 0)
        return known

    def _item(self, kind: Type, depth: int) -> Type:
        kind = beneath(kind)
        found = item_of(kind)
        if found.name or kind.place is None:
            return found if found.name else self.associated_type(kind, "Item", depth)
        found = self.associated_type(kind, "Item", depth, ITERATORS)
        if found.name or depth > MAX_ALIASES:
            return found
        target = self._deref(kind)
        return self._item(target, depth + 1) if target.name else NOTHING

    def awaited(self, kind: Type) -> Type:
        """What a future yields; of an async function's type, that is known already."""
        kind = beneath(kind)
        for one in (kind, *kind.bounds):
            if one.place is None and one.name in FUTURES:
                return one.arguments[0] if one.arguments else NOTHING
        found = self.associated_type(kind, "Output", 0, FUTURES) if kind.place else NOTHING
        return found if found.name else kind

    def part(self, path: str, name: str, context: Context) -> Type:
        """A field of a struct, or what a variant holds, by the path in a pattern."""
        kind = self.of(parse_type(path), context)
        if kind.place is None:
            return NOTHING
        symbol = self.facts.symbol(kind.place)
        if symbol.kind == "struct":
            return self.field(kind, name)
        variant = path.rpartition("::")[2]
        held = next((text for one, text in symbol.members if one == variant), "")
        return self.of(_part_of(held, name), Context(kind.place, kind))

    def given(self, function: Place, kind: Type, argument: int, position: int) -> Type:
        """What a function that is called on such a type gives the closure that is its argument."""
        members = self.facts.symbol(function).members
        if argument >= len(members):
            return NOTHING
        context = self._called_on(function, kind)
        taken = self.of(parse_type(members[argument][1]), context)
        for one in (taken, *taken.bounds):
            if one.name in CLOSURES and one.arguments and position < len(one.arguments[0].arguments):
                return one.arguments[0].arguments[position]
        return NOTHING

    def _of_path(self, text: TypeText, context: Context, depth: int) -> Type:
        """What a type's path means: a type parameter, a type of the snapshot, or one from elsewhere."""
        parameters = self.parameters(context.place)
        if text.path in parameters:
            bounds = self._bounds(parameters[text.path], context, depth) if depth <= MAX_BOUND_DEPTH else ()
            return Type(text.path, bounds=bounds)
        arguments = tuple(self.of(one, context, depth + 1) for one in text.arguments)
        module = self.modules.module_of(context.place)
        places = () if text.path in (TUPLE, SLICE) else self.modules.types(text.path, module)
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

    def method(self, kind: Type, name: str, depth: int = 0) -> tuple[Place, Type] | None:
        """The function that a method call on such a type means, with the type that has it; None where unsure."""
        if depth > MAX_ALIASES:
            return None
        for bound in kind.bounds:
            if bound.place and (found := self.in_trait(bound.place, name)):
                return found, kind
        if kind.place is None:
            inner = self._passed_on(kind, name)
            return self.method(inner, name, depth + 1) if inner else self._for_foreign(kind, name)
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

    def _for_foreign(self, kind: Type, name: str) -> tuple[Place, Type] | None:
        """A method that a trait of the snapshot gives a type from elsewhere."""
        if (kind.name in RESULTS and name in RESULTS_OWN) or (kind.name in POINTERS and name in POINTERS_OWN):
            return None
        impls = (impl for one in (kind.name, DEREFS.get(kind.name, "")) for impl in self._foreign.get(one, ()))
        found = [one for impl in impls for one in self.owned(impl, name) or self._by_default(impl, name)]
        return (found[0], kind) if len(found) == 1 else None

    def trait_of(self, function: Place) -> Place | None:
        """The trait of the snapshot that a function is written in, or in an impl of."""
        holder = self._holder(function)
        return holder if holder and self.facts.symbol(holder).kind == "trait" else self._traits.get(holder or function)

    def _by_default(self, impl: Place, name: str) -> list[Place]:
        trait = self._traits.get(impl)
        return self.owned(trait, name) if trait else []

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
        kind = beneath(kind)
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
        return NOTHING if text is UNKNOWN else self.of(text, self._called_on(function, kind))

    def _called_on(self, function: Place, kind: Type) -> Context:
        """Where a function's signature is written, and what its type parameters are when it is called on a type."""
        holder = (function[0], self.facts.symbol(function).owner)
        if holder[1] < 0 or self.facts.symbol(holder).kind not in ("impl", "trait"):
            return Context(function)
        context = self.within(holder, kind if kind.name else self.self_type(function))
        return context._replace(place=function)


def _part_of(held: str, name: str) -> TypeText:
    """The type of a part of `(u8, String)` or `{ at: u64 }`."""
    if held.startswith("("):
        parts = parse_type(held).arguments
        return parts[int(name)] if name.isdigit() and int(name) < len(parts) else UNKNOWN
    for one in split_top(held.strip("{} "), ","):
        field, colon, written = one.partition(":")
        if colon and field.split()[-1:] == [name]:
            return parse_type(written)
    return UNKNOWN
