"""What a Rust file uses: its calls, bindings and imports as nodes, which one query finds in each of its trees."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from operator import attrgetter

from tree_sitter import Node, Query

from repoloom_stages.syntax.captures import captures_of, is_in_proportion
from repoloom_stages.syntax.rust_grammar import LANGUAGE

_QUERY = Query(
    LANGUAGE,
    """
    [(arguments) (macro_invocation)] @call
    [(let_declaration) (closure_expression) (match_expression) (for_expression)] @binding
    (if_expression condition: [(let_condition) (let_chain)]) @binding
    (while_expression condition: [(let_condition) (let_chain)]) @binding
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
    """`let` statements, and expressions that bind names: closures, `match`, `for`, `if` and `while` with a `let`."""
    imports: list[Node] = field(default_factory=list)


def usage_of(source: bytes, root: Node, sound: bool, unfolded: Iterable[Node]) -> Usage:
    """What a file's tree holds, if a query may run over it, and the trees of what its macros hold."""
    usage = Usage()
    if sound:
        _take(usage, captures_of(_QUERY, root))
    for tree in unfolded:
        if is_in_proportion(tree, source, LANGUAGE):
            _take(usage, captures_of(_QUERY, tree))
    for nodes in (usage.calls, usage.bindings, usage.imports):
        nodes.sort(key=_START)
    return usage


def _take(usage: Usage, found: dict[str, list[Node]]) -> None:
    usage.calls += found.get("call", ())
    usage.bindings += found.get("binding", ())
    usage.imports += found.get("import", ())
