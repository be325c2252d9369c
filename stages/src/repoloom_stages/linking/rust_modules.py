"""Rust's modules across the files of a snapshot: what a path means where it is written.

A module is a place: a file, or an inline `mod` in one. Names are looked up as the language does (the module's items,
its files, `use` with its renames, globs and re-exports, crates of the workspace by their dependency's name), whatever
their visibility. Conditional compilation is not evaluated: of two definitions of one name, both are found.
"""

from collections.abc import Iterable, Sequence
from posixpath import normpath

from repoloom_stages.linking.manifest_values import Package
from repoloom_stages.linking.manifests import folder_of
from repoloom_stages.linking.snapshot_facts import Place, SnapshotFacts

MAX_DEPTH = 48
"""Re-exports of re-exports that are followed; each is a few of Python's frames deep."""

MAX_KNOWN = 200_000
"""Names whose meaning is kept, at some 400 bytes each. It is forgotten and found anew beyond."""

GLOBS = 2
"""How many times what a `use a::*` names is looked for through others of its kind."""

Found = tuple[Place, ...]

_TARGET_FOLDERS = ("tests", "examples", "benches", "src/bin")
_TYPES = ("struct", "enum", "trait", "type")


class RustModules:
    """The modules of all crates."""

    def __init__(self, facts: SnapshotFacts, packages: Sequence[Package]) -> None:
        self.facts = facts
        self._crates = {package.name: package for package in packages if package.kind == "cargo"}
        self._by_folder = {package.folder: package for package in self._crates.values()}
        self._dependencies = {name: self._needed(package) for name, package in self._crates.items()}
        self._known: dict[tuple[Place, str, int], Found] = {}
        self._taken: dict[tuple[Place, int], Found] = {}
        self._open: set[tuple[Place, str, int]] = set()
        self._cut = 0

    def forget(self) -> None:
        """Find everything anew: the files have changed."""
        self._known.clear()
        self._taken.clear()

    def module_of(self, place: Place) -> Place:
        """The module around an item."""
        return place[0], self.facts.unpacked(place[0]).module_of(place[1])

    def kind(self, place: Place) -> str:
        """Kind of an item; a file is a module."""
        return "module" if place[1] < 0 else self.facts.symbol(place).kind

    def resolve(self, path: str, module: Place, globs: int = GLOBS) -> tuple[Found, list[str]]:
        """What a path means in a module, and the part of it that lies beyond: associated items of a type.

        `globs` says how far names are looked for in what modules take everything from, as in `members`.
        """
        parts = path.split("::")
        start = self._start(parts, module, globs)
        found, rest = start
        while rest and found:
            modules = [one for one in found if self.kind(one) == "module"]
            if not modules:
                return tuple(one for one in found if self.kind(one) in _TYPES), rest
            within = self._together(self.members(one, rest[0], globs) for one in modules)
            types = [one for one in found if self.kind(one) in _TYPES]
            if not within and types:
                return tuple(types), rest
            found, rest = within, rest[1:]
        return found, rest

    def types(self, path: str, module: Place) -> Found:
        """The types that a path names in a module."""
        found, rest = self.resolve(path, module)
        return () if rest else tuple(one for one in found if self.kind(one) in _TYPES)

    def members(self, module: Place, name: str, globs: int = GLOBS) -> Found:
        """What a name means in a module, of whatever kind.

        With `globs` 0 nothing is looked for in what modules take everything from (`use a::*`); with 1 only where no
        such `use` is needed to find `a`; with 2 where one such `use` is.
        """
        key = (module, name, globs)
        known = self._known.get(key)
        if known is not None:
            return known
        if key in self._open or len(self._open) >= MAX_DEPTH:
            self._cut += 1
            return tuple(self._own(module, name))  # as in `use spawn::spawn`, where the first is a module
        before = self._cut
        self._open.add(key)
        try:
            found = self._members(module, name, globs)
        finally:
            self._open.discard(key)
        if self._cut == before or not self._open:  # what a cycle cut short may be more elsewhere
            if len(self._known) > MAX_KNOWN:
                self._known.clear()
            self._known[key] = found
        return found

    def root(self, file: int) -> Place | None:
        """The root of the crate that a file is part of, as far as the paths say."""
        for _ in range(MAX_DEPTH):
            if self._is_root(file):
                return file, -1
            above = self._above(file)
            if above is None:
                return None
            file = above[0]
        return None

    def parent(self, module: Place) -> Place | None:
        """The module around a module."""
        file, position = module
        if position >= 0:
            facts = self.facts.unpacked(file)
            return file, facts.module_of(facts.symbols[position].owner)
        return None if self._is_root(file) else self._above(file)

    def _start(self, parts: list[str], module: Place, globs: int) -> tuple[Found, list[str]]:
        """What the first part of a path means, and the parts after it."""
        here: Place | None = module
        position = 0
        while position < len(parts) and parts[position] in ("self", "super"):
            here = self.parent(here) if here and parts[position] == "super" else here
            position += 1
        if position:
            return ((here,) if here else ()), parts[position:]
        if parts[0] in ("crate", "$crate"):
            root = self.root(module[0])
            return ((root,) if root else ()), parts[1:]
        if not parts[0]:
            return self._extern(module[0], parts[1]), parts[2:]
        return self.members(module, parts[0], globs) or self._extern(module[0], parts[0]), parts[1:]

    def _members(self, module: Place, name: str, globs: int) -> Found:
        found, hides = self._named(module, name, globs)
        return found if hides or not globs else self._in_globs(module, name, globs)

    def _named(self, module: Place, name: str, globs: int) -> tuple[Found, bool]:
        """What a name means by what a module says itself; and whether that hides what is from elsewhere."""
        file, position = module
        found = self._own(module, name)
        paths = self.facts.unpacked(file).imported.get((position, name), ())
        for path in paths:
            places, rest = self.resolve(path, module, globs)
            found += () if rest else places
        return tuple(dict.fromkeys(found)), bool(found or paths)

    def _own(self, module: Place, name: str) -> list[Place]:
        """What a module holds of that name itself: its items, and the file of a module in it."""
        file, position = module
        facts = self.facts.unpacked(file)
        found: list[Place] = []
        for one in facts.named.get((position, name), ()):
            symbol = facts.symbols[one]
            if symbol.kind != "module" or symbol.inline:
                found.append((file, one))
            elif below := self._declared(module, symbol.attributes):
                found.append(below)
        if not any(self.kind(one) == "module" for one in found) and (child := self._child(module, name)):
            found.append(child)
        return found

    def _in_globs(self, module: Place, name: str, globs: int) -> Found:
        """What a name means in the modules that a module takes everything from, and those that these do.

        They do so in circles. Each is looked at once: the ways through preludes that take everything from everywhere
        are more than can be followed.
        """
        seen = {module}
        open_ = [module]
        found: dict[Place, None] = {}
        while open_:
            one = open_.pop()
            named, hides = ((), False) if one == module else self._named(one, name, globs)
            found.update(dict.fromkeys(named))
            further = () if hides else [other for other in self._taken_from(one, globs - 1) if other not in seen]
            seen.update(further)
            open_ += reversed(further)
        return tuple(found)

    def _taken_from(self, module: Place, globs: int) -> Found:
        """The modules that a module takes everything from."""
        known = self._taken.get((module, globs))
        if known is None:
            found: dict[Place, None] = {}
            for path in self.facts.unpacked(module[0]).globs.get(module[1], ()):
                places, rest = self.resolve(path, module, globs)
                found.update((one, None) for one in places if not rest and self.kind(one) == "module")
            known = self._taken[module, globs] = tuple(found)
        return known

    def _together(self, found: Iterable[Found]) -> Found:
        return tuple(dict.fromkeys(one for some in found for one in some))

    def _child(self, module: Place, name: str) -> Place | None:
        """The file that is a module's child of that name."""
        folder = self._folder(module)
        for path in (f"{folder}{name}.rs", f"{folder}{name}/mod.rs"):
            number = self.facts.number_of.get(path)
            if number is not None and number != module[0]:
                return number, -1
        return None

    def _declared(self, module: Place, attributes: list[str]) -> Place | None:
        """The file that `#[path = "…"] mod x;` names."""
        for attribute in attributes:
            said = attribute.partition("=")[2].strip().strip('"')
            if attribute.startswith("path") and said:
                folder = folder_of(self.facts.files[module[0]].path)
                number = self.facts.number_of.get(normpath(f"{folder}/{said}" if folder else said))
                return None if number is None else (number, -1)
        return None

    def _folder(self, module: Place) -> str:
        """Where the files of a module's children lie, with a slash at the end."""
        file, position = module
        path = self.facts.files[file].path
        folder, _, name = path.rpartition("/")
        names = [] if name == "mod.rs" or self._is_root(file) else [name.removesuffix(".rs")]
        facts = self.facts.unpacked(file)
        inner: list[str] = []
        while position >= 0:
            inner.insert(0, facts.symbols[position].name)
            position = facts.module_of(facts.symbols[position].owner)
        return "".join(f"{one}/" for one in (*([folder] if folder else []), *names, *inner))

    def _above(self, file: int) -> Place | None:
        """The file whose module holds a file's."""
        path = self.facts.files[file].path
        folder, _, name = path.rpartition("/")
        if name == "mod.rs":
            folder = folder_of(folder)
        candidates = [f"{folder}/mod.rs", f"{folder}.rs", *(f"{folder}/{root}.rs" for root in ("lib", "main"))]
        if package := self._package(file):
            candidates.insert(2, _in(package.folder, package.library))
        for one in candidates:
            number = self.facts.number_of.get(one)
            if number is not None and number != file:
                return number, -1
        return None

    def _package(self, file: int) -> Package | None:
        return self._crates.get(self.facts.files[file].crate)

    def _is_root(self, file: int) -> bool:
        """Whether a file is a crate's root: of a library, program, test, example, bench or build script."""
        path = self.facts.files[file].path
        package = self._package(file)
        if package is None:
            return path.rpartition("/")[2] in ("lib.rs", "main.rs")
        below = path[len(package.folder) + 1 :] if package.folder else path
        if below in (package.library, "src/main.rs", "build.rs") or below in package.targets:
            return True
        folder, _, name = below.rpartition("/")
        return folder in _TARGET_FOLDERS or (name == "main.rs" and folder_of(folder) in _TARGET_FOLDERS)

    def _extern(self, file: int, name: str) -> Found:
        """The library of another crate of the workspace, by the name that a file's crate has for it."""
        package = self._package(file)
        if package is None:
            return ()
        other = self._dependencies[package.name].get(name)
        if other is None and name == (package.code_name or package.name):
            other = package  # programs and tests use their own package's library
        if other is None:
            return ()
        number = self.facts.number_of.get(_in(other.folder, other.library))
        return () if number is None else ((number, -1),)

    def _needed(self, package: Package) -> dict[str, Package]:
        """Crates of the workspace that a package needs, by the name that its code has for them."""
        found = {}
        for one in package.dependencies:
            other = self._by_folder.get(one.folder) if one.folder is not None else self._crates.get(one.package)
            if other is not None:
                alias = other.code_name if one.alias == one.package else one.alias.replace("-", "_")
                found[alias] = other
        return found


def _in(folder: str, path: str) -> str:
    return f"{folder}/{path}" if folder else path
