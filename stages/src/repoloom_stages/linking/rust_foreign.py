"""Types of Rust's standard library and their like: what their methods return, item by item and content by content.

Only what they hold is followed: `Vec<T>` has items of `T`, `Option<T>` holds a `T`, a lock gives what it guards.
"""

from typing import Final

from repoloom_stages.linking.rust_std import (
    ADAPTED,
    GIVEN_TO_CLOSURES,
    GUARDS,
    ITERATORS,
    KEPT,
    MAPS,
    OF_ITEMS,
    POINTERS,
    RESULTS,
    SEQUENCES,
    TO_AN_ITEM,
    UNWRAPPED,
)
from repoloom_stages.linking.rust_text import TUPLE
from repoloom_stages.linking.rust_type import NOTHING, Type

_ITERATOR: Final = "Iterator"
_VALUES = frozenset({"into_values", "values", "values_mut"})
_KEYS = frozenset({"into_keys", "keys"})
_OF_ENTRIES = frozenset({"or_default", "or_insert", "or_insert_with", "or_insert_with_key"})


def beneath(kind: Type, limit: int = 16) -> Type:
    """What a pointer from elsewhere points to."""
    for _ in range(limit):
        if kind.place or kind.name not in POINTERS or not kind.arguments:
            break
        kind = kind.arguments[-1]
    return kind


def unwrapped(kind: Type) -> Type:
    """What `?` leaves of a type, and the patterns `Some`, `Ok` and `Ready`."""
    kind = beneath(kind)
    return kind.arguments[0] if kind.place is None and kind.name in RESULTS and kind.arguments else NOTHING


def item_of(kind: Type) -> Type:
    """What one goes through in a type from elsewhere."""
    kind = beneath(kind)
    for one in (kind, *kind.bounds):
        if one.place is None and one.arguments:
            if one.name in MAPS:
                return Type(TUPLE, arguments=one.arguments[:2])
            if one.name in SEQUENCES or one.name in ITERATORS or one.name in RESULTS:
                return one.arguments[0]
    return NOTHING


def returned_by(kind: Type, name: str, item: Type) -> Type:
    """What a method from elsewhere returns of a type whose items are known, if it has any."""
    held = beneath(kind)
    if held.place is None and held.arguments and name in GUARDS.get(held.name, ()):
        return Type("Result", arguments=(Type("MutexGuard", arguments=(held.arguments[-1],)),))
    if name in KEPT:
        return kind
    found = _of_held(held, name) if held.place is None and held.arguments else NOTHING
    is_result = held.place is None and held.name in RESULTS
    return found if found.name or is_result or not item.name else _of_items(held, name, item)


def _of_held(kind: Type, name: str) -> Type:
    """What a method returns of what a type from elsewhere holds."""
    if name in ADAPTED:
        return kind
    if kind.name in RESULTS:
        return _of_result(kind, name)
    if kind.name in MAPS:
        return _of_map(kind, name)
    return kind.arguments[-1] if kind.name == "Entry" and name in _OF_ENTRIES else NOTHING


def _of_result(kind: Type, name: str) -> Type:
    if name in UNWRAPPED:
        return kind.arguments[0]
    if name in ("err", "unwrap_err", "expect_err"):
        failure = kind.arguments[1] if len(kind.arguments) > 1 else NOTHING
        return Type("Option", arguments=(failure,)) if name == "err" and failure.name else failure
    if name in ("iter", "iter_mut", "into_iter"):
        return Type(_ITERATOR, arguments=(kind.arguments[0],))
    if name in ("flatten", "transpose"):
        return unwrapped(kind)
    return NOTHING


def _of_map(kind: Type, name: str) -> Type:
    value = kind.arguments[-1]
    if name in _VALUES:
        return Type(_ITERATOR, arguments=(value,))
    if name in _KEYS:
        return Type(_ITERATOR, arguments=(kind.arguments[0],))
    if name in ("get", "get_mut", "insert", "remove"):
        return Type("Option", arguments=(value,))
    return Type("Entry", arguments=kind.arguments) if name == "entry" else NOTHING


def _of_items(kind: Type, name: str, item: Type) -> Type:
    held = NOTHING
    if name in OF_ITEMS or name in ADAPTED:
        held = item
    elif name == "enumerate":
        held = Type(TUPLE, arguments=(Type("usize"), item))
    elif name == "zip":
        held = Type(TUPLE, arguments=(item, NOTHING))
    elif name == "flatten":
        held = item_of(item)
    elif name in TO_AN_ITEM:
        return Type("Option", arguments=(item,))
    elif name in ("remove", "swap_remove") and kind.name == "Vec":
        return item
    return Type(_ITERATOR, arguments=(held,)) if held.name else NOTHING


def given_to(kind: Type, name: str, position: int, item: Type) -> Type:
    """What a method from elsewhere gives its closure at a position."""
    held = beneath(kind)
    if held.place is None and held.name in RESULTS and held.arguments:
        if name in ("map_err", "or_else", "unwrap_or_else", "inspect_err"):
            return held.arguments[1] if len(held.arguments) > 1 and position == 0 else NOTHING
        return held.arguments[0] if name in GIVEN_TO_CLOSURES and position == 0 else NOTHING
    if name in ("fold", "try_fold"):
        return item if position == 1 else NOTHING
    return item if name in GIVEN_TO_CLOSURES and (position == 0 or name in ("sort_by", "max_by", "min_by")) else NOTHING
