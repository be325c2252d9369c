"""What a Rust file uses: its calls, bindings and imports as nodes, which one query finds in each of its trees."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from operator import attrgetter

from tree_sitter import Node, Query

from repoloom_stages.syntax.captures import captures_of
from repoloom_stages.syntax.rust_grammar import LANGUAGE

_QUERY = Query(
    LANGUAGE,
    """
    [(arguments) (macro_invocation)] @call
    (let_declaration) @let
    [(use_declaration) (extern_crate_declaration)] @import
    """,
)
_START = attrgetter("start_byte")


@dataclass
class Usage:
    """Nodes in order of position."""

    calls: list[Node] = field(default_factory=list)
    """The arguments of each call, in their brackets, and macro calls as a whole."""
    bindings: list[Node] = field(default_factory=list)
    """`let` statements."""
    imports: list[Node] = field(default_factory=list)


def usage_of(source: bytes, roots: Iterable[Node]) -> Usage:
    """What all those trees of one file hold."""
    usage = Usage()
    for root in roots:
        found = captures_of(_QUERY, root, source, LANGUAGE)
        usage.calls += found.get("call", ())
        usage.bindings += found.get("let", ())
        usage.imports += found.get("import", ())
    for nodes in (usage.calls, usage.bindings, usage.imports):
        nodes.sort(key=_START)
    return usage
