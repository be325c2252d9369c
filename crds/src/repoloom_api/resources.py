"""Documents in, typed resources out: the one place where a file's every fault is found, each with its field path."""

import json
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from repoloom_api import API_VERSION
from repoloom_api.v1alpha1 import DatasetBuild, FineTune

Resource = DatasetBuild | FineTune

KINDS: dict[str, type[DatasetBuild] | type[FineTune]] = {"DatasetBuild": DatasetBuild, "FineTune": FineTune}

FOLDERS = {"DatasetBuild": "datasets", "FineTune": "models"}
"""Folder of a kind's results under `--out`."""


@dataclass(frozen=True)
class Fault:
    """One thing wrong with a document."""

    path: str
    """Field path as kubectl writes it, such as `spec.recipes[0].chunk.maxTokens`; empty for the document itself."""
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class InvalidResource(ValueError):
    """A document that is no valid resource, with every fault in it."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


def parse_resource(document: Any) -> Resource:
    """Read one document (as from YAML or the API server). Raises InvalidResource with all faults."""
    if not isinstance(document, dict):
        raise InvalidResource([Fault("", "must be a mapping with apiVersion, kind, metadata and spec")])
    kind = document.get("kind")
    model = KINDS.get(kind) if isinstance(kind, str) else None
    if model is None:
        raise InvalidResource([Fault("kind", f"must be one of {', '.join(KINDS)}, found {kind!r}")])
    if document.get("apiVersion") != API_VERSION:
        raise InvalidResource([Fault("apiVersion", f"must be {API_VERSION}, found {document.get('apiVersion')!r}")])
    try:
        # Status is the operator's; a resource read back from a cluster carries it.
        written = {key: value for key, value in document.items() if key != "status"}
        return model.model_validate_json(json.dumps(_as_sent(written, ())), by_name=False)
    except InvalidResource:
        raise
    except ValidationError as error:
        faults = [Fault(field_path(fault["loc"]), fault["msg"]) for fault in error.errors(include_url=False)]
        raise InvalidResource(faults) from None
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidResource([Fault("", f"cannot be written as JSON: {error}")]) from None


def _as_sent(value: Any, path: tuple[int | str, ...]) -> Any:
    """As kubectl sends it: JSON's types only, and 64.0 as 64, which is an integer."""
    if isinstance(value, dict):
        return {key: _as_sent(item, (*path, str(key))) for key, item in value.items()}
    if isinstance(value, list):
        return [_as_sent(item, (*path, position)) for position, item in enumerate(value)]
    if not isinstance(value, str | int | float | None):
        raise InvalidResource([Fault(field_path(path), f"no JSON can hold a {type(value).__name__}")])
    return int(value) if isinstance(value, float) and value.is_integer() else value


def field_path(location: tuple[int | str, ...]) -> str:
    """A pydantic location as a field path: ("spec", "data", 0, "name") is `spec.data[0].name`."""
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}"
    return path.removeprefix(".")
