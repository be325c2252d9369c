"""Values of Rust's types across a snapshot: the types of their fields and items, and of what functions return."""

from repoloom_stages.linking.rust_foreign import beneath, item_of
from repoloom_stages.linking.rust_modules import MAX_KNOWN
from repoloom_stages.linking.rust_std import FUTURES, ITERATORS, RESULTS
from repoloom_stages.linking.rust_text import TUPLE, UNKNOWN, TypeText, parse_generics, parse_type, split_top
from repoloom_stages.linking.rust_type import NOTHING, Type
from repoloom_stages.linking.rust_types import MAX_ALIASES, Context, RustTypes
from repoloom_stages.linking.snapshot_facts import Place, SnapshotFacts

CLOSURES = frozenset({"Fn", "FnMut", "FnOnce"})


class RustValues:
    """What comes of a value whose type is known."""

    def __init__(self, facts: SnapshotFacts, types: RustTypes) -> None:
        self._facts, self._types = facts, types
        self._items: dict[Type, Type] = {}

    def forget(self) -> None:
        """Find everything anew: the files have changed."""
        self._items.clear()

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
            return found if found.name else self._types.associated_type(kind, "Item", depth)
        found = self._types.associated_type(kind, "Item", depth, ITERATORS)
        if found.name or depth > MAX_ALIASES:
            return found
        target = self._types.deref(kind)
        return self._item(target, depth + 1) if target.name else NOTHING

    def awaited(self, kind: Type) -> Type:
        """What a future yields; of an async function's type, that is known already."""
        kind = beneath(kind)
        for one in (kind, *kind.bounds):
            if one.place is None and one.name in FUTURES:
                return one.arguments[0] if one.arguments else NOTHING
        found = self._types.associated_type(kind, "Output", 0, FUTURES) if kind.place else NOTHING
        return found if found.name else kind

    def field(self, kind: Type, name: str, depth: int = 0) -> Type:
        """Type of a field, of the struct itself or of what it points to."""
        kind = beneath(kind)
        if kind.place is None and kind.name in RESULTS and kind.arguments and depth < MAX_ALIASES:
            return self.field(kind.arguments[0], name, depth + 1)
        if kind.name == TUPLE and name.isdigit() and int(name) < len(kind.arguments):
            return kind.arguments[int(name)]
        if kind.place is None or depth > MAX_ALIASES:
            return NOTHING
        symbol = self._facts.symbol(kind.place)
        if symbol.kind == "struct":
            for field, text in symbol.members:
                if field == name:
                    context = Context(
                        kind.place, kind, tuple(zip(parse_generics(symbol.generics), kind.arguments, strict=False))
                    )
                    return self._types.of(parse_type(text), context)
        target = self._types.deref(kind)
        return self.field(target, name, depth + 1) if target.name else NOTHING

    def part(self, path: str, name: str, context: Context) -> Type:
        """A field of a struct, or what a variant holds, by the path in a pattern."""
        kind = self._types.of(parse_type(path), context)
        if kind.place is None:
            return NOTHING
        symbol = self._facts.symbol(kind.place)
        if symbol.kind == "struct":
            return self.field(kind, name)
        variant = path.rpartition("::")[2]
        held = next((text for one, text in symbol.members if one == variant), "")
        return self._types.of(_part_of(held, name), Context(kind.place, kind))

    def returned(self, function: Place, kind: Type = NOTHING) -> Type:
        """What a function returns when it is called on such a type."""
        symbol = self._facts.symbol(function)
        text = parse_type(symbol.returns)
        return NOTHING if text is UNKNOWN else self._types.of(text, self._called_on(function, kind))

    def given(self, function: Place, kind: Type, argument: int, position: int) -> Type:
        """What a function that is called on such a type gives the closure that is its argument."""
        members = self._facts.symbol(function).members
        if argument >= len(members):
            return NOTHING
        context = self._called_on(function, kind)
        taken = self._types.of(parse_type(members[argument][1]), context)
        for one in (taken, *taken.bounds):
            if one.name in CLOSURES and one.arguments and position < len(one.arguments[0].arguments):
                return one.arguments[0].arguments[position]
        return NOTHING

    def _called_on(self, function: Place, kind: Type) -> Context:
        """Where a function's signature is written, and what its type parameters are when it is called on a type."""
        holder = (function[0], self._facts.symbol(function).owner)
        if holder[1] < 0 or self._facts.symbol(holder).kind not in ("impl", "trait"):
            return Context(function)
        context = self._types.within(holder, kind if kind.name else self._types.self_type(function))
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
