"""A Rust type as links know it."""

from typing import NamedTuple

from repoloom_stages.linking.snapshot_facts import Place


class Type(NamedTuple):
    """What a type's text means."""

    name: str = ""
    """Last part of its path; empty where it is unknown."""
    place: Place | None = None
    """Its item, where it is one of the snapshot."""
    arguments: tuple["Type", ...] = ()
    bounds: tuple["Type", ...] = ()
    """Of a type parameter, `impl` or `dyn`: its traits."""


NOTHING = Type()
