"""Minimal valid documents, with what a test is about as overrides; an override of None leaves the field out.

`dataset_build(recipes=[recipe("files", chunk={"maxTokens": 64})], refine={"gates": [gate()]})`
"""

import copy
from typing import Any

Document = dict[str, Any]


def dataset_build(name: str = "example", **spec: Any) -> Document:
    """A DatasetBuild of one repository, with fields of its spec."""
    return _resource("DatasetBuild", name, {"sources": [source()], "recipes": [recipe()]}, spec)


def fine_tune(name: str = "example", **spec: Any) -> Document:
    """A FineTune of the tiny model on one dataset, with fields of its spec."""
    return _resource("FineTune", name, {"model": {"tiny": {}}, "data": [data()]}, spec)


def source(name: str = "example", **repository: Any) -> Document:
    """A source, with fields of its repository."""
    return {"name": name, "repository": _with({"url": "https://example.org/owner/example"}, repository)}


def recipe(name: str = "files", **fields: Any) -> Document:
    """A recipe of whole files."""
    return _with({"name": name, "codeUnits": {}}, fields)


def pattern(name: str = "validation", **fields: Any) -> Document:
    """A pattern of functions by their name."""
    return _with({"name": name, "match": {"functions": ["*validate*"]}}, fields)


def gate(name: str = "long-enough", **fields: Any) -> Document:
    """A gate that drops short samples."""
    return _with({"name": name, "require": {"minCharacters": 100}}, fields)


def output(name: str = "training", **fields: Any) -> Document:
    """An output that holds the minimal build's recipe."""
    return _with({"name": name, "recipes": ["files"]}, fields)


def data(name: str = "code", **fields: Any) -> Document:
    """The minimal build's output under a name."""
    return _with({"name": name, "datasetBuild": {"name": "example", "output": "files"}}, fields)


def suite(name: str = "held-out", **fields: Any) -> Document:
    """A suite that measures bits per byte."""
    return _with({"name": name, "bitsPerByte": {}}, fields)


def _with(minimal: Document, overrides: Document) -> Document:
    return {field: value for field, value in (minimal | overrides).items() if value is not None}


def _resource(kind: str, name: str, minimal: Document, overrides: Document) -> Document:
    metadata = {"name": name}
    document = {"apiVersion": "repoloom.dev/v1alpha1", "kind": kind, "metadata": metadata}
    return copy.deepcopy(document | {"spec": _with(minimal, overrides)})
