"""The crates and packages of a snapshot, and which of them need each other."""

from collections import Counter
from collections.abc import Iterable, Mapping

from repoloom_stages.linking.manifest_values import Dependency, Package
from repoloom_stages.linking.packages import MAX_PURPOSE_CHARACTERS, Packages
from repoloom_stages.links import Crate, GraphFile


def crates_of(packages: Packages, files: Iterable[GraphFile], docs: Mapping[str, str]) -> list[Crate]:
    """Every package by name; `docs` are the files' own documentations by path."""
    number: Counter[str] = Counter()
    size: Counter[str] = Counter()
    for file in files:
        number[file["crate"]] += 1
        size[file["crate"]] += file["bytes"]
    names = _Names(packages.found)
    return [
        Crate(
            name=package.name,
            folder=package.folder,
            purpose=package.description or _documentation(package, docs) or packages.purpose(package),
            kind=package.kind,
            dependencies=names.here(package, dev=False),
            dev_dependencies=names.here(package, dev=True),
            external=sorted({one.package for one in package.dependencies if names.of(one, package.kind) is None}),
            features=list(package.features),
            files=number[package.name],
            bytes=size[package.name],
        )
        for package in sorted(packages.found, key=lambda one: one.name)
    ]


class _Names:
    """Which package of the snapshot a dependency is."""

    def __init__(self, packages: Iterable[Package]) -> None:
        self._by_folder = {(one.kind, one.folder): one.name for one in packages}
        self._by_name = {(one.kind, one.name): one.name for one in packages}

    def of(self, dependency: Dependency, kind: str) -> str | None:
        if dependency.folder is not None:
            return self._by_folder.get((kind, dependency.folder))
        return self._by_name.get((kind, dependency.package))

    def here(self, package: Package, *, dev: bool) -> list[str]:
        found = {self.of(one, package.kind) for one in package.dependencies if one.dev is dev}
        return sorted(name for name in found if name is not None and name != package.name)


def _documentation(package: Package, docs: Mapping[str, str]) -> str:
    """The first paragraph of a crate's or package's own documentation."""
    folder = f"{package.folder}/" if package.folder else ""
    name = package.name.replace("-", "_")
    roots = {
        "cargo": (package.library, "src/main.rs"),
        "python": (f"src/{name}/__init__.py", f"{name}/__init__.py"),
    }.get(package.kind, ())
    found = next((docs[folder + root] for root in roots if folder + root in docs), "")
    return " ".join(found.split())[:MAX_PURPOSE_CHARACTERS]
