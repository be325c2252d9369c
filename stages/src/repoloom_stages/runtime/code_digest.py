"""What a stage's bytes depend on besides its inputs: its code, and the versions of the libraries it names."""

import ast
import os
import platform
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib import metadata
from pathlib import Path

from repoloom_api.artifacts import canonical_json, sha256_of
from repoloom_api.catalogue import CATALOGUE

PACKAGE = Path(__file__).parents[1]
ROOT = PACKAGE.name

SURROUNDINGS = frozenset(
    f"runtime.{module}"
    for module in ("stage", "connections", "memos", "checkpoints", "publication", "artifact_store", "store", "s3")
)
"""Modules a stage sees through `Inputs` and `Outputs`. They carry bytes and make none, so they are in no digest: a
better store does not rebuild everyone's datasets."""

LOCK_VARIABLE = "REPOLOOM_LOCK"
"""Names the lock file that an image was built from. Who looks up what another image makes has none of its libraries."""


@lru_cache
def code_digest(stage: str) -> str:
    """Digest of a stage's import closure inside this package, of its libraries' versions, and of Python's minor."""
    sources = {name: sha256_of(path.read_bytes()) for name, path in sorted(_closure(stage).items())}
    if "jinja2" in CATALOGUE[stage].libraries:
        templates = sorted((PACKAGE / "report" / "templates").rglob("*.j2"))
        sources |= {path.name: sha256_of(path.read_bytes()) for path in templates}
    versions = {library: _version(library) for library in sorted(CATALOGUE[stage].libraries)}
    python = ".".join(platform.python_version_tuple()[:2])
    return sha256_of(canonical_json({"sources": sources, "libraries": versions, "python": python}))


def module_name(stage: str) -> str:
    """`index-code` is the module `index_code`."""
    return stage.replace("-", "_")


def _closure(stage: str) -> dict[str, Path]:
    """Modules of this package that a stage imports, at any depth, at module level or inside functions."""
    found: dict[str, Path] = {}
    waiting = [module_name(stage)]
    while waiting:
        name = waiting.pop()
        path = _module_path(name)
        if name in found or path is None or name in SURROUNDINGS:
            continue
        found[name] = path
        waiting += _imports(path)
    return found


def _module_path(name: str) -> Path | None:
    base = PACKAGE.joinpath(*name.split("."))
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)


# A process looks up the tasks before its own too, and their stages share most modules and libraries: each is read once.
@lru_cache
def _version(library: str) -> str:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        locked = _locked()
        if library not in locked:
            raise
        return locked[library]


@lru_cache
def _locked() -> Mapping[str, str]:
    """Versions in the lock file that this installation comes from, where the environment names it."""
    lock = os.environ.get(LOCK_VARIABLE)
    packages = tomllib.loads(Path(lock).read_text())["package"] if lock else []
    times = Counter(package["name"] for package in packages)
    return {package["name"]: package["version"] for package in packages if times[package["name"]] == 1}


@lru_cache
def _imports(path: Path) -> tuple[str, ...]:
    names: list[str] = []
    for node in _statements(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return tuple(name.removeprefix(f"{ROOT}.") for name in names if name.startswith(f"{ROOT}."))


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """All statements below a node. Imports are statements; `ast.walk` spends nine tenths of its time on expressions."""
    for block in ("body", "orelse", "finalbody", "handlers", "cases"):
        for statement in getattr(node, block, ()):
            yield statement
            yield from _statements(statement)
