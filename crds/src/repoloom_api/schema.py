"""API types → CustomResourceDefinitions: `python -m repoloom_api.schema FOLDER` writes one YAML file for each kind.

pydantic's JSON schema is translated keyword by keyword into what apiextensions.k8s.io/v1 calls a structural schema.
Whatever has no counterpart there, or no bound, raises: a schema that Kubernetes would refuse or quietly drop parts of
is never written.
"""

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from repoloom_api import GROUP, VERSION
from repoloom_api.base import Model
from repoloom_api.v1alpha1 import DatasetBuild, FineTune

MAX_BYTES = 256 * 1024
"""kubectl apply keeps the whole document in an annotation, and annotations end here."""

Schema = dict[str, Any]
Column = tuple[str, str, str]
"""Heading, type and JSON path; a leading `*` on the heading keeps it for `-o wide`."""

_KEYWORDS = {
    "object": ("required", "properties"),
    "array": ("minItems", "maxItems", "x-kubernetes-list-type", "x-kubernetes-list-map-keys", "items"),
    "string": ("format", "minLength", "maxLength", "pattern", "enum"),
    "integer": ("format", "minimum", "maximum"),
    "number": ("format", "minimum", "maximum"),
    "boolean": (),
}
_ANNOTATIONS = ("description", "type", "default", "x-kubernetes-validations")
_FORMATS = {"integer": "int64", "number": "double"}
_BOUNDS = {
    "object": ({"properties"},),
    "array": ({"maxItems", "items"},),
    "string": ({"maxLength"}, {"enum"}, {"format"}),
    "integer": ({"minimum", "maximum"},),
    "number": ({"minimum", "maximum"},),
    "boolean": (set[str](),),
}


class Untranslatable(ValueError):
    """A type that no structural schema can express, or one without bounds."""


@dataclass(frozen=True)
class Kind:
    """How kubectl names a kind and what it shows of it."""

    model: type[DatasetBuild] | type[FineTune]
    plural: str
    short: str
    columns: tuple[Column, ...]


def _ready(field: str) -> str:
    return f'.status.conditions[?(@.type=="Ready")].{field}'


_STATE: tuple[Column, ...] = (
    ("READY", "string", _ready("status")),
    ("REASON", "string", _ready("reason")),
    ("TASKS", "string", ".status.progress.tasks"),
)
_ORIGIN: tuple[Column, ...] = (
    ("DIGEST", "string", ".status.current.shortDigest"),
    ("AGE", "date", ".metadata.creationTimestamp"),
    ("*WORKFLOW", "string", ".status.workflow"),
    ("*URI", "string", ".status.current.uri"),
)
KINDS = (
    Kind(
        DatasetBuild,
        "datasetbuilds",
        "dsb",
        (
            *_STATE,
            ("SAMPLES", "integer", ".status.current.samples"),
            ("TOKENS", "integer", ".status.current.tokens"),
            *_ORIGIN,
        ),
    ),
    Kind(
        FineTune,
        "finetunes",
        "ft",
        (
            *_STATE,
            ("VERDICT", "string", ".status.verdict.outcome"),
            ("GAIN", "number", ".status.verdict.gainPercent"),
            *_ORIGIN,
        ),
    ),
)


class _Generator(GenerateJsonSchema):
    """pydantic's JSON schema with the rules, the keys of lists, and defaults as they are written in YAML."""

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        result = super().model_schema(schema)
        model = schema["cls"]
        if not issubclass(model, Model):
            raise Untranslatable(f"{model.__name__} is no Model of the API")
        for field, key in model.keyed_lists():
            result["properties"][field] |= {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key]}
        if model.rules:
            result["x-kubernetes-validations"] = [{"message": rule.message, "rule": rule.cel} for rule in model.rules]
        return result

    def sort(self, value: JsonSchemaValue, parent_key: str | None = None) -> JsonSchemaValue:  # noqa: ARG002 pydantic's
        """In the order of the types, not of the alphabet."""
        return value

    def encode_default(self, dft: Any) -> Any:
        if isinstance(dft, Model):
            return dft.document()
        if isinstance(dft, tuple):
            return [self.encode_default(item) for item in dft]
        return super().encode_default(dft)


def crd(kind: Kind) -> Schema:
    """The CustomResourceDefinition of one kind."""
    name = kind.model.__name__
    root = structural(kind.model)
    root["properties"]["metadata"] = _metadata(root["properties"]["metadata"])
    root["properties"]["status"] = structural(kind.model.status_model)
    version = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": [_column(*column) for column in kind.columns],
        "schema": {"openAPIV3Schema": root},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "names": {
                "kind": name,
                "listKind": f"{name}List",
                "plural": kind.plural,
                "singular": name.lower(),
                "shortNames": [kind.short],
                "categories": ["repoloom"],
            },
            "scope": "Namespaced",
            "versions": [version],
        },
    }


def structural(model: type[Model]) -> Schema:
    """The structural schema of one type."""
    schema = model.model_json_schema(by_alias=True, mode="validation", schema_generator=_Generator)
    return _translate(schema, schema.pop("$defs", {}), model.__name__)


def _translate(node: Schema, definitions: Schema, path: str) -> Schema:
    node = _without_null(_inlined(node, definitions), definitions, path)
    node.pop("title", None)
    if node.get("additionalProperties") is False:
        node.pop("additionalProperties")  # closed is what every structural schema is
    if "const" in node:
        node["enum"] = [node.pop("const")]
    if "description" in node:
        node["description"] = " ".join(node["description"].split())
    if node.get("type") in _FORMATS:
        node["format"] = _FORMATS[node["type"]]
    keywords = _checked(node, path)
    if "items" in node:
        node["items"] = _translate(node["items"], definitions, f"{path}[]")
    if "properties" in node:
        node["properties"] = {
            field: _translate(child, definitions, f"{path}.{field}") for field, child in node["properties"].items()
        }
    return {keyword: node[keyword] for keyword in keywords if keyword in node}


def _checked(node: Schema, path: str) -> tuple[str, ...]:
    """The keywords a schema of this type may have, once it has no others, has bounds, and bounds that hold."""
    kind = node.get("type")
    if kind not in _KEYWORDS:
        raise Untranslatable(f"{path}: type {kind!r}")
    keywords = (*_ANNOTATIONS, *_KEYWORDS[kind])
    if unknown := node.keys() - {*keywords}:
        raise Untranslatable(f"{path}: {', '.join(sorted(unknown))}")
    if not any(bounds <= node.keys() for bounds in _BOUNDS[kind]):
        raise Untranslatable(f"{path}: a {kind} needs bounds")
    lowest, highest = node.get("minimum", 0), node.get("maximum", 0)
    if (lowest > 0 and lowest % 1) or (highest < 0 and highest % 1):
        raise Untranslatable(f"{path}: the API server cuts the fraction off a bound when it looks at a whole number")
    if kind == "string" and node.get("format", "date-time") != "date-time":
        raise Untranslatable(f"{path}: format {node['format']}")
    return keywords


def _inlined(node: Schema, definitions: Schema) -> Schema:
    """The node with its definition in place of a reference; what stands beside the reference wins."""
    node = dict(node)
    while reference := node.pop("$ref", None):
        node = definitions[reference.removeprefix("#/$defs/")] | node
    return node


def _without_null(node: Schema, definitions: Schema, path: str) -> Schema:
    """Optional fields are left out, never null: the API server prunes nulls."""
    if "anyOf" not in node:
        return node
    choices = [choice for choice in node.pop("anyOf") if choice != {"type": "null"}]
    if len(choices) != 1:
        raise Untranslatable(f"{path}: alternatives are optional blocks, not unions")
    if node.pop("default", None) is not None:
        raise Untranslatable(f"{path}: the API server would replace null by the default")
    return _inlined(choices[0], definitions) | node


def _metadata(node: Schema) -> Schema:
    """Kubernetes checks metadata itself and lets a CRD restrict nothing but the name, without a word beside it."""
    name = node["properties"]["name"]
    return {"type": "object", "properties": {"name": name}}


def _column(heading: str, kind: str, path: str) -> Schema:
    column: Schema = {"name": heading.removeprefix("*"), "type": kind, "jsonPath": path}
    return column | {"priority": 1} if heading.startswith("*") else column


# YAML without a YAML library: JSON's scalars are YAML's, so only blocks are laid out here.

_PLAIN = re.compile(r"\.?[A-Za-z][\w./,;'%+-]*( [\w(][\w./,;'%()+-]*)*", re.ASCII)
_OTHER_THAN_STRINGS = {"true", "false", "yes", "no", "on", "off", "y", "n", "null", ".inf", ".nan"}


def to_yaml(document: Schema) -> str:
    """The document in block style, in its own order."""
    return "\n".join(_block(document)) + "\n"


def _block(value: Any) -> Iterator[str]:
    """Lines of a mapping or list that is not empty."""
    entries = value.items() if isinstance(value, dict) else ((None, item) for item in value)
    for key, item in entries:
        head = "-" if key is None else f"{_scalar(key)}:"
        if not isinstance(item, dict | list) or not item:
            yield f"{head} {_scalar(item)}"
        elif key is None:
            first, *rest = _block(item)
            yield f"- {first}"
            yield from (f"  {line}" for line in rest)
        else:
            yield head
            yield from (f"  {line}" for line in _block(item))


def _scalar(value: Any) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _OTHER_THAN_STRINGS:
        return value
    if isinstance(value, float):
        # YAML 1.1 takes 1e-09 for a string.
        return str(int(value)) if value.is_integer() else f"{Decimal(repr(value)):f}"
    return json.dumps(value, ensure_ascii=False)


def crd_file(kind: Kind) -> str:
    """Name of the file of a kind's CRD."""
    return f"{GROUP}_{kind.plural}.yaml"


def write(folder: Path) -> list[Path]:
    """Write every kind's CRD below the folder."""
    written = []
    for kind in KINDS:
        text = "# Generated by `python -m repoloom_api.schema`; do not edit.\n" + to_yaml(crd(kind))
        if len(text.encode()) >= MAX_BYTES:
            raise Untranslatable(f"{kind.plural}: {len(text)} characters, {MAX_BYTES} bytes are the limit")
        path = folder / crd_file(kind)
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m repoloom_api.schema FOLDER")
    print(*write(Path(sys.argv[1])), sep="\n")
