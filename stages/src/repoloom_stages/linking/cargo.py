"""Cargo's manifests: packages, what they inherit from their workspace, and what they need.

As Cargo has it (doc.rust-lang.org/cargo/reference): the workspace of a package is the nearest manifest above with a
`[workspace]` that does not exclude it; `key.workspace = true` takes the value from there.
"""

from collections.abc import Iterator, Mapping
from posixpath import normpath
from typing import Any

from repoloom_stages.linking.manifest_values import Dependency, Package, strings_of, table_of, tables_of, text_of
from repoloom_stages.origins.globs import Globs

_SECTIONS = (("dependencies", False), ("build-dependencies", False), ("dev-dependencies", True))
_TARGETS = ("bin", "test", "example", "bench")


class Cargo:
    """The manifests of a snapshot, parsed, by folder."""

    def __init__(self, documents: Mapping[str, dict[str, Any]]) -> None:
        self._documents = documents
        self._excluded = {
            folder: Globs(
                f"{one.strip('/')}{below}" for one in strings_of(workspace, "exclude") for below in ("", "/**")
            )
            for folder, document in documents.items()
            if isinstance(workspace := document.get("workspace"), dict)
        }

    def packages(self) -> Iterator[Package]:
        """Every package; a manifest of a workspace alone is none."""
        for folder in sorted(self._documents):
            if package := self._package(folder):
                yield package

    def _package(self, folder: str) -> Package | None:
        document = self._documents[folder]
        about = table_of(document, "package")
        name = text_of(about, "name")
        if not name:
            return None
        root, workspace = self._workspace(folder)
        library = table_of(document, "lib")
        return Package(
            kind="cargo",
            name=name,
            folder=folder,
            description=_inherited(about, "description", table_of(workspace, "package")),
            dependencies=tuple(_dependencies(folder, document, root, workspace)),
            features=tuple(sorted(table_of(document, "features"))),
            library=normpath(text_of(library, "path") or "src/lib.rs"),
            code_name=(text_of(library, "name") or name).replace("-", "_"),
            targets=dict(_targets(document)),
        )

    def _workspace(self, folder: str) -> tuple[str, dict[str, Any]]:
        """Folder and table of the workspace that a package is in; its own folder and nothing if there is none."""
        above = folder
        while True:
            if above in self._excluded and not self._excluded[above].match(_below(folder, above)):
                return above, table_of(self._documents[above], "workspace")
            if not above:
                return folder, {}
            above = above.rpartition("/")[0]


def _below(path: str, folder: str) -> str:
    return path[len(folder) + 1 :] if folder else path


def _inherited(about: Mapping[str, Any], key: str, workspace: Mapping[str, Any]) -> str:
    inherits = table_of(about, key).get("workspace") is True
    return text_of(workspace if inherits else about, key)


def _targets(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for kind in _TARGETS:
        for target in tables_of(document, kind):
            if path := text_of(target, "path"):
                yield normpath(path), text_of(target, "name")


def _dependencies(
    folder: str, document: Mapping[str, Any], root: str, workspace: Mapping[str, Any]
) -> Iterator[Dependency]:
    shared = table_of(workspace, "dependencies")
    seen = set()
    platforms = [one for one in table_of(document, "target").values() if isinstance(one, dict)]
    for section, dev in _SECTIONS:
        for part in (document, *platforms):
            for alias, asked in table_of(part, section).items():
                dependency = _dependency(alias, asked, folder, root, shared, dev=dev)
                if (alias, dev) not in seen:
                    seen.add((alias, dev))
                    yield dependency


def _dependency(alias: str, asked: Any, folder: str, root: str, shared: Mapping[str, Any], *, dev: bool) -> Dependency:
    said, base = asked if isinstance(asked, dict) else {}, folder
    if said.get("workspace") is True:
        said, base = table_of(shared, alias), root
    path = text_of(said, "path")
    lies = normpath(f"{base}/{path}" if base else path) if path else None
    return Dependency(alias, text_of(said, "package") or alias, dev=dev, folder="" if lies == "." else lies)
