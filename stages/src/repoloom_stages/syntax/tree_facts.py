"""Facts from a syntax tree, for languages that a `Dialect` describes.

One query runs over the tree, in C, and what it captures is read once. Rust, whose calls are resolved to items, has
finders of its own.
"""

from collections.abc import Iterator
from functools import cache

from tree_sitter import Node, Query

from repoloom_stages.facts import Call, Found, Import, Item
from repoloom_stages.syntax.callees import CalleeReader
from repoloom_stages.syntax.captures import captures_of
from repoloom_stages.syntax.dialects import Dialect
from repoloom_stages.syntax.doc_comments import LICENCE
from repoloom_stages.syntax.draft_items import finished, said_by_comments
from repoloom_stages.syntax.drafts import Reading
from repoloom_stages.syntax.grammars import grammar_of
from repoloom_stages.syntax.items import Owners, first_paragraph
from repoloom_stages.syntax.local_names import bindings_of


@cache
def _query_of(language: str, query: str) -> Query:
    grammar = grammar_of(language)
    if grammar is None:
        raise LookupError(f"there is no grammar of {language}")
    return Query(grammar.language, query)


def facts_by(dialect: Dialect, source: bytes, root: Node, sound: bool) -> Found:
    """What a tree holds; captures only where a query may run over it."""
    captures = captures_of(_query_of(dialect.language, dialect.query), root) if sound else {}
    called = [(dialect.callee_end(node), node.start_byte, False) for node in captures.pop("call", ())]
    called += [(node.end_byte, node.start_byte, True) for node in captures.pop("new", ())]
    import_nodes = captures.pop("import", [])
    local_nodes = captures.pop("local", [])
    comments = captures.get("comment", [])
    reading = Reading(dialect, source)
    reading.read(captures)
    items = finished(reading)
    imports = list(_imports(dialect, source, items, import_nodes))
    imported = frozenset(one["name"] for one in imports)
    calls = list(_calls(dialect, source, items, sorted(called), imported))
    return Found(
        doc=dialect.doc(source, root) if dialect.doc else _file_doc(dialect, source, comments, items),
        items=items,
        imports=imports,
        calls=calls,
        bindings=bindings_of(source, local_nodes, dialect.locals, items, calls) if dialect.locals else [],
    )


def _imports(dialect: Dialect, source: bytes, items: list[Item], nodes: list[Node]) -> Iterator[Import]:
    owners = Owners(items)
    for node in sorted(nodes, key=lambda node: node.start_byte):
        owner = owners.at(node.start_byte)
        while owner >= 0 and items[owner]["kind"] != "module":
            owner = items[owner]["owner"]
        line = node.start_point.row + 1
        for path, name, public in dialect.imported(source, node):
            if path:
                yield Import(path=path, name=name, public=public, owner=owner, line=line)


def _calls(
    dialect: Dialect, source: bytes, items: list[Item], called: list[tuple[int, int, bool]], imported: frozenset[str]
) -> Iterator[Call]:
    """Calls in order of where their names end: in a chain, that is the order of its parts."""
    owners, callees = Owners(items), CalleeReader(source, dialect.callees, imported)
    line, counted = 1, 0
    for end, start, new in called:
        how, name, receiver = callees.read(start, end, new=new)
        line += source.count(b"\n", counted, end)
        counted = end
        if name:
            yield owners.at(end - 1), line, how, name, receiver


def _file_doc(dialect: Dialect, source: bytes, comments: list[Node], items: list[Item]) -> str:
    """What the last of the comments that a file starts with says, licences and the first item's own aside."""
    first_item = items[0]["start"] if items else len(source)
    place = (source.find(b"\n") + 1 or len(source)) if source.startswith(b"#!") else 0
    run: list[Node] = []
    doc = ""
    for node in sorted(comments, key=lambda node: node.start_byte):
        gap = source[place : node.start_byte]
        if gap.strip(b" \t\r\n\f\xef\xbb\xbf") or node.end_byte > first_item:
            break
        if gap.count(b"\n") > 1:
            doc, run = _said_by_run(dialect, source, run) or doc, []
        run.append(node)
        place = node.end_byte
    return _said_by_run(dialect, source, run) or doc


def _said_by_run(dialect: Dialect, source: bytes, run: list[Node]) -> str:
    text = said_by_comments(dialect, source, run)
    return "" if LICENCE.search(text) else first_paragraph(text)
