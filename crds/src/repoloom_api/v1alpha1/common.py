"""Field types and blocks that both resources use."""

from collections.abc import Iterator
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field, StringConstraints

from repoloom_api.base import Model, Path, Raw, Rule

NAME_PATTERN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"

Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN, min_length=1, max_length=52)]
"""Lower-case letters, digits and hyphens; short enough that names derived from it stay legal."""

Namespace = Annotated[str, StringConstraints(pattern=NAME_PATTERN, min_length=1, max_length=63)]
"""A namespace as Kubernetes allows it."""

Glob = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f/][^\x00-\x1f\x7f]*$", min_length=1, max_length=256)]
"""A path pattern below the repository's root: `*` within a folder, `**` across folders."""

HuggingFaceName = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*/[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=128)
]
"""`owner/name` on the Hugging Face Hub."""

Revision = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._/@+-]*$", max_length=256)]
"""A branch, tag or commit. It cannot start with a hyphen, so no tool can take it for an option."""


def _cron_field(value: str) -> str:
    """A list of steps, ranges and values, or `*`."""
    item = rf"(\*|({value})(-({value}))?)(/[1-9][0-9]?)?"
    return rf"{item}(,{item})*"


_CRON_FIELDS = ("[0-5]?[0-9]", "[01]?[0-9]|2[0-3]", "0?[1-9]|[12][0-9]|3[01]", "0?[1-9]|1[0-2]", "[0-7]")

CRON_PATTERN = "^" + " ".join(map(_cron_field, _CRON_FIELDS)) + "$"

Schedule = Annotated[str, StringConstraints(pattern=CRON_PATTERN, min_length=9, max_length=128)]
"""Minute, hour, day of the month, month, day of the week (0 is Sunday), as in cron, in UTC."""

Percent = Annotated[float, Field(ge=0, le=100)]


class Empty(Model):
    """A choice without settings of its own, written `{}`."""


class HuggingFaceModel(Model):
    """A model or tokenizer on the Hugging Face Hub."""

    repository: HuggingFaceName
    """`owner/name` on the Hub."""

    revision: Revision = "main"
    """Branch, tag or commit; pinned to a commit when a run starts."""


_METADATA_FIELDS = frozenset(
    {
        *("name", "generateName", "namespace", "uid", "labels", "annotations", "ownerReferences", "finalizers"),
        *("creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"),
        *("generation", "resourceVersion", "managedFields", "selfLink"),
    }
)


def _unknown_metadata(raw: Raw) -> Iterator[Path]:
    yield from ((field,) for field in raw if field not in _METADATA_FIELDS)


def _no_strings(raw: Raw) -> Iterator[Path]:
    for field in ("labels", "annotations"):
        values = raw.get(field)
        if isinstance(values, dict):
            yield from ((field, key) for key, value in values.items() if not isinstance(value, str | None))
        elif values is not None:
            yield (field,)


class ObjectMeta(Model):
    """The part of Kubernetes' metadata that Repoloom reads; the rest is Kubernetes' own and passes through."""

    # The API server checks its metadata itself; a CRD can restrict no more than the name there.
    model_config = ConfigDict(extra="ignore")
    rules: ClassVar = (
        Rule("is no field of Kubernetes' metadata", "true", _unknown_metadata),
        Rule("must map strings to strings", "true", _no_strings),
    )

    name: Name
    """Name of the resource, unique in its namespace."""

    namespace: Namespace = "default"
    """Namespace of the resource; results lie under it in the object store."""
