"""Files of resources, read as kubectl reads them.

PyYAML follows YAML 1.1 where Go's reader does not: `2e-5` is a number to kubectl and a string to PyYAML, `1:30` a
string to kubectl and 90 to PyYAML, and a key given twice is an error to kubectl and lost to PyYAML.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from repoloom_api.resources import Fault, InvalidResource, Resource, field_path, parse_resource
from repoloom_api.settings import LOCAL, SettingsConfig
from repoloom_stages.errors import BadInput

MAX_FILE_BYTES = 4_000_000
MAX_NODES = 200_000
"""Nodes of a document after its aliases are followed; a few lines of aliases can otherwise stand for billions."""


@dataclass(frozen=True)
class FileFault:
    """A fault and where its document is."""

    file: str
    line: int
    """First line of the document, from 1."""
    resource: str
    """Kind and name, as far as they can be told."""
    fault: Fault

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.resource}{self.fault}"


class InvalidFiles(BadInput):
    """Files with faults: all of them."""

    def __init__(self, faults: list[FileFault]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


class _Loader(yaml.SafeLoader):
    """Scalars as Go's reader resolves them; mappings with distinct keys."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value != "<<":
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        "", node.start_mark, f"the key {key.value!r} is given twice", key.start_mark
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def _resolvers() -> dict[str, list[tuple[str, re.Pattern[str]]]]:
    kept = {"tag:yaml.org,2002:null", "tag:yaml.org,2002:bool", "tag:yaml.org,2002:merge"}
    table: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items():
        table[first] = [(tag, pattern) for tag, pattern in pairs if tag in kept]
    return table


_Loader.yaml_implicit_resolvers = _resolvers()
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int",
    re.compile(r"^[-+]?(?:0|[1-9][0-9_]*|0x[0-9a-fA-F]+|0o?[0-7]+|0b[01]+)$"),
    list("-+0123456789"),
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"^[-+]?(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$|^[-+]?\.(?:inf|Inf|INF)$|^\.(?:nan|NaN|NAN)$"
    ),
    list("-+0123456789."),
)


def read_resources(paths: list[Path]) -> list[Resource]:
    """Every resource in the files, in order. Raises InvalidFiles with every fault in all of them."""
    resources: list[Resource] = []
    faults: list[FileFault] = []
    for path in paths:
        for line, document in _documents(path, faults):
            try:
                resources.append(parse_resource(document))
            except InvalidResource as error:
                title = _title(document)
                faults += [FileFault(str(path), line, title, fault) for fault in error.faults]
    seen: set[tuple[str, str]] = set()
    for resource in resources:
        identity = (resource.kind, resource.metadata.name)
        if identity in seen:
            fault = Fault("metadata.name", "is given twice")
            faults.append(FileFault(", ".join(map(str, paths)), 1, f"{identity[0]} {identity[1]}: ", fault))
        seen.add(identity)
    if faults:
        raise InvalidFiles(faults)
    if not resources:
        raise BadInput(f"{', '.join(map(str, paths))}: no resource in it")
    return resources


def read_settings(path: Path | None) -> SettingsConfig:
    """The `config` of a settings file (the chart's values, or that block alone); without one, the local settings."""
    if path is None:
        return LOCAL
    faults: list[FileFault] = []
    documents = [document for _, document in _documents(path, faults)]
    if faults or len(documents) != 1:
        raise InvalidFiles(faults) if faults else BadInput(f"{path}: one document is wanted, found {len(documents)}")
    config = documents[0].get("config", documents[0]) if isinstance(documents[0], dict) else documents[0]
    try:
        return parse_settings(config)
    except InvalidResource as error:
        raise InvalidFiles([FileFault(str(path), 1, "Settings: ", fault) for fault in error.faults]) from None


def parse_settings(config: Any) -> SettingsConfig:
    """Typed settings of a document. Raises InvalidResource with all faults."""
    try:
        return SettingsConfig.model_validate_json(json.dumps(config))
    except ValidationError as error:
        raise InvalidResource([Fault(field_path(one["loc"]), one["msg"]) for one in error.errors()]) from None


def _documents(path: Path, faults: list[FileFault]) -> Iterator[tuple[int, Any]]:
    """Each document with its first line; what cannot be read becomes a fault."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise BadInput(f"{path}: larger than {MAX_FILE_BYTES} bytes")
        text = path.read_text(encoding="utf-8")
        for node in yaml.compose_all(text, Loader=_Loader):
            line = node.start_mark.line + 1 if node else 1
            _bounded(node)
            loader = _Loader("")
            document = loader.construct_document(node)
            if document is not None:
                yield line, document
    except OSError as error:
        faults.append(FileFault(str(path), 1, "", Fault("", f"cannot be read: {error.strerror}")))
    except UnicodeDecodeError as error:
        faults.append(FileFault(str(path), 1, "", Fault("", f"is not UTF-8 at byte {error.start}")))
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error) or "is nested too deeply"
        faults.append(FileFault(str(path), mark.line + 1 if mark else 1, "", Fault("", f"is not YAML: {problem}")))


def _bounded(root: yaml.Node | None) -> None:
    """Raise ValueError if a document is too large once its aliases are followed."""
    waiting = [root] if root else []
    count = 0
    while waiting:
        node = waiting.pop()
        count += 1
        if count > MAX_NODES:
            raise ValueError(f"more than {MAX_NODES} nodes")
        if isinstance(node, yaml.SequenceNode):
            waiting += node.value
        elif isinstance(node, yaml.MappingNode):
            waiting += [part for pair in node.value for part in pair]


def _title(document: Any) -> str:
    if not isinstance(document, dict):
        return ""
    metadata = document.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return f"{document.get('kind', '?')} {name or '?'}: "
