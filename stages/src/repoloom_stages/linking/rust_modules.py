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
        self._known: dict[tuple[Place, str], Found] = {}
        self._open: set[tuple[Place, str]] = set()
        self._cut = 0

    def forget(self) -> None:
        """Find everything anew: the files have changed."""
        self._known.clear()

    def module_of(self, place: Place) -> Place:
        """The module around an item."""
        return place[0], self.facts.unpacked(place[0]).module_of(place[1])

    def kind(self, place: Place) -> str:
        """Kind of an item; a file is a module."""
        return "module" if place[1] < 0 else self.facts.symbol(place).kind

    def resolve(self, path: str, module: Place) -> tuple[Found, list[str]]:
        """What a path means in a module, and the part of it that lies beyond: associated items of a type."""
        parts = path.split("::")
        start = self._start(parts, module)
        found, rest = start
        while rest and found:
            modules = [one for one in found if self.kind(one) == "module"]
            if not modules:
                return tuple(one for one in found if self.kind(one) in _TYPES), rest
            within = self._together(self.members(one, rest[0]) for one in modules)
            types = [one for one in found if self.kind(one) in _TYPES]
            if not within and types:
                return tuple(types), rest
            found, rest = within, rest[1:]
        return found, rest

    def types(self, path: str, module: Place) -> Found:
        """The types that a path names in a module."""
        found, rest = self.resolve(path, module)
        return () if rest else tuple(one for one in found if self.kind(one) in _TYPES)

    def members(self, module: Place, name: str) -> Found:
        """What a name means in a module, of whatever kind."""
        key = (module, name)
        known = self._known.get(key)
        if known is not None:
            return known
        if key in self._open or len(self._open) >= MAX_DEPTH:
            self._cut += 1
            return tuple(self._own(module, name))  # as in `use spawn::spawn`, where the first is a module
        before = self._cut
        self._open.add(key)
        try:
            found = self._members(module, name)
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

    def _start(self, parts: list[str], module: Place) -> tuple[Found, list[str]]:
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
        return self.members(module, parts[0]) or self._extern(module[0], parts[0]), parts[1:]

    def _members(self, module: Place, name: str) -> Found:
        file, position = module
        facts = self.facts.unpacked(file)
        found = self._own(module, name)
        for path in facts.imported.get((position, name), ()):
            places, rest = self.resolve(path, module)
            found += () if rest else places
        if not found:
            found += self._in_globs(module, name)
        return tuple(dict.fromkeys(found))

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

    def _in_globs(self, module: Place, name: str) -> Iterable[Place]:
        for path in self.facts.unpacked(module[0]).globs.get(module[1], ()):
            places, rest = self.resolve(path, module)
            for one in () if rest else places:
                if self.kind(one) == "module" and one != module:
                    yield from self.members(one, name)

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
