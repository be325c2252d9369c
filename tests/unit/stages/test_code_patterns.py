"""Patterns select items by their facts, take as many as their limit says, and show as much around them as asked."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from repoloom_stages.runtime.stage import Outputs
from repoloom_stages.sampling.written_names import NamePatterns, arguments_of, listed, path_of
from support.shards import made
from support.whole_sources import Code, item, make_patterns, used, write_source

NO_HEADER: dict[str, Any] = {"none": {}}


def records(outputs: Outputs) -> list[Any]:
    found = made(outputs, "records/records.jsonl.zst")
    assert outputs.records_in == outputs.kept + outputs.dropped.total()
    assert outputs.kept == len(found)
    return found


def code_of(record: Any) -> str:
    text: str = record["text"]
    return text[record["code_start"] : record["code_end"]]


REQUEST = """\
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub struct Request {
    id: u64,
}

diesel::table! {
    orders (id) { id -> Integer }
}

impl From<Request> for domain::Order {
    fn from(request: Request) -> Self { Self { id: request.id } }
}

pub async fn find_order(id: u64) -> crate::Result<Order, DbError> {
    let order = store.find_by_id(id).await?;
    tracing::info!("found {id}"); Ok(order)
}

fn validate(order: &Order) -> bool {
    order.id > 0
}
"""


def piece(start: str, end: str) -> str:
    first = REQUEST.index(start)
    return REQUEST[first : REQUEST.index(end, first) + len(end)]


STRUCT = piece("#[derive", "}\n")
IMPL = piece("impl From", "\n}\n")
FROM = piece("    fn from", "}\n")
FIND = piece("pub async", "\n}\n")
VALIDATE = piece("fn validate", "\n}\n")
ITEMS = [
    item(
        REQUEST,
        "struct",
        "Request",
        STRUCT,
        attributes=["derive(Debug, Serialize)", 'serde(rename_all = "snake_case")'],
    ),
    item(
        REQUEST,
        "impl",
        "From<Request> for domain::Order",
        IMPL,
        bases=["From<Request>"],
        type="domain::Order",
    ),
    item(REQUEST, "function", "Order::from", FROM, returns="Self", owner=1),
    item(REQUEST, "function", "find_order", FIND, modifiers=["async"], returns="crate::Result<Order, DbError>"),
    item(REQUEST, "function", "validate", VALIDATE, returns="bool"),
]
CALLS = [
    (-1, 7, "macro", "diesel::table", ""),
    (3, 16, "method", "find_by_id", "store"),
    (3, 17, "macro", "tracing::info", ""),
    (3, 17, "path", "Result::Ok", ""),
]
IMPORTS = [used("domain")]


def request(**fields: Any) -> Code:
    defaults: dict[str, Any] = {"crate": "api", "module": "api", "layer": "api"}
    return Code("crates/api/lib.rs", REQUEST, ITEMS, IMPORTS, CALLS, **{**defaults, **fields})


def matched(folder: Path, match: dict[str, Any]) -> list[str]:
    inputs = write_source(folder, request())
    return [code_of(one) for one in records(make_patterns(folder / "out", inputs, {"name": "it", "match": match}))]


@pytest.mark.parametrize(
    ("match", "found"),
    [
        ({"attributes": ["serde"]}, [STRUCT]),
        ({"attributes": ["derive", "serde"]}, [STRUCT]),
        ({"attributes": ["der"]}, []),
        ({"functions": ["*validate*", "*check*"]}, [VALIDATE]),
        ({"functions": ["from"]}, [FROM]),
        ({"modifiers": ["async"]}, [FIND]),
        ({"modifiers": ["async"], "calls": ["*find*"]}, [FIND]),
        ({"modifiers": ["async"], "calls": ["*insert*"]}, []),
        ({"functions": ["validate"], "calls": ["*find*"]}, []),
        ({"returns": ["Result"]}, [FIND]),
        ({"returns": ["crate::Result", "bool"]}, [FIND, VALIDATE]),
        ({"returns": ["io::Result"]}, []),
        ({"implements": ["From", "Into"]}, [IMPL]),
        ({"implements": ["*"]}, [IMPL]),
        ({"items": ["struct", "enum"]}, [STRUCT]),
        ({"items": ["struct"], "attributes": ["diesel_enum"]}, []),
        ({"macros": ["diesel::table"]}, [piece("diesel::table", "\n}\n")]),
        ({"macros": ["table"]}, [piece("diesel::table", "\n}\n")]),
        ({"macros": ["other::table"]}, []),
        ({"macros": ["info"]}, ['tracing::info!("found {id}");']),
        ({"macros": ["table"], "functions": ["*"]}, []),
        ({"calls": ["info"]}, []),
    ],
)
def test_in_a_list_any_entry_matches_and_between_fields_all_must(
    tmp_path: Path, match: dict[str, Any], found: list[str]
) -> None:
    assert [one.strip() for one in matched(tmp_path, match)] == [one.strip() for one in found]


def test_names_are_compared_without_paths_and_arguments() -> None:
    assert path_of("&'a mut crate::a::Foo<T>") == ("crate", "a", "Foo")
    assert path_of("impl Future<Output = ()>") == ("Future",)
    assert path_of("app.route('/x')") == ("app", "route")
    assert path_of("[u8; 4]") == ()
    assert arguments_of("Result<HashMap<K, V>, fn(u8) -> E>") == ["HashMap<K, V>", "fn(u8) -> E"]
    assert listed("(int, error)") == ["int", "error"]
    assert NamePatterns(["a::*"]).match("b::a::c<T>") == "c"
    assert NamePatterns(["a::c"]).match("b::c") == ""


def test_a_record_is_of_its_file_and_says_its_pattern(tmp_path: Path) -> None:
    pattern = {"name": "checks", "match": {"functions": ["validate"]}}
    header = {"comment": {"fields": ["pattern", "file", "kind", "name"]}}
    (record,) = records(make_patterns(tmp_path / "out", write_source(tmp_path, request()), pattern, header=header))
    header_lines = ["// Pattern: checks", "// File: crates/api/lib.rs", "// Kind: function", "// Name: validate"]
    assert record["text"] == "\n".join(header_lines) + "\n\n" + VALIDATE
    assert (record["kind"], record["granularity"], record["name"]) == ("code-pattern", "checks", "validate")
    assert (record["crate"], record["module"], record["complete"]) == ("api", "api", True)
    digest = hashlib.sha256(VALIDATE.encode()).hexdigest()
    assert [(one["start"], one["end"], one["sha256"]) for one in record["source"]] == [(20, 22, digest)]


def test_over_length_is_cut_at_syntax_and_never_truncated(tmp_path: Path) -> None:
    pattern = {"name": "it", "match": {"implements": ["From"]}}
    outputs = make_patterns(
        tmp_path / "out", write_source(tmp_path, request()), pattern, max_tokens=64, header=NO_HEADER
    )
    parts = records(outputs)
    assert len(parts) > 1
    assert "".join(code_of(one) for one in parts) == IMPL
    assert not any(one["complete"] for one in parts)


def test_conversions_between_layers_say_so(tmp_path: Path) -> None:
    order = "pub struct Order;\n"
    domain = Code("crates/domain/lib.rs", order, [item(order, "struct", "Order", order)], crate="domain", layer="core")
    pattern = {"name": "conversions", "match": {"implements": ["From"], "items": ["impl"]}}
    header = {"comment": {"fields": ["layer"]}}
    for other, expected in ((domain, "// Layer: api -> core"), (request(), "// Layer: api")):
        folder = tmp_path / other.crate
        codes = {one.path: one for one in (request(), other)}
        (record,) = records(
            make_patterns(folder / "out", write_source(folder, *codes.values()), pattern, header=header)
        )
        assert record["text"].splitlines()[0] == expected


@pytest.mark.parametrize(
    ("context", "found"),
    [
        ({"item": {}}, [FROM, VALIDATE]),
        ({"file": {}}, [REQUEST]),
        ({"lines": 1}, [piece("impl From", "\n}\n"), "\n" + VALIDATE]),
        ({"lines": 4}, [piece("    orders", "\n}\n\nfn validate(order: &Order) -> bool {\n    order.id > 0\n}\n")]),
        ({"module": {}}, [REQUEST]),
    ],
)
def test_a_context_shows_what_is_around_and_joins_what_meets(
    tmp_path: Path, context: dict[str, Any], found: list[str]
) -> None:
    pattern = {"name": "it", "match": {"functions": ["from", "validate"]}, "context": context}
    outputs = make_patterns(tmp_path / "out", write_source(tmp_path, request()), pattern, header=NO_HEADER)
    assert [code_of(one) for one in records(outputs)] == found


def test_the_module_of_a_match_is_the_innermost_around_it(tmp_path: Path) -> None:
    text = "mod a {\n    fn x() {}\n    fn y() {}\n}\nfn z() {}\n"
    module = text[: text.index("fn z")]
    items = [
        item(text, "module", "a", module),
        item(text, "function", "a::x", "    fn x() {}\n", owner=0),
        item(text, "function", "a::y", "    fn y() {}\n", owner=0),
        item(text, "function", "z", "fn z() {}\n"),
    ]
    pattern = {"name": "it", "match": {"functions": ["x", "y"]}, "context": {"module": {}}}
    inputs = write_source(tmp_path, Code("a.rs", text, items))
    (record,) = records(make_patterns(tmp_path / "out", inputs, pattern, header=NO_HEADER))
    assert (code_of(record), record["name"]) == (module, "a")


def macros(path: str, crate: str, names: str) -> Code:
    text = "".join(f"fn f{number}() {{ {name}!({number}); }}\n" for number, name in enumerate(names))
    items = [item(text, "function", f"f{n}", line) for n, line in enumerate(text.splitlines(keepends=True))]
    calls = [(number, number + 1, "macro", name, "") for number, name in enumerate(names)]
    return Code(path, text, items, calls=calls, crate=crate)


def test_of_the_most_frequent_names_so_many_examples_are_taken_spread_over_crates(tmp_path: Path) -> None:
    codes = [macros("a/1.rs", "a", "xxxxyz"), macros("a/2.rs", "a", "xxy"), macros("b/1.rs", "b", "xyy")]
    limit = {"mostFrequent": 2, "examplesEach": 2}
    pattern = {"name": "macros", "match": {"macros": ["*"]}, "limit": limit}
    outputs = make_patterns(tmp_path / "out", write_source(tmp_path, *codes), pattern, header=NO_HEADER)
    found = [(one["source"][0]["path"], code_of(one).split("!")[0].strip()[-1]) for one in records(outputs)]
    assert sorted(found) == [("a/1.rs", "x"), ("a/1.rs", "y"), ("b/1.rs", "x"), ("b/1.rs", "y")]
    assert outputs.dropped == {"over-limit": 8}


def test_the_most_central_items_are_taken_by_their_rank(tmp_path: Path) -> None:
    links = {"f0": {"rank": 3}, "f1": {"rank": 1}, "f2": {"rank": 2}, "f3": {"rank": 0}}
    code = macros("a.rs", "a", "xxxx")
    code = Code(code.path, code.text, code.items, crate="a", links=links)
    pattern = {"name": "central", "match": {"functions": ["*"]}, "limit": {"mostCentral": 2}}
    outputs = make_patterns(tmp_path / "out", write_source(tmp_path, code), pattern)
    assert [one["name"] for one in records(outputs)] == ["f1", "f2"]


def test_a_held_out_file_shows_its_novel_lines_only(tmp_path: Path) -> None:
    novel = [{"start": 20, "end": 21, "group": "e" * 40}]
    later = REQUEST.replace("order.id > 0", "order.id > 9")
    held_out = Code("crates/api/lib.rs", later, ITEMS, about={"split": "test", "novel": novel})
    codes = [request(), held_out]
    pattern = {"name": "it", "match": {"functions": ["find_order", "validate"]}}
    outputs = make_patterns(tmp_path / "out", write_source(tmp_path, *codes), pattern)
    found = [(one["split"], one["name"]) for one in records(outputs)]
    assert sorted(found) == [("test", "validate"), ("train", "find_order"), ("train", "validate")]
    assert outputs.dropped == {"not-novel": 1}


def test_views_are_those_of_units(tmp_path: Path) -> None:
    pattern = {"name": "it", "match": {"functions": ["validate"]}}
    views = {"plain": {}, "fillInMiddle": {"percent": 100}}
    outputs = make_patterns(tmp_path / "out", write_source(tmp_path, request()), pattern, views=views)
    assert [one["view"] for one in records(outputs)] == ["plain", "fill-in-middle"]


def test_the_view_of_calls_shows_what_calls_a_match(tmp_path: Path) -> None:
    pattern = {"name": "it", "match": {"functions": ["*"]}}
    code = request(links={"validate": {"callers": ["shop::buy"], "called": 1}})
    inputs = write_source(tmp_path, code)
    (record,) = records(make_patterns(tmp_path / "out", inputs, pattern, views={"callGraph": {}}))
    assert (record["view"], record["name"]) == ("call-graph", "validate")
    assert "shop::buy" in record["text"][: record["code_start"]]


def test_files_that_keep_leaves_out_are_counted(tmp_path: Path) -> None:
    pattern = {"name": "it", "match": {"functions": ["*"]}}
    outputs = make_patterns(tmp_path / "out", write_source(tmp_path, request()), pattern, keep={"include": ["src/**"]})
    assert not records(outputs)
    assert outputs.dropped == {"path": 1}


def test_figures_say_how_often_what_is_found(tmp_path: Path) -> None:
    pattern = {"name": "results", "match": {"returns": ["Result"]}}
    outputs = make_patterns(tmp_path / "out", write_source(tmp_path, request()), pattern)
    figures = json.loads((outputs.folder / "figures/patterns.json").read_bytes())
    assert figures["errorTypes"] == {"all": 1, "names": 1, "most": [{"name": "DbError", "count": 1}]}
    assert [one["name"] for one in figures["macros"]["most"]] == ["info", "table"]
    assert [one["name"] for one in figures["derives"]["most"]] == ["Debug", "Serialize"]
    assert figures["patterns"] == {"results": {"all": 1, "names": 1, "most": [{"name": "Result", "count": 1}]}}


def test_a_second_run_gives_the_same_bytes(tmp_path: Path) -> None:
    inputs = write_source(tmp_path, request(), macros("a/1.rs", "a", "xxxxyz"))
    patterns = [
        {"name": "macros", "match": {"macros": ["*"]}, "limit": {"mostFrequent": 3, "examplesEach": 2}},
        {"name": "functions", "match": {"functions": ["*"]}, "context": {"lines": 2}},
    ]
    one, other = (make_patterns(tmp_path / name, inputs, *patterns) for name in ("one", "other"))
    for path in ("records/records.jsonl.zst", "ids/ids.jsonl.zst", "figures/patterns.json"):
        assert (one.folder / path).read_bytes() == (other.folder / path).read_bytes()


def test_nine_hundred_blocks_within_each_other_are_no_matter(tmp_path: Path) -> None:
    depth = 900  # each is two levels of the tree, and of 2,000 a text is unread
    text = "fn deep() { " + "{" * depth + " println!(); " + "}" * depth + " }\n"
    calls = [(0, 1, "macro", "println", "")]
    code = Code("a.rs", text, [item(text, "function", "deep", text)], calls=calls)
    pattern = {"name": "it", "match": {"macros": ["println"]}}
    outputs = make_patterns(tmp_path / "out", write_source(tmp_path, code), pattern, header=NO_HEADER)
    assert [code_of(one) for one in records(outputs)] == ["println!();"]
