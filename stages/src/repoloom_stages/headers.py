"""Headers: what stands around the code of a sample. `code-units` knows the facts, this module how they are written."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from repoloom_api.v1alpha1.datasetbuild import Header, HeaderField, HeaderFields
from repoloom_stages.languages import comment

LABELS = {
    HeaderField.REPOSITORY: "Repository",
    HeaderField.FILE: "File",
    HeaderField.LANGUAGE: "Language",
    HeaderField.KIND: "Kind",
    HeaderField.NAME: "Name",
    HeaderField.BYTES: "Size",
    HeaderField.DOC: "Doc",
}

Facts = Mapping[HeaderField, str]
"""What is known of a sample; a field that is missing or empty is left out of the header."""


@dataclass(frozen=True)
class Frame:
    """The text around code."""

    before: str = ""
    after: str = ""

    def around(self, code: str) -> str:
        """The whole text. What comes after code starts on a line of its own."""
        gap = "\n" if self.after and not code.endswith("\n") else ""
        return f"{self.before}{code}{gap}{self.after}"


def frame_of(header: Header, facts: Facts, language: str) -> Frame:
    """The frame that a header asks for; none where no field of it is known."""
    chosen = header.comment or header.tags
    lines = _lines(chosen, facts) if chosen else []
    if not lines:
        return Frame()
    if header.tags:
        path = "\n".join(["<path>", *lines, "</path>"])
        return Frame(before=f"{path}\n\n<file>\n", after="</file>")
    return Frame(before="\n".join(comment(language, lines)) + "\n\n")


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
