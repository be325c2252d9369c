"""Headers: what stands around the code of a sample. Recipes know the facts, this module how they are written."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from repoloom_api.v1alpha1.recipes import Header, HeaderField, HeaderFields
from repoloom_stages.links import PlacedFile
from repoloom_stages.syntax.languages import comment

_TAG = re.compile(r"<(?=/?(?:path|file|code)>)")
"""Where a name or a description would be a tag of ours. Code is never changed; a reader takes the outermost tags."""

LABELS = {
    HeaderField.REPOSITORY: "Repository",
    HeaderField.FILE: "File",
    HeaderField.LANGUAGE: "Language",
    HeaderField.KIND: "Kind",
    HeaderField.NAME: "Name",
    HeaderField.HOLDER: "Part of",
    HeaderField.BYTES: "Size",
    HeaderField.DOC: "Doc",
    HeaderField.CRATE: "Crate",
    HeaderField.CRATE_PURPOSE: "Crate purpose",
    HeaderField.MODULE: "Module",
    HeaderField.LAYER: "Layer",
    HeaderField.PATTERN: "Pattern",
}

Facts = Mapping[HeaderField, str]
"""What is known of a sample; a field that is missing or empty is left out of the header."""


def file_facts(place: PlacedFile, language: str) -> dict[HeaderField, str]:
    """What is known of every sample of a file."""
    return {
        HeaderField.REPOSITORY: repository_name(place["repo"]),
        HeaderField.FILE: place["path"],
        HeaderField.LANGUAGE: language,
        HeaderField.CRATE: place["crate"],
        HeaderField.CRATE_PURPOSE: place["purpose"],
        HeaderField.MODULE: place["module"],
        HeaderField.LAYER: place["layer"],
    }


@dataclass(frozen=True)
class Frame:
    """The text around code."""

    before: str = ""
    after: str = ""

    def around(self, code: str) -> str:
        """The whole text. What comes after code starts on a line of its own."""
        gap = "\n" if self.after and not code.endswith("\n") else ""
        return f"{self.before}{code}{gap}{self.after}"


def frame_of(header: Header, facts: Facts, language: str, notes: Iterable[str] = ()) -> Frame:
    """The frame that a header asks for, without it where no field of it is known; `notes` are comments after it."""
    chosen = header.comment or header.tags
    lines = _lines(chosen, facts) if chosen else []
    noted = "".join(f"{line}\n" for line in comment(language, notes))
    if header.tags and lines:
        path = "\n".join(["<path>", *(_TAG.sub("&lt;", line) for line in lines), "</path>"])
        gap = "\n" if noted else ""
        return Frame(before=f"{path}\n\n{noted + gap}<file>\n", after="</file>")
    commented = "".join(f"{line}\n" for line in comment(language, lines))
    return Frame(before="".join(f"{block}\n" for block in (commented, noted) if block))


def _lines(chosen: HeaderFields, facts: Facts) -> list[str]:
    """`Label: value` for each field, on one line each whatever the value holds."""
    values = [(LABELS[field], " ".join(facts.get(field, "").split())) for field in chosen.fields]
    return [f"{label}: {value}" for label, value in values if value]


def repository_name(url: str) -> str:
    """A repository as people call it: `owner/name` of its URL."""
    return urlsplit(url).path.strip("/").removesuffix(".git")


def size(number: int) -> str:
    """Bytes, as headers write them."""
    return f"{number} bytes"
