"""Packages: what the manifests of a snapshot say, one dataclass for every kind of them.

A manifest is a stranger's text: what is not of the expected type is taken as absent, and a manifest that cannot be read
is counted and skipped. Which package a file belongs to is for `places`.
"""

import configparser
import re
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any
from xml.etree import ElementTree as ET

import orjson

from repoloom_stages.linking.cargo import Cargo
from repoloom_stages.linking.dotnet import PROJECT_ENDINGS, read_project
from repoloom_stages.linking.manifest_values import Dependency, Package, plain_xml, strings_of, table_of, text_of
from repoloom_stages.linking.manifests import READMES
from repoloom_stages.linking.readme import first_sentence
from repoloom_stages.links import Manifest

MAX_PURPOSE_CHARACTERS = 300

_GO_MODULE = re.compile(r'^module[ \t]+"?([^\s"]+)', re.MULTILINE)
_GO_REQUIRE = re.compile(r'^(?:require[ \t]+|[ \t]+)"?([\w.~-]+(?:/[\w.~-]+)+)"?[ \t]+v\d', re.MULTILINE)
_GO_REPLACE = re.compile(
    r'^(?:replace[ \t]+|[ \t]+)"?([^\s"]+)"?(?:[ \t]+v\S+)?[ \t]+=>[ \t]+"?(\.\.?/[^\s"]*)', re.MULTILINE
)
_PYTHON_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Packages:
    """The packages of a snapshot, by folder and kind, their names distinct."""

    found: tuple[Package, ...] = ()
    broken: int = 0
    """Manifests that could not be read."""
    readmes: dict[str, str] = field(default_factory=dict)
    """First sentence of the README by its folder."""

    def purpose(self, package: Package) -> str:
        """What it is for: its description, else its README's first sentence."""
        return package.description or self.readmes.get(package.folder, "")


def read_packages(manifests: Iterable[Manifest]) -> Packages:
    """Every package that a manifest of the snapshot describes. A process that does several shards of it reads once."""
    return _read(tuple((manifest["path"], manifest["text"]) for manifest in manifests))


@lru_cache(maxsize=1)
def _read(manifests: tuple[tuple[str, str], ...]) -> Packages:
    """From the paths and texts of manifests."""
    readmes: dict[str, str] = {}
    cargo: dict[str, dict[str, Any]] = {}
    found: list[Package] = []
    broken = 0
    for path, text in manifests:
        folder, _, name = path.rpartition("/")
        if name.lower() in READMES:
            readmes[folder] = first_sentence(text)[:MAX_PURPOSE_CHARACTERS]
            continue
        try:
            if name == "Cargo.toml":
                cargo[folder] = tomllib.loads(text)
            elif name.endswith(PROJECT_ENDINGS):
                found.append(read_project(path, text))
            elif package := _READERS[name](folder, text):
                found.append(package)
        except (ValueError, RecursionError, ET.ParseError, configparser.Error):
            broken += 1
    found += Cargo(cargo).packages()
    return Packages(tuple(_distinct(found)), broken, readmes)


def _distinct(packages: list[Package]) -> Iterable[Package]:
    """The packages by folder and kind; of those of one name and kind, all but the first are told by their folder."""
    seen: set[str] = set()
    for package in sorted(packages, key=lambda one: (one.folder.count("/"), one.folder, one.kind)):
        name = package.name if package.name not in seen else f"{package.name} ({package.folder or package.kind})"
        seen.add(name)
        description = " ".join(package.description.split())[:MAX_PURPOSE_CHARACTERS]
        yield replace(package, name=name, description=description)


def _pyproject(folder: str, text: str) -> Package | None:
    document = tomllib.loads(text)
    project = table_of(document, "project")
    poetry = table_of(table_of(document, "tool"), "poetry")
    about = project or poetry
    name = text_of(about, "name")
    if not name:
        return None
    required = [
        *strings_of(project, "dependencies"),
        *(one for one in table_of(poetry, "dependencies") if one != "python"),
    ]
    groups = [*table_of(project, "optional-dependencies").items(), *table_of(document, "dependency-groups").items()]
    dev = [one for _, group in groups if isinstance(group, list) for one in group if isinstance(one, str)]
    return Package(
        kind="python",
        name=name,
        folder=folder,
        description=text_of(about, "description"),
        dependencies=(*_python_dependencies(required, dev=False), *_python_dependencies(dev, dev=True)),
        features=tuple(sorted(table_of(project, "optional-dependencies"))),
    )


def _setup_cfg(folder: str, text: str) -> Package | None:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.read_string(text)
    name = parser.get("metadata", "name", fallback="")
    if not name:
        return None
    required = parser.get("options", "install_requires", fallback="").splitlines()
    description = parser.get("metadata", "description", fallback="")
    return Package("python", name, folder, description, tuple(_python_dependencies(required, dev=False)))


def _python_dependencies(required: Iterable[str], *, dev: bool) -> Iterable[Dependency]:
    for one in required:
        if found := _PYTHON_NAME.match(one.strip()):
            yield Dependency(found[0], found[0], dev=dev)


def _package_json(folder: str, text: str) -> Package | None:
    document = orjson.loads(text)
    if not isinstance(document, dict) or not (name := text_of(document, "name")):
        return None
    normal = [*table_of(document, "dependencies"), *table_of(document, "peerDependencies")]
    dependencies = [
        *(Dependency(one, one) for one in dict.fromkeys(normal)),
        *(Dependency(one, one, dev=True) for one in table_of(document, "devDependencies")),
    ]
    return Package("npm", name, folder, text_of(document, "description"), tuple(dependencies))


def _go_mod(folder: str, text: str) -> Package | None:
    module = _GO_MODULE.search(text)
    if not module:
        return None
    replaced = dict(_GO_REPLACE.findall(text))
    dependencies = tuple(
        Dependency(one, one, folder=replaced.get(one)) for one in dict.fromkeys(_GO_REQUIRE.findall(text))
    )
    return Package("go", module[1], folder, "", dependencies)


def _pom(folder: str, text: str) -> Package | None:
    root = plain_xml(text)
    space = root.tag.rpartition("}")[0] + "}" if root.tag.startswith("{") else ""
    name = (root.findtext(f"{space}artifactId") or "").strip()
    if not name:
        return None
    dependencies = []
    for one in root.iterfind(f"{space}dependencies/{space}dependency"):
        artifact = (one.findtext(f"{space}artifactId") or "").strip()
        test = (one.findtext(f"{space}scope") or "").strip() == "test"
        if artifact:
            dependencies.append(Dependency(artifact, artifact, dev=test))
    return Package("maven", name, folder, root.findtext(f"{space}description") or "", tuple(dependencies))


_READERS: dict[str, Callable[[str, str], Package | None]] = {
    "pyproject.toml": _pyproject,
    "setup.cfg": _setup_cfg,
    "package.json": _package_json,
    "go.mod": _go_mod,
    "pom.xml": _pom,
}
