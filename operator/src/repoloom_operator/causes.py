"""Why a run starts: the spec, a re-run that was asked for, a schedule's tick, newer datasets, a run that was stopped.

A cause names everything that the runs of one spec were started for so far, so that none of it is answered twice.
"""

from dataclasses import dataclass, fields

from repoloom_api.artifacts import sha256_of

SPEC = "spec"
DIGITS = 12


@dataclass(frozen=True)
class Cause:
    """What a run answers; a run's name is derived from it."""

    rerun: str | None = None
    """Short digest of the re-run annotation's value."""
    tick: str | None = None
    """The schedule's newest tick that was answered."""
    datasets: str | None = None
    """Short digest of the datasets' digests, where newer ones asked for the run."""
    after: str | None = None
    """Short digest of the uid of a stopped Workflow of the same spec, whose name is taken."""

    def __str__(self) -> str:
        parts = ((one.name, getattr(self, one.name)) for one in fields(self))
        return " ".join(f"{name}={value}" for name, value in parts if value) or SPEC

    @classmethod
    def parse(cls, text: str) -> "Cause":
        """Read what `str` wrote. Raises ValueError or TypeError."""
        return cls() if text == SPEC else cls(**dict(part.split("=", 1) for part in text.split(" ")))


def short(value: str) -> str:
    """A value as a few digits: annotations are long, and free text."""
    return sha256_of(value.encode())[:DIGITS]
