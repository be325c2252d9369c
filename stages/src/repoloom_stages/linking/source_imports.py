"""Imports of languages other than Rust: which files of the snapshot an import names, and which item in them.

Python's modules, Go's and Java's packages are found by the paths that `places` gave them, JavaScript's and C's by where
files lie. What is not of the snapshot is no file; a name that could be two files is none.
"""

from collections.abc import Iterable, Iterator, Sequence
from posixpath import normpath
from typing import NamedTuple

from repoloom_stages.linking.dotnet import DOTNET
from repoloom_stages.linking.manifest_values import Package
from repoloom_stages.linking.manifests import folder_of
from repoloom_stages.linking.snapshot_facts import SnapshotFacts

_SCRIPT_ENDINGS = (
    "", ".ts", ".tsx", ".js", ".jsx", ".mjs", ".cjs", ".mts", ".cts", ".d.ts", "/index.ts", "/index.tsx", "/index.js",
    "/index.jsx", "/index.mjs",
)  # fmt: skip
_SCRIPT_ROOTS = ("src/index", "index", "lib/index", "src/main")
SCRIPTS = frozenset({"javascript", "tsx", "typescript", "vue", "svelte"})
PACKAGED = frozenset({"csharp", "go", "java", "kotlin"})
"""Languages whose files have each other's names without importing them."""
HEADERS = frozenset({"c", "cpp", "cuda", "objective-c"})
_STANDARD_HEADERS = frozenset({
    "assert.h", "complex.h", "ctype.h", "errno.h", "fenv.h", "float.h", "inttypes.h", "iso646.h", "limits.h",
    "locale.h", "math.h", "setjmp.h", "signal.h", "stdalign.h", "stdarg.h", "stdatomic.h", "stdbool.h",
    "stddef.h", "stdint.h",
    "stdio.h", "stdlib.h", "stdnoreturn.h", "string.h", "tgmath.h", "threads.h", "time.h", "uchar.h", "unistd.h",
    "wchar.h", "wctype.h",
})  # fmt: skip

_NAMESPACE = "namespace"
"""Stands in place of a language where paths are by C#'s namespaces."""


class Imported(NamedTuple):
    """What an import names."""

    files: tuple[int, ...] = ()
    """Files that it may be in: one, or all of a package."""
    item: str = ""
    """Name of the item in them; empty where all of them is meant."""


NOTHING = Imported()


class SourceImports:
    """Finds files by what imports call them. Paths are kept and numbers looked up: a held-out file may stand in."""

    def __init__(self, facts: SnapshotFacts, packages: Sequence[Package]) -> None:
        self._facts = facts
        self._packages = {one.name: one.folder for one in packages if one.kind == "npm"}
        self._modules: dict[tuple[str, str], list[str]] = {}
        """Paths by language and module."""
        self._endings: dict[tuple[str, str], list[str]] = {}
        """Paths by language and name of the file."""
        self._usings = {one.name: dict.fromkeys(one.usings) for one in packages if one.kind == DOTNET}
        """Namespaces that all files of a project use, by its name."""
        for number in facts.linked_against():
            file = facts.files[number]
            language = _family(file.language)
            self._modules.setdefault((language, file.module), []).append(file.path)
            self._endings.setdefault((language, file.path.rpartition("/")[2]), []).append(file.path)
            if language == "csharp":
                self._usings.setdefault(file.crate, {}).update(dict.fromkeys(facts.unpacked(number).shared))
                for namespace in self._namespaces_of(number):
                    self._modules.setdefault((_NAMESPACE, namespace), []).append(file.path)

    def beside(self, number: int) -> tuple[int, ...]:
        """Files whose names a file has without importing them: those of its package, in Go and Java, and of its
        namespaces and those around them, in C#.
        """
        file = self._facts.files[number]
        if file.language == "csharp":
            around = dict.fromkeys(one for space in self._namespaces_of(number) for one in _with_outer(space))
            return self._numbers([path for one in around for path in self._modules.get((_NAMESPACE, one), ())])
        if file.language not in PACKAGED:
            return ()
        paths = self._modules.get((_family(file.language), file.module), ())
        folder = folder_of(file.path)
        return self._numbers([one for one in paths if file.language != "go" or folder_of(one) == folder])

    def shared_by(self, number: int) -> Iterable[str]:
        """Namespaces that a file of C# uses because its project says so."""
        file = self._facts.files[number]
        return self._usings.get(file.crate, ()) if file.language == "csharp" else ()

    def named(self, number: int, path: str) -> Imported:
        """What an import of that path means in a file."""
        language = self._facts.files[number].language
        if language == "python":
            return self._python(number, path)
        if language in SCRIPTS:
            return self._script(number, path)
        if language in HEADERS:
            return self._header(number, path)
        if language == "csharp":
            return Imported(self._numbers(self._modules.get((_NAMESPACE, path), ())))
        if language == "go":
            return Imported(self._numbers(self._modules.get(("go", path), ())))
        return self._package(_family(language), path)

    def _namespaces_of(self, number: int) -> list[str]:
        symbols = self._facts.unpacked(number).symbols
        modules = [one for one in symbols if one.kind == "module" and one.owner < 0]
        return list(dict.fromkeys(f"{one.of}.{one.name}".removeprefix(".") for one in modules))

    def _numbers(self, paths: Sequence[str]) -> tuple[int, ...]:
        return tuple(self._facts.number_of[one] for one in paths if one in self._facts.number_of)

    def _python(self, number: int, path: str) -> Imported:
        names = path.lstrip(".")
        dots = len(path) - len(names)
        parts = [one for one in names.split(".") if one]
        for length in range(len(parts), -1, -1):
            files = list(self._python_files(number, parts[:length], dots)) if length or dots else []
            if files and len(parts) - length <= 1:
                return Imported(self._numbers(files), parts[length] if length < len(parts) else "")
        return NOTHING

    def _python_files(self, number: int, parts: list[str], dots: int) -> Iterator[str]:
        """The module of that name: from where the file lies, by its place, or the only one whose path ends so."""
        joined = "/".join(parts)
        if dots:
            folder = self._facts.files[number].path
            for _ in range(dots):
                folder = folder_of(folder)
            base = f"{folder}/{joined}".strip("/")
            candidates = (f"{base}.py", f"{base}.pyi", f"{base}/__init__.py")
            yield from [one for one in candidates if one in self._facts.number_of][:1]
            return
        known = self._modules.get(("python", ".".join(parts)), [])
        if known:
            yield from known[:1]
            return
        name = f"{parts[-1]}.py"
        ending = f"/{joined}.py"
        found = [one for one in self._endings.get(("python", name), ()) if f"/{one}".endswith(ending)]
        yield from found if len(found) == 1 else ()

    def _script(self, number: int, path: str) -> Imported:
        where, _, item = path.partition("#")
        if where.startswith("."):
            lies = normpath(f"{folder_of(self._facts.files[number].path)}/{where}").lstrip("/")
            bases = ["" if lies == "." else lies]
        else:
            package = next((one for one in (where, "/".join(where.split("/")[:2])) if one in self._packages), "")
            if not package:
                return NOTHING
            folder, rest = self._packages[package], where[len(package) :].strip("/")
            roots = (rest, f"src/{rest}") if rest else _SCRIPT_ROOTS
            bases = [f"{folder}/{one}".strip("/") for one in roots]
        for base in bases:
            # TypeScript's own sources import `./x.js` and mean `./x.ts`.
            stems = (base, base.removesuffix(".js").removesuffix(".mjs"))
            for candidate in (f"{stem}{ending}".removeprefix("/") for stem in stems for ending in _SCRIPT_ENDINGS):
                if candidate in self._facts.number_of:
                    return Imported((self._facts.number_of[candidate],), item)
        return NOTHING

    def _header(self, number: int, path: str) -> Imported:
        """A header beside the file, else the only one whose path ends so."""
        system, path = path.startswith("<"), path.strip("<>")
        if system and path in _STANDARD_HEADERS:
            return NOTHING
        beside = normpath(f"{folder_of(self._facts.files[number].path)}/{path}").lstrip("/")
        if not system and beside in self._facts.number_of:
            return Imported((self._facts.number_of[beside],))
        ending = f"/{path.lstrip('./')}"
        name = ending.rpartition("/")[2]
        found = [one for one in self._endings.get(("c", name), ()) if f"/{one}".endswith(ending)]
        return Imported(self._numbers(found)) if len(found) == 1 else NOTHING

    def sources_of(self, number: int) -> tuple[int, ...]:
        """Files beside a header that may define what it declares."""
        stem, dot, ending = self._facts.files[number].path.rpartition(".")
        if not dot or not ending.startswith("h"):
            return ()
        return self._numbers([f"{stem}.{one}" for one in ("c", "cc", "cpp", "cxx", "cu", "m")])

    def _package(self, language: str, path: str) -> Imported:
        """A class in its package, or a package."""
        parts = path.removesuffix(".*").split(".")
        for length in range(len(parts), 0, -1):
            paths = self._modules.get((language, ".".join(parts[:length])), ())
            if paths and length == len(parts):
                return Imported(self._numbers(paths))
            if paths:
                stem = parts[length]
                named = [one for one in paths if one.rpartition("/")[2].partition(".")[0] == stem]
                return Imported(self._numbers(named), ".".join(parts[length:]))
        return NOTHING


def _with_outer(namespace: str) -> Iterator[str]:
    """`A.B.C`, `A.B` and `A`."""
    while namespace:
        yield namespace
        namespace = namespace.rpartition(".")[0]


def _family(language: str) -> str:
    """Languages that import from each other, by one name."""
    if language in SCRIPTS:
        return "javascript"
    if language in HEADERS:
        return "c"
    return "java" if language == "kotlin" else language
