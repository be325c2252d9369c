"""Which model a folder holds: a small file beside the model's own, which every stage downstream reads."""

import json
from dataclasses import dataclass
from pathlib import Path

NAME_FILE = "repoloom-model.json"


@dataclass(frozen=True)
class ModelName:
    """A model as a person writes it."""

    name: str
    """`tiny`, or `owner/name` on the Hugging Face Hub."""
    revision: str | None = None
    """Commit (40 hex digits); none for `tiny`."""

    def __str__(self) -> str:
        return f"{self.name}@{self.revision}" if self.revision else self.name


def model_name(folder: Path) -> ModelName:
    """The name of the model in a folder that fetch-model wrote."""
    return ModelName(**json.loads((folder / NAME_FILE).read_bytes()))


def write_model_name(folder: Path, name: ModelName) -> None:
    """Leave the name beside the model's files."""
    document = {"name": name.name} | ({"revision": name.revision} if name.revision else {})
    (folder / NAME_FILE).write_text(json.dumps(document, indent=2) + "\n")
