"""What every reader of manifests makes, and how it takes values of the type it expects from a stranger's document."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree as ET


@dataclass(frozen=True)
class Dependency:
    """What a package needs."""

    alias: str
    """Its name in the manifest, by which code calls it."""
    package: str
    """Its own name."""
    dev: bool = False
    folder: str | None = None
    """Where it lies, from the repository's root, where the manifest says so."""


@dataclass(frozen=True)
class Package:
    """What a manifest says of the folder it lies in."""

    kind: str
    """cargo, python, npm, go, maven, nuget."""
    name: str
    folder: str
    """Empty at the root of the repository."""
    description: str = ""
    dependencies: tuple[Dependency, ...] = ()
    features: tuple[str, ...] = ()
    library: str = ""
    """Of a crate: the path of its library's root below the folder."""
    code_name: str = ""
    """Of a crate: what code calls it."""
    usings: tuple[str, ...] = ()
    """Of a project of .NET: namespaces that all its files use."""
    targets: Mapping[str, str] = field(default_factory=dict)
    """Of a crate: paths below the folder that the manifest names as roots of programs and tests, by name."""


def table_of(document: Mapping[str, Any], key: str) -> dict[str, Any]:
    """The table of that key; empty if there is none."""
    value = document.get(key)
    return value if isinstance(value, dict) else {}


def text_of(document: Mapping[str, Any], key: str) -> str:
    """The string of that key; empty if there is none."""
    value = document.get(key)
    return value.strip() if isinstance(value, str) else ""


def strings_of(document: Mapping[str, Any], key: str) -> list[str]:
    """The strings in the list of that key."""
    value = document.get(key)
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def tables_of(document: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """The tables in the list of that key."""
    value = document.get(key)
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def plain_xml(text: str) -> ET.Element:
    """The root of a document of XML. One that may hold entities, which grow without bound, is refused: `ValueError`."""
    if "<!" in text.replace("<!--", "").replace("<![CDATA[", ""):
        raise ValueError("a document type")
    return ET.fromstring(text)  # noqa: S314 - what makes it unsafe, entities, has just been refused
