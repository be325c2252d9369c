"""Valid documents, damaged at random: the same seed damages in the same way."""

import copy
import random
from collections.abc import Callable, Iterator
from typing import Any

Place = tuple[Any, Any]
"""A mapping or list, and a key or position in it."""

_JUNK: tuple[Any, ...] = (
    *(None, True, False, -1, 0, 1, 0.5, 64.0, 10**12, -(10**30), float("nan")),
    *("", "example", "No Name", "-option", "x" * 3000, "line\nbreak", "1"),
    *([], {}, [None], [[]], [{}], {"name": "example"}, {"unknown": {"deep": [1, {"er": None}]}}),
)
_UNKNOWN = ("unknown", "Name", "max_tokens", "name", "from", "none", "text", "", "a.b", "spec")


def mutated(document: Any, seed: int) -> Any:
    """The document with one to three changes, which may cancel each other or do no harm."""
    choose = random.Random(seed)
    result = copy.deepcopy(document)
    for _ in range(choose.choice((1, 1, 2, 3))):
        places = list(_places(result))
        if places:
            holder, key = choose.choice(places)
            choose.choice(_CHANGES)(holder, key, choose, places)
    return result


def _places(value: Any) -> Iterator[Place]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield value, key
        yield from _places(child)


def _remove(holder: Any, key: Any, _: random.Random, __: list[Place]) -> None:
    del holder[key]


def _replace(holder: Any, key: Any, choose: random.Random, _: list[Place]) -> None:
    holder[key] = copy.deepcopy(choose.choice(_JUNK))


def _double(holder: Any, key: Any, choose: random.Random, _: list[Place]) -> None:
    if isinstance(holder[key], list) and holder[key]:
        holder[key].append(copy.deepcopy(choose.choice(holder[key])))
    elif isinstance(holder, list):
        holder.insert(key, copy.deepcopy(holder[key]))


def _lengthen(holder: Any, key: Any, choose: random.Random, _: list[Place]) -> None:
    if isinstance(holder[key], list) and holder[key]:
        holder[key] *= choose.choice((2, 10, 65))
    elif isinstance(holder[key], str):
        holder[key] *= choose.choice((2, 20, 300))


def _scale(holder: Any, key: Any, choose: random.Random, _: list[Place]) -> None:
    if isinstance(holder[key], int | float):
        holder[key] *= choose.choice((-1, 0, 0.1, 2, 10**4, 10**9))


def _add(holder: Any, key: Any, choose: random.Random, _: list[Place]) -> None:
    target = holder[key] if isinstance(holder[key], dict) else holder
    if isinstance(target, dict):
        target[choose.choice(_UNKNOWN)] = copy.deepcopy(choose.choice(_JUNK))


def _swap(holder: Any, key: Any, choose: random.Random, places: list[Place]) -> None:
    other, there = choose.choice(places)
    holder[key] = copy.deepcopy(other[there])


def _wrap(holder: Any, key: Any, choose: random.Random, _: list[Place]) -> None:
    holder[key] = choose.choice(([holder[key]], {"name": holder[key]}, str(holder[key])))


_CHANGES: tuple[Callable[[Any, Any, random.Random, list[Place]], None], ...] = (
    *(_remove, _replace, _double, _lengthen),
    *(_scale, _add, _swap, _wrap),
)
