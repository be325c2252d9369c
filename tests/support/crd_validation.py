"""What the API server would say to a document, offline: creation with `fieldValidation: Strict` against our CRDs.

The steps and their order are those of k8s.io/apiextensions-apiserver 1.34: unknown fields first, and alone; nulls
pruned, defaults filled in; then the schema and the keys of lists; rules only where nothing else is wrong, since a rule
reads a valid object. Two things are left out: a status in the document, which creation drops, and everything of
Kubernetes' own metadata beyond its fields' names.
"""

import copy
import json
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import cel
from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend

from repoloom_api.schema import KINDS, crd

Schema = dict[str, Any]
Path = tuple[str | int, ...]

_METADATA = {
    *("name", "generateName", "namespace", "uid", "labels", "annotations", "ownerReferences", "finalizers"),
    *("creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"),
    *("generation", "resourceVersion", "managedFields", "selfLink"),
}
_NAMESPACE = re.compile(r"(?!.{64})[a-z0-9]([-a-z0-9]*[a-z0-9])?")


@dataclass(frozen=True)
class Answer:
    """The object as it would be stored, where it was refused, and by which rules."""

    stored: Any
    faults: tuple[str, ...]
    broken: frozenset[str] = frozenset()


def validate(document: Any) -> Answer:
    """Offer one document to the API server."""
    if unreadable := list(_unreadable(document)):
        return _refused(document, unreadable)
    schema = schemas()[document["kind"]]
    written = {field: value for field, value in document.items() if field != "status"}
    stored = as_sent(json.loads(json.dumps(written)))
    if unknown := [*_unknown_metadata(stored.get("metadata")), *_unknown_fields(stored, schema, ())]:
        return _refused(stored, unknown)
    _fill_in(stored, schema)
    if faults := [*_metadata_faults(stored.get("metadata")), *_invalid_fields(stored, schema)]:
        return _refused(stored, faults)
    broken = list(_broken_rules(stored, schema, ()))
    return Answer(stored, _refused(stored, [path for path, _ in broken]).faults, frozenset(rule for _, rule in broken))


def readable(document: Any) -> bool:
    """Whether a document gets as far as our schemas."""
    return not list(_unreadable(document))


def strangers(faults: Iterable[str], expected: Iterable[str]) -> list[str]:
    """Fields that one complains about and nobody expects; the API server does not name the field in all it says."""
    known = list(expected)
    return [path for path in faults if path and not any(about_one_field(path, other) for other in known)]


def about_one_field(path: str, other: str) -> bool:
    """One verdict may name a block and the other what is wrong in it: a rule in CEL faults the block it stands in."""
    inner, outer = max(path, other, key=len), min(path, other, key=len)
    return inner == outer or (bool(outer) and inner.startswith((f"{outer}.", f"{outer}[")))


def validate_status(kind: str, status: Any) -> Answer:
    """Offer the status subresource of a resource to the API server."""
    schema = schemas()[kind]["properties"]["status"]
    stored = copy.deepcopy(status)
    if unknown := list(_unknown_fields(stored, schema, ("status",))):
        return _refused(stored, unknown)
    _fill_in(stored, schema)
    return _refused(stored, [("status", *path) for path in _invalid_fields(stored, schema)])


@cache
def schemas() -> dict[str, Schema]:
    """The schema in the CRD of each kind."""
    crds = {kind.model.__name__: crd(kind) for kind in KINDS}
    return {name: crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"] for name, crd in crds.items()}


def _refused(stored: Any, paths: list[Path]) -> Answer:
    return Answer(stored, tuple(sorted({_written(path) for path in paths})))


def _unreadable(document: Any) -> Iterator[Path]:
    """Why no handler is found for a document, or why kubectl cannot send it: YAML holds more than JSON does."""
    if not isinstance(document, dict):
        yield ()
    elif not isinstance(document.get("kind"), str) or document["kind"] not in schemas():
        yield ("kind",)
    elif document.get("apiVersion") not in schemas()[document["kind"]]["properties"]["apiVersion"]["enum"]:
        yield ("apiVersion",)
    else:
        yield from _no_json({field: value for field, value in document.items() if field != "status"}, ())


def _invalid_fields(stored: Any, schema: Schema) -> Iterator[Path]:
    yield from _schema_faults(stored, schema)
    yield from _repeated_keys(stored, schema, ())


def _written(path: Path) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def _no_json(value: Any, path: Path) -> Iterator[Path]:
    """Values that no JSON document holds, so none arrives at the API server."""
    for key, child in _children(value):
        yield from _no_json(child, (*path, key))
    if isinstance(value, float) and not math.isfinite(value):
        yield path
    if not isinstance(value, dict | list | str | int | float | None):
        yield path


def as_sent(value: Any) -> Any:
    """Through kubectl, which writes 64.0 as 64: the API server refuses 64.0 where a rule reads a whole number."""
    if isinstance(value, dict):
        return {key: as_sent(child) for key, child in value.items()}
    if isinstance(value, list):
        return [as_sent(child) for child in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _children(value: Any) -> Iterator[tuple[str | int, Any]]:
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list):
        yield from enumerate(value)


def _child_schema(schema: Schema, key: str | int) -> Schema | None:
    return schema.get("items") if isinstance(key, int) else schema.get("properties", {}).get(key)


def _unknown_metadata(metadata: Any) -> Iterator[Path]:
    if isinstance(metadata, dict):
        yield from (("metadata", field) for field in metadata if field not in _METADATA)


def _unknown_fields(value: Any, schema: Schema | None, path: Path) -> Iterator[Path]:
    """Keys without a schema, even in a mapping where the schema wants something else."""
    if path == ("metadata",):
        return
    for key, child in _children(value):
        known = None if schema is None else _child_schema(schema, key)
        if known is None and isinstance(key, str):
            yield (*path, key)
        else:
            yield from _unknown_fields(child, known, (*path, key))


def _fill_in(value: Any, schema: Schema | None) -> None:
    """A null without a default is dropped; a null with one, like a field left out, becomes the default."""
    properties = (schema or {}).get("properties", {})
    if isinstance(value, dict):
        for field, child in properties.items():
            if value.get(field) is None:
                value.pop(field, None)
                if "default" in child:
                    value[field] = copy.deepcopy(child["default"])
    for key, child in _children(value):
        _fill_in(child, _child_schema(schema or {}, key))


def _metadata_faults(metadata: Any) -> Iterator[Path]:
    if not isinstance(metadata, dict):
        yield ("metadata",)
        return
    namespace = metadata.get("namespace")
    if namespace is not None and not (isinstance(namespace, str) and _NAMESPACE.fullmatch(namespace)):
        yield "metadata", "namespace"
    if "name" not in metadata:
        yield "metadata", "name"
    for field in ("labels", "annotations"):
        values = metadata.get(field)
        if isinstance(values, dict):
            yield from (
                ("metadata", field, key) for key, item in values.items() if item is not None and type(item) is not str
            )
        elif values is not None:
            yield "metadata", field


def _pattern(_: Any, pattern: str, instance: Any, __: Any) -> Iterator[ValidationError]:
    """Go's reading: `$` is the very end, never a place before a last line break."""
    if isinstance(instance, str) and not re.search(re.sub(r"\$$", r"\\Z", pattern), instance, re.ASCII):
        yield ValidationError(f"does not match {pattern}")


_Validator = extend(Draft202012Validator, {"pattern": _pattern})


def _schema_faults(stored: Any, schema: Schema) -> Iterator[Path]:
    for error in _Validator(schema).iter_errors(stored):
        path = tuple(error.absolute_path)
        if error.validator == "required" and isinstance(error.instance, dict):
            missing = set(error.validator_value) - error.instance.keys()
            yield from ((*path, field) for field in missing)
        else:
            yield path


def _repeated_keys(value: Any, schema: Schema | None, path: Path) -> Iterator[Path]:
    keys = (schema or {}).get("x-kubernetes-list-map-keys")
    if keys and isinstance(value, list):
        seen: list[list[Any]] = []
        for position, item in enumerate(value):
            if not isinstance(item, dict):
                continue
            identity = [item.get(key) for key in keys]
            if identity in seen:
                yield (*path, position)
            seen.append(identity)
    for key, child in _children(value):
        yield from _repeated_keys(child, _child_schema(schema or {}, key), (*path, key))


@cache
def _compiled(rule: str) -> cel.Program:
    return cel.compile(rule)


def _broken_rules(value: Any, schema: Schema | None, path: Path) -> Iterator[tuple[Path, str]]:
    for rule in (schema or {}).get("x-kubernetes-validations", ()):
        if _compiled(rule["rule"]).execute({"self": _typed(value, schema)}) is not True:
            yield path, rule["rule"]
    for key, child in _children(value):
        yield from _broken_rules(child, _child_schema(schema or {}, key), (*path, key))


def _typed(value: Any, schema: Schema | None) -> Any:
    """As CEL sees it: where the schema says number, 85 is 85.0."""
    if isinstance(value, dict):
        return {key: _typed(child, _child_schema(schema or {}, key)) for key, child in value.items()}
    if isinstance(value, list):
        return [_typed(child, _child_schema(schema or {}, position)) for position, child in enumerate(value)]
    return float(value) if schema and schema.get("type") == "number" else value
