"""Which definition a type's or trait's name means, across the files of a source.

It prefers to find nothing over finding the wrong one: a name that nothing leads to is left alone.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from repoloom_stages.sampling.code_file import CodeFile
from repoloom_stages.sampling.written_names import path_of, split_path

DEFINING = frozenset({"struct", "enum", "trait", "class", "interface", "type"})
"""Kinds of item that names of types and traits mean."""

MAX_NAMESAKES = 100
"""Of a name that more definitions have, only whole paths count: looking through them for each use is quadratic."""

What = TypeVar("What")

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """A name as far as its own file says what it means."""

    path: Path
    """With imports put in for what they bind, and `crate`, `self` and `super` for what they stand for."""
    home: Path
    """Module it stands in, the crate first."""
    led: bool
    """Whether a path or an import leads to it."""
    relative: bool
    """Whether that starts at the file (`./util`)."""
    opened: bool
    """Whether the file imports everything of some module, which may be where it is from."""

    @classmethod
    def read(cls, document: dict[str, Any]) -> "Reference":
        """One that was written as JSON."""
        return cls(**{**document, "path": tuple(document["path"]), "home": tuple(document["home"])})


class Scope:
    """The names that a file binds."""

    def __init__(self, file: CodeFile) -> None:
        imports = file.facts["imports"]
        namespace = _namespace(file)
        self.home = namespace or split_path(file.place["module"])
        self.before = () if namespace else self.home
        """What makes paths of the names of the file's items."""
        self._imports = {one["name"]: one["path"] for one in imports if one["name"] not in ("", "*")}
        self._opened = bool(namespace) or any(one["name"] == "*" for one in imports)

    def reference(self, written: str) -> Reference | None:
        """What a name means as far as this file says; None where it is no name."""
        path = path_of(written)
        if not path:
            return None
        bound = self._imports.get(path[0])
        where, _, there = (bound or "").partition("#")
        start = split_path(where) if where else path[:1]
        relative = bound is not None and bound.startswith(".")
        if relative and (there or start[-1:] != path[:1]):
            start = (*start, there or path[0])
        whole = self._absolute((*start, *path[1:]))
        return Reference(whole, self.home, bound is not None or len(path) > 1, relative, self._opened)

    def _absolute(self, path: Path) -> Path:
        if path[0] == "crate":
            return (*self.home[:1], *path[1:])
        home = self.home
        if path[0] not in ("self", "super"):
            return path
        while path[:1] in (("self",), ("super",)):
            home = home[:-1] if path[0] == "super" else home
            path = path[1:]
        return (*home, *path)


def _namespace(file: CodeFile) -> Path:
    """The first namespace of a file of C#, whose names do not go by folders."""
    items = file.facts["items"] if file.about["language"] == "csharp" else []
    return next((split_path(one["name"]) for one in items if one["kind"] == "module"), ())


@dataclass(frozen=True, slots=True)
class _Definition(Generic[What]):
    path: Path
    what: What


class Definitions(Generic[What]):
    """Definitions by name, each with what is wanted of it."""

    def __init__(self) -> None:
        self._by_path: dict[Path, What] = {}
        self._by_name: dict[str, list[_Definition[What]]] = {}

    def add(self, home: Path, name: str, what: What) -> None:
        """A definition in a module, by its name below that. Of equal paths the first that is added counts."""
        path = (*home, *split_path(name))
        self._by_path.setdefault(path, what)
        namesakes = self._by_name.setdefault(path[-1], [])
        if len(namesakes) <= MAX_NAMESAKES:
            namesakes.append(_Definition(path, what))

    def find(self, reference: Reference) -> What | None:
        """What a name means, or None where that is not sure."""
        path, home = reference.path, reference.home
        for exact in (path, (*home, *path)):
            if exact in self._by_path:
                return self._by_path[exact]
        named = self._by_name.get(path[-1], []) if path else []
        if not named or len(named) > MAX_NAMESAKES:
            return None
        if not reference.led:
            return _only(one for one in named if reference.opened and one.path[:1] == home[:1])
        if reference.relative:
            return _only(one for one in named if one.path[:1] == home[:1])
        parents = path[:-1]
        below = _only(one for one in named if len(parents) > 1 and one.path[:-1][-len(parents) :] == parents)
        return below or _only(one for one in named if one.path[:1] == path[:1])


def _only(found: Iterable[_Definition[What]]) -> What | None:
    """The one there is, where there is one."""
    some = list(found)
    return some[0].what if len(some) == 1 else None
