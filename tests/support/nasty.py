"""Strings that are programs to somebody, and every field of our resources that a user may write one into."""

import copy
import random
from collections.abc import Iterator
from typing import Any

from repoloom_api.resources import InvalidResource, Resource, parse_resource
from unit.api.cases import FULL_BUILD, FULL_TUNE

STRINGS = 300

HARMFUL = (
    *("{{workflow.name}}", "{{=sprig.env('HOME')}}", "{{=", "{{", "}}", "{{inputs.parameters.shards}}", "{{item}}"),
    *("{{ workflow.uid }}", "{{{{workflow.name}}}}", "{{tasks.collect.outputs.parameters.shards}}", "{{retries}}"),
    *("$(AWS_SECRET_ACCESS_KEY)", "$$(HOME)", "${HOME}", "`id`", "$(id)", ";id;", "|id", "&&id", ">/tmp/x", "\\"),
    *("'", '"', "'''", '"""', "\\n", "\n", "\r\n", "\t", "\x00", "\x1b[31m", "\x7f", "\u2028", "\u202e", "\ufeff"),
    *("ä", "ß", "日本語", "🙈", "\u0301", "\U0010ffff", "\ud7ff", "null", "true", "2e-5", "~", "0x1f", "1:30", "---"),
    *("- ", ": ", "# ", "!!python/object:os.system", "&a *a", "<<: *a", "%TAG", "|-", "../../etc/passwd", "--store"),
    *("s3://elsewhere", "*/*", "**", "?", "[!a]", "<script>", "%00", "%s", "%(name)s", "{0}", "{shard}", " ", "  x  "),
)


def nasty_strings() -> list[str]:
    """Distinct strings of one to three harmful pieces; each holds a mark by which it is found wherever it went."""
    choose = random.Random(11)
    singles = [[piece] for piece in HARMFUL]
    mixed = [[choose.choice(HARMFUL) for _ in range(choose.choice((2, 3)))] for _ in range(STRINGS - len(singles))]
    return [_marked(number, pieces) for number, pieces in enumerate([*singles, *mixed])]


def _marked(number: int, pieces: list[str]) -> str:
    mark = f"zq{number:03}qz"
    return "".join([pieces[0], mark, *pieces[1:]])


def mark(text: str) -> str:
    """By what a nasty string is found."""
    return text[text.index("zq") : text.index("qz") + 2]


def fields(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths of all strings in a document."""
    if isinstance(value, str):
        yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from fields(child, (*path, key))


def with_metadata(document: Any) -> Any:
    """With all that a user may write into metadata besides the name."""
    metadata = document["metadata"] | {"namespace": "team", "labels": {"team": "a"}, "annotations": {"note": "b"}}
    return document | {"metadata": metadata}


def changed(document: Any, path: tuple[Any, ...], value: str) -> Any:
    result = copy.deepcopy(document)
    holder = result
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    return result


DOCUMENTS = {"DatasetBuild": with_metadata(FULL_BUILD), "FineTune": with_metadata(FULL_TUNE)}
FIELDS = [(kind, path) for kind, document in DOCUMENTS.items() for path in fields(document)]


def accepted(kind: str, path: tuple[Any, ...], text: str) -> Resource | None:
    try:
        return parse_resource(changed(DOCUMENTS[kind], path, text))
    except InvalidResource:
        return None


def strings_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for child in children:
        yield from strings_in(child)
