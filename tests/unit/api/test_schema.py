"""The CRDs are what Kubernetes takes: structural, bounded, described. The committed files are the generated ones."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, ClassVar, get_args

import pytest
import yaml
from pydantic import Field, StringConstraints
from pydantic.fields import FieldInfo

from repoloom_api.base import Items, Model
from repoloom_api.schema import KINDS, MAX_BYTES, Kind, Untranslatable, crd, structural, to_yaml
from repoloom_api.v1alpha1.conditions import DatasetBuildStatus, FineTuneStatus
from support.crd_validation import schemas, validate_status

CRDS = Path(__file__).parents[3] / "crds"
FORBIDDEN = {"$ref", "$defs", "anyOf", "allOf", "oneOf", "const", "prefixItems", "title", "discriminator", "nullable"}
FORBIDDEN |= {"additionalProperties", "exclusiveMinimum", "exclusiveMaximum", "uniqueItems"}
"""Refused or dropped by apiextensions.k8s.io/v1, or, at the end, without use here."""

DIGEST = "51fa6c3be7d0" + "0" * 52
each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.plural)


def nodes(schema: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every schema in a schema, with its path."""
    yield path, schema
    for field, child in schema.get("properties", {}).items():
        yield from nodes(child, f"{path}.{field}")
    if "items" in schema:
        yield from nodes(schema["items"], f"{path}[]")


def blocks(annotation: Any) -> Iterator[type[Model]]:
    """Every type in a type."""
    if isinstance(annotation, FieldInfo):
        yield from blocks(annotation.annotation)
    elif isinstance(annotation, type) and issubclass(annotation, Model):
        yield annotation
        for field in annotation.model_fields.values():
            yield from blocks(field)
    for argument in get_args(annotation):
        yield from blocks(argument)


def root(kind: Kind) -> Any:
    """The schema of a kind."""
    return schemas()[kind.model.__name__]


def test_the_committed_files_are_the_generated_ones(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "repoloom_api.schema", tmp_path], check=True)
    generated = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert generated == {path.name: path.read_text() for path in CRDS.glob("*.yaml")}
    assert sorted(generated) == ["repoloom.dev_datasetbuilds.yaml", "repoloom.dev_finetunes.yaml"]
    assert all(len(text.encode()) < MAX_BYTES for text in generated.values())


@each_kind
def test_yaml_says_what_the_document_says(kind: Kind) -> None:
    document = crd(kind)
    read = yaml.safe_load(to_yaml(document))
    assert read == document
    assert repr(read["spec"]["names"]) == repr(document["spec"]["names"])


@pytest.mark.parametrize(
    "value",
    [
        *("", "yes", "No", "null", "~", "1", "1e3", ".5", ".inf", ".nan", "0x1f", "2026-11-21", "- a", "a: b", "a #b"),
        *("a:", "#", "[a]", "{a}", "*", "&a", "!a", "|", ">", "%", "@", "`a`", "'a'", '"a"', "a\nb", " a ", "a\\b"),
        *("it's", "é", "=", "<<", "?", "50 %", "^[^\\x00-\\x1f]*$", ".status.x", "a, b"),
        *(0, 1, -1, 10**15, 0.5, 1e-9, 2e-4, 85.0, 1e21, True, False, None, [], {}),
        *([[1, [2]]], [{"a": [{"b": 1}]}], {"yes": 1, "a b": {"c": []}}),
    ],
    ids=repr,
)
def test_any_value_survives_yaml(value: Any) -> None:
    assert yaml.safe_load(to_yaml({"key": value, "list": [value]})) == {"key": value, "list": [value]}


@each_kind
def test_nothing_kubernetes_refuses_or_drops_is_in_a_schema(kind: Kind) -> None:
    assert [path for path, schema in nodes(root(kind)) if FORBIDDEN & schema.keys()] == []


@each_kind
def test_everything_is_bounded(kind: Kind) -> None:
    for path, schema in nodes(root(kind)):
        match schema["type"]:
            case "array":
                assert schema["maxItems"] <= 128, path
            case "string":
                assert schema.keys() & {"maxLength", "enum", "format"}, path
            case "integer" | "number":
                assert {"minimum", "maximum"} <= schema.keys(), path


@each_kind
def test_every_property_is_described(kind: Kind) -> None:
    bare = [path for path, schema in nodes(root(kind)) if "description" not in schema and not path.endswith("[]")]
    assert bare == [".metadata"]  # where Kubernetes allows none


@each_kind
def test_named_blocks_are_merged_by_name(kind: Kind) -> None:
    for path, schema in nodes(root(kind)):
        keys = schema.get("x-kubernetes-list-map-keys", [])
        assert set(keys) <= set(schema.get("items", {}).get("required", [])), path
        named = schema["type"] == "array" and "name" in schema["items"].get("properties", {})
        assert not named or keys == ["name"] or path.startswith(".status"), path


@each_kind
def test_rules_are_those_of_the_types(kind: Kind) -> None:
    written = [rule for _, schema in nodes(root(kind)) for rule in schema.get("x-kubernetes-validations", ())]
    wanted = {(rule.message, rule.cel) for model in blocks(kind.model.model_fields["spec"]) for rule in model.rules}
    assert wanted == {(rule["message"], rule["rule"]) for rule in written}


def test_kubectl_shows_what_the_sketch_shows() -> None:
    shown = {kind.short: [heading for heading, *_ in kind.columns] for kind in KINDS}
    assert shown == {
        "dsb": ["READY", "REASON", "TASKS", "SAMPLES", "TOKENS", "DIGEST", "AGE", "*WORKFLOW", "*URI"],
        "ft": ["READY", "REASON", "TASKS", "VERDICT", "GAIN", "DIGEST", "AGE", "*WORKFLOW", "*URI"],
    }


@each_kind
def test_every_column_shows_a_field_that_exists(kind: Kind) -> None:
    paths = {path for path, _ in nodes(root(kind))} | {".metadata.creationTimestamp"}
    for _, _, column in kind.columns:
        assert column.replace('[?(@.type=="Ready")]', "[]") in paths


class _Unbounded(Model):
    text: str


class _UnboundedList(Model):
    names: Items[Annotated[str, StringConstraints(max_length=5)]]


class _Exclusive(Model):
    share: float = Field(gt=0, lt=1)


class _Fraction(Model):
    share: float = Field(ge=0.5, le=1)


class _HalfBounded(Model):
    count: int = Field(ge=0)


class _Union(Model):
    either: int | str


class _NullIsNotTheDefault(Model):
    count: Annotated[int, Field(ge=0, le=5)] | None = 3


class _Mapping(Model):
    labels: dict[str, str]


class _Anything(Model):
    anything: Any


class _Pair(Model):
    pair: tuple[bool, bool]


class _InBlock(Model):
    block: _Unbounded


@pytest.mark.parametrize(
    ("model", "field"),
    [
        (_Unbounded, "text"),
        (_UnboundedList, "names"),
        (_Exclusive, "share"),
        (_Fraction, "share"),
        (_HalfBounded, "count"),
        (_Union, "either"),
        (_NullIsNotTheDefault, "count"),
        (_Mapping, "labels"),
        (_Anything, "anything"),
        (_Pair, "pair"),
        (_InBlock, "block.text"),
    ],
)
def test_what_kubernetes_could_not_check_raises(model: type[Model], field: str) -> None:
    with pytest.raises(Untranslatable, match=f"{model.__name__}.{field}: "):
        structural(model)


class _Small(Model):
    """A block."""

    keyed_by_name: ClassVar = ()
    flag: bool = False
    """Said at the field,
    in two lines."""
    block: "_Flags | None" = None


class _Flags(Model):
    """Said at the class."""

    flag: bool


def test_descriptions_come_from_the_field_or_else_from_its_class() -> None:
    assert structural(_Small) == {
        "description": "A block.",
        "type": "object",
        "properties": {
            "flag": {"description": "Said at the field, in two lines.", "type": "boolean", "default": False},
            "block": {
                "description": "Said at the class.",
                "type": "object",
                "required": ["flag"],
                "properties": {"flag": {"type": "boolean"}},
            },
        },
    }


CONDITION = {
    "type": "Ready",
    "status": "False",
    "reason": "Building",
    "message": "generation 3 is being built; the result of generation 2 stays published",
    "lastTransitionTime": "2026-11-21T07:00:00Z",
    "observedGeneration": 3,
}
BUILD_STATUS = {
    "conditions": [CONDITION, CONDITION | {"type": "Reconciling", "status": "True"}],
    "observedGeneration": 3,
    "workflow": "hyperswitch-history-4c9e1",
    "progress": {"tasks": "6/11", "running": "mine-history, collect-pull-requests"},
    "pins": [{"name": "hyperswitch", "revision": "8f3d0c5b1a7e49d2c6b08e57f9a1347d02c68be4"}],
    "current": {
        "digest": DIGEST,
        "shortDigest": DIGEST[:12],
        "samples": 49877,
        "tokens": 218402911,
        "uri": f"s3://training-data/repoloom/research/published/datasetbuild/hyperswitch-history/{DIGEST}/",
    },
}
TUNE_STATUS = {
    "conditions": [CONDITION | {"type": "Stalled", "status": "True", "reason": "VerdictRefused"}],
    "observedGeneration": 1,
    "pins": [{"name": "docs", "revision": DIGEST}, {"name": "model", "revision": "3f7a60cd"}],
    "candidate": {"digest": DIGEST, "keptUntil": "2026-12-05T00:00:00Z", "report": "s3://training-data/report.html"},
    "verdict": {
        "outcome": "Refused",
        "gainPercent": 0.3,
        "suites": [
            {
                "name": "held-out",
                "base": "1.842 bits per byte",
                "adapter": "1.836 bits per byte",
                "interval": "-0.4 to 1.0",
                "required": "minGainPercent 3",
                "passed": False,
            }
        ],
    },
}


@pytest.mark.parametrize(
    ("kind", "model", "status"),
    [
        ("DatasetBuild", DatasetBuildStatus, BUILD_STATUS),
        ("DatasetBuild", DatasetBuildStatus, {}),
        ("FineTune", FineTuneStatus, TUNE_STATUS),
    ],
)
def test_a_status_is_taken_and_stored_as_the_types_write_it(kind: str, model: type[Model], status: Any) -> None:
    written = model.model_validate(status).document()
    answer = validate_status(kind, status)
    assert answer.faults == ()
    assert written == answer.stored


@pytest.mark.parametrize(
    ("field", "value", "fault"),
    [
        ("conditions", [CONDITION, CONDITION], "status.conditions[1]"),
        ("conditions", [CONDITION | {"reason": "Bored"}], "status.conditions[0].reason"),
        ("conditions", [CONDITION | {"message": "m" * 4097}], "status.conditions[0].message"),
        ("phase", "Running", "status.phase"),
        ("current", {"digest": "abc"}, "status.current"),
    ],
)
def test_no_other_status_is_taken(field: str, value: Any, fault: str) -> None:
    with pytest.raises(ValueError, match=field):
        DatasetBuildStatus.model_validate(BUILD_STATUS | {field: value})
    assert all(path.startswith(fault) for path in validate_status("DatasetBuild", BUILD_STATUS | {field: value}).faults)
    assert validate_status("DatasetBuild", BUILD_STATUS | {field: value}).faults
