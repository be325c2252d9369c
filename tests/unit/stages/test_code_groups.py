"""Groups show what belongs together, each stretch of it once and whole, within the window and on one side."""

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from repoloom_stages.record_files import read_records
from repoloom_stages.runtime.stage import Inputs, Outputs
from repoloom_stages.sampling.tagging import tag_code
from support.linking import link_texts
from support.models import train_tokenizer
from support.shards import made, write_tokenizer
from support.whole_sources import Code, item, make_groups, used, workspace_source, write_source
from support.workspace import workspace_files

NO_HEADER: dict[str, Any] = {"none": {}}


def records(outputs: Outputs) -> list[Any]:
    found = made(outputs, "records/records.jsonl.zst")
    assert outputs.records_in == outputs.kept + outputs.dropped.total()
    assert outputs.kept == len(found)
    assert [one["id"] for one in made(outputs, "ids/ids.jsonl.zst")] == [one["id"] for one in found]
    assert len({one["id"] for one in found}) == len(found)
    paths = [one["source"][0]["path"] for one in found]
    assert paths == sorted(paths)
    return found


def shown(outputs: Outputs) -> list[tuple[str, list[str]]]:
    """Names of groups, and the paths that they show."""
    return [(one["name"], [origin["path"] for origin in one["source"]]) for one in records(outputs)]


def rust(name: str, functions: int = 1) -> str:
    """A file of so many functions of about 20 tokens each."""
    return "".join(f"fn {name}_{number}() -> u8 {{\n    {number}\n}}\n" for number in range(functions))


def code(path: str, functions: int = 1, **fields: Any) -> Code:
    return Code(path, rust(path.rpartition("/")[2].removesuffix(".rs"), functions), **fields)


def tokens(text: str) -> int:
    return len(train_tokenizer().encode(text))


def verified(outputs: Outputs, codes: list[Code]) -> Counter[tuple[str, int]]:
    """How often each line of the files is shown, by path and number from 1; every origin is checked."""
    texts = {one.path: one.text.split("\n") for one in codes}
    lines: Counter[tuple[str, int]] = Counter()
    for record in records(outputs):
        for origin in record["source"]:
            held = "\n".join(texts[origin["path"]][origin["start"] - 1 : origin["end"]]) + "\n"
            assert hashlib.sha256(held.encode()).hexdigest() == origin["sha256"]
            assert held in record["text"]
            lines.update((origin["path"], number) for number in range(origin["start"], origin["end"] + 1))
    return lines


def test_a_group_is_its_files_each_under_a_header(tmp_path: Path) -> None:
    inputs = write_source(tmp_path, code("a/x.rs", crate="one"), code("a/y.rs", crate="one"))
    (record,) = records(make_groups(tmp_path / "out", inputs, modules={}))
    x, y = rust("x"), rust("y")
    assert record["text"] == (
        f"<path>\nFile: a/x.rs\n</path>\n\n<file>\n{x}</file>\n\n<path>\nFile: a/y.rs\n</path>\n\n<file>\n{y}</file>"
    )
    first, last = record["text"].index(x), record["text"].rindex(y) + len(y)
    assert (record["code_start"], record["code_end"]) == (first, last)
    assert (record["kind"], record["granularity"], record["name"]) == ("code-group", "modules", "a")
    assert (record["crate"], record["lang"], record["complete"], record["parsed"]) == ("one", "rust", True, True)
    assert record["tokens"] == tokens(record["text"])


def test_tags_of_an_output_count_against_the_window(tmp_path: Path) -> None:
    inputs = write_source(tmp_path, code("a/x.rs"), code("a/y.rs"))
    (plain,) = records(make_groups(tmp_path / "plain", inputs, modules={}))
    (tagged,) = records(make_groups(tmp_path / "tagged", inputs, tagged=True, modules={}))
    assert tagged["text"] == plain["text"]
    assert tagged["tokens"] == tokens(tag_code(plain["text"])) > plain["tokens"]
    cut = make_groups(tmp_path / "cut", inputs, tagged=True, max_tokens=plain["tokens"], modules={})
    assert shown(cut) == [("a", ["a/x.rs"]), ("a", ["a/y.rs"])]


def test_large_files_stand_alone_and_small_neighbours_together(tmp_path: Path) -> None:
    codes = [code("a/big.rs", 30), code("a/x.rs"), code("a/y.rs", 3), code("b/z.rs", 3), code("c.rs")]
    inputs = write_source(tmp_path, *codes)
    both = make_groups(tmp_path / "out", inputs, min_tokens=150, max_tokens=2000, largeFiles={}, smallFiles={})
    small = [("a", ["a/x.rs", "a/y.rs"]), (".", ["b/z.rs", "c.rs"])]
    assert shown(both) == [("a/big.rs", ["a/big.rs"]), *small]
    assert set(verified(both, codes).values()) == {1}


def test_large_files_may_be_those_of_so_many_bytes(tmp_path: Path) -> None:
    inputs = write_source(tmp_path, code("a.rs", 9), code("b.rs", 3))
    outputs = make_groups(tmp_path / "out", inputs, largeFiles={"minBytes": 200})
    assert shown(outputs) == [("a.rs", ["a.rs"])]


def test_a_file_over_the_window_is_cut_between_items(tmp_path: Path) -> None:
    codes = [code("a.rs", 30)]
    outputs = make_groups(tmp_path / "out", write_source(tmp_path, *codes), max_tokens=300, largeFiles={})
    found = records(outputs)
    assert len(found) > 1
    assert all(one["tokens"] == tokens(one["text"]) <= 300 and not one["complete"] for one in found)
    assert all(one["text"].count("fn ") == one["text"].count("\n}\n") for one in found)
    assert set(verified(outputs, codes).values()) == {1}


def test_the_rest_of_a_cut_file_is_not_too_short(tmp_path: Path) -> None:
    codes = [code("a.rs", 30)]
    whole = tokens("".join(one.text for one in codes))
    outputs = make_groups(
        tmp_path / "out", write_source(tmp_path, *codes), min_tokens=200, max_tokens=whole - 40, largeFiles={}
    )
    assert [one["tokens"] >= 200 for one in records(outputs)] == [True, True]
    assert not outputs.dropped


def test_no_function_that_fits_is_cut_to_make_the_rest_longer(tmp_path: Path) -> None:
    long = "fn long() {\n" + "".join(f"    step({number});\n" for number in range(40)) + "}\n"
    codes = [Code("a.rs", long + rust("a"))]
    most = tokens(long) + tokens("<path>\nFile: a.rs\n</path>\n\n<file>\n</file>") + 5
    inputs = write_source(tmp_path, *codes)
    outputs = make_groups(tmp_path / "out", inputs, min_tokens=100, max_tokens=most, largeFiles={})
    assert [one["text"].count(long) for one in records(outputs)] == [1]
    assert outputs.dropped == {"too-short": 1}


def test_crates_are_whole_and_in_dependency_order(tmp_path: Path) -> None:
    paths = ["crates/one/src/a.rs", "crates/one/src/b.rs", "crates/two/src/c.rs"]
    codes = [code(path, 5, crate=path.split("/")[1]) for path in paths] + [code("build.rs")]
    inputs = write_source(tmp_path, *codes, order=[paths[1], paths[0], paths[2]])
    outputs = make_groups(tmp_path / "out", inputs, min_tokens=50, crates={})
    assert sorted(shown(outputs)) == [("one", [paths[1], paths[0]]), ("two", [paths[2]])]


def test_a_crate_over_its_bytes_is_dropped_and_counted(tmp_path: Path) -> None:
    codes = [code("crates/one/a.rs", 50, crate="one"), code("crates/two/b.rs", crate="two")]
    outputs = make_groups(tmp_path / "out", write_source(tmp_path, *codes), crates={"maxBytes": 500})
    assert shown(outputs) == [("two", ["crates/two/b.rs"])]
    assert outputs.dropped == {"crate-too-large": 1}


def test_what_stays_under_the_window_is_dropped_and_counted(tmp_path: Path) -> None:
    outputs = make_groups(tmp_path / "out", write_source(tmp_path, code("a.rs")), min_tokens=500, modules={})
    assert not records(outputs)
    assert outputs.dropped == {"too-short": 1}


def test_files_that_keep_leaves_out_and_empty_ones_are_in_no_group(tmp_path: Path) -> None:
    codes = [code("a.rs"), code("tests/b.rs"), Code("c.rs", " \n"), code("d.rs", 90)]
    keep = {"exclude": ["tests/**"], "maxBytes": 2000}
    outputs = make_groups(tmp_path / "out", write_source(tmp_path, *codes), keep=keep, modules={})
    assert shown(outputs) == [(".", ["a.rs"])]
    assert outputs.dropped == {"path": 1, "max-bytes": 1, "empty": 1}


def test_files_held_out_by_time_are_in_no_group(tmp_path: Path) -> None:
    codes = [code("a.rs"), code("b.rs", about={"split": "test"})]
    outputs = make_groups(tmp_path / "out", write_source(tmp_path, *codes), modules={})
    assert shown(outputs) == [(".", ["a.rs"])]
    assert outputs.dropped == {"held-out": 1}


def test_files_held_out_by_file_never_meet_those_of_another_side(tmp_path: Path) -> None:
    by_file = {"about": {"split": "", "commit": ""}}
    codes = [code(f"{name}.rs", **by_file) for name in "abcd"]
    sides = {"a.rs": "train", "b.rs": "test", "c.rs": "train", "d.rs": "test"}
    outputs = make_groups(tmp_path / "out", write_source(tmp_path, *codes, sides=sides), modules={})
    assert shown(outputs) == [(".", ["a.rs", "c.rs"]), (".", ["b.rs", "d.rs"])]
    assert {one["split"] for one in records(outputs)} == {""}


def shapes() -> list[Code]:
    """A type with implementations in two files and a namesake elsewhere; a trait; a function that is used elsewhere."""
    point = "pub struct Point;\n\nimpl Point {}\n"
    trait = "pub trait Draw {}\n\npub fn ink() {}\n"
    screen = "use shapes::point::Point;\nuse shapes::draw::Draw;\n\nimpl Draw for Point {}\n\nfn paint() { ink() }\n"
    other = "struct Point;\n\nimpl Point {}\n"
    return [
        Code(
            "crates/shapes/point.rs",
            point,
            [
                item(point, "struct", "Point", "pub struct Point;\n"),
                item(point, "impl", "Point", "impl Point {}\n", type="Point"),
            ],
            crate="shapes",
            module="shapes::point",
        ),
        Code(
            "crates/shapes/draw.rs",
            trait,
            [
                item(trait, "trait", "Draw", "pub trait Draw {}\n"),
                item(trait, "function", "ink", "pub fn ink() {}\n"),
            ],
            crate="shapes",
            module="shapes::draw",
            links={"ink": {"callers": ["screen::paint", "shapes::draw::gone"], "called": 2}},
        ),
        Code(
            "crates/screen/lib.rs",
            screen,
            [
                item(screen, "impl", "Draw for Point", "impl Draw for Point {}\n", type="Point", bases=["Draw"]),
                item(screen, "function", "paint", "fn paint() { ink() }\n"),
            ],
            [used("shapes::point::Point"), used("shapes::draw::Draw")],
            crate="screen",
            module="screen",
        ),
        Code(
            "crates/other/lib.rs",
            other,
            [
                item(other, "struct", "Point", "struct Point;\n"),
                item(other, "impl", "Point", "impl Point {}\n", type="Point"),
            ],
            crate="other",
            module="other",
        ),
    ]


def test_a_type_comes_with_all_its_implementations_and_none_of_a_namesake(tmp_path: Path) -> None:
    inputs = write_source(tmp_path, *shapes())
    (record,) = records(make_groups(tmp_path / "out", inputs, implCollections={}, header=NO_HEADER))
    assert record["text"] == "pub struct Point;\n\nimpl Draw for Point {}\n\nimpl Point {}\n"
    assert (record["granularity"], record["name"], record["crate"]) == ("implCollections", "Point", "")


def test_a_trait_comes_with_all_that_implement_it(tmp_path: Path) -> None:
    inputs = write_source(tmp_path, *shapes())
    (record,) = records(make_groups(tmp_path / "out", inputs, traitEcosystems={}, header=NO_HEADER))
    assert record["text"] == "pub trait Draw {}\n\nimpl Draw for Point {}\n"
    assert record["name"] == "Draw"


GO = "package m\n\ntype T struct{}\n\ntype U struct{}\n"
GO_METHODS = "package m\n\nfunc (t T) f() {}\n\nfunc g() {}\n\nfunc (t *T) h() {}\n\nfunc (u U) f() {}\n"
ABOVE = "class Base: ...\n\nclass Lonely: ...\n"
BELOW = "from a import Base, Lonely\n\nclass C(Base): ...\n\nclass D(Base): ...\n\nclass E(Lonely): ...\n"

RELATED = {
    "methods of Go": ("implCollections", {"t.go": GO, "u.go": GO_METHODS}, [("T", ["t.go", "u.go", "u.go"])]),
    "classes below another in Python": (
        "traitEcosystems",
        {"a.py": ABOVE, "b.py": BELOW},
        [("Base", ["a.py", "b.py", "b.py"])],
    ),
    "an interface of a C# namespace": (
        "traitEcosystems",
        {"x/I.cs": "namespace N.M;\ninterface I {}\n", "y/A.cs": "namespace N.M\n{\nclass A : I {}\n}\n"},
        [("N.M.I", ["x/I.cs", "y/A.cs"])],
    ),
    "methods of C++ outside their class": (
        "implCollections",
        {
            "c.h": "namespace n {\nclass C {\n  void f();\n  void g();\n};\n}\n",
            "c.cc": '#include "c.h"\nnamespace n {\nvoid C::f() {}\nvoid C::g() {}\nvoid h() {}\n}\n',
        },
        [("n::C", ["c.h", "c.cc", "c.cc"])],
    ),
}


@pytest.mark.parametrize(("block", "texts", "groups"), RELATED.values(), ids=RELATED)
def test_related_are_also(
    block: str, texts: dict[str, str], groups: list[tuple[str, list[str]]], tmp_path: Path
) -> None:
    linked = link_texts(tmp_path / "linked", texts, split="train")
    roles = {"files": (linked.roles["files"][0].parent,), "tokenizer": (write_tokenizer(tmp_path / "tokenizer"),)}
    inputs = Inputs(linked.roles | roles)
    outputs = make_groups(tmp_path / "out", inputs, header=NO_HEADER, **{block: {}})
    assert shown(outputs) == groups


def test_an_item_comes_with_its_users_in_other_crates(tmp_path: Path) -> None:
    inputs = write_source(tmp_path, *shapes())
    (record,) = records(make_groups(tmp_path / "out", inputs, crossCrate={}, header=NO_HEADER))
    assert record["text"] == "pub fn ink() {}\n\nfn paint() { ink() }\n"
    assert [one["start"] for one in record["source"]] == [3, 6]


def test_what_a_group_is_about_comes_first_in_each_of_its_parts(tmp_path: Path) -> None:
    trait = "pub trait Draw {}\n"
    impls = "".join(f"impl Draw for T{number} {{ fn a() {{ {number} }} }}\n" for number in range(20))
    codes = [
        Code("a.rs", trait, [item(trait, "trait", "Draw", trait)], crate="one"),
        Code(
            "b.rs",
            impls,
            [
                item(impls, "impl", line[5:-1], line, type="T", bases=["Draw"])
                for line in impls.splitlines(keepends=True)
            ],
            crate="one",
        ),
    ]
    inputs = write_source(tmp_path, *codes)
    found = records(make_groups(tmp_path / "out", inputs, max_tokens=200, traitEcosystems={}, header=NO_HEADER))
    assert len(found) > 1
    assert all(one["text"].startswith(trait) and one["tokens"] == tokens(one["text"]) <= 200 for one in found)
    assert sum(one["text"].count("impl ") for one in found) == 20


def test_a_second_run_gives_the_same_bytes(tmp_path: Path) -> None:
    inputs = write_source(tmp_path, *shapes(), order=["crates/screen/lib.rs"])
    blocks: dict[str, Any] = {"modules": {}, "crates": {}, "traitEcosystems": {}, "crossCrate": {}}
    one, other = (make_groups(tmp_path / name, inputs, min_tokens=20, **blocks) for name in ("one", "other"))
    path = "records/records.jsonl.zst"
    assert (one.folder / path).read_bytes() == (other.folder / path).read_bytes()
    assert len(list(read_records(one.folder / path))) > 3


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return workspace_source(tmp_path_factory.mktemp("workspace"))


@pytest.mark.parametrize(
    "blocks", [{"largeFiles": {}, "smallFiles": {}}, {"modules": {}}, {"crates": {}}], ids="+".join
)
def test_blocks_that_do_not_overlap_show_nearly_all_of_a_workspace_once(
    tmp_path: Path, workspace: Any, blocks: dict[str, Any]
) -> None:
    outputs = make_groups(tmp_path, workspace, min_tokens=1000, max_tokens=4000, **blocks)
    codes = [Code(path, text) for path, text in workspace_files().items() if path.endswith(".rs")]
    shown_lines = verified(outputs, codes)
    sizes = {(one.path, n): len(line) + 1 for one in codes for n, line in enumerate(one.text.split("\n"), start=1)}
    once = sum(sizes[line] for line in shown_lines)
    assert once >= 0.99 * sum(len(one.text) for one in codes)
    assert sum(sizes[line] * times for line, times in shown_lines.items()) <= 1.05 * once
    assert all(1000 <= one["tokens"] == tokens(one["text"]) <= 4000 for one in records(outputs))


def test_relations_of_a_workspace_are_found_through_its_imports(tmp_path: Path, workspace: Any) -> None:
    blocks: dict[str, Any] = {"implCollections": {}, "traitEcosystems": {}, "crossCrate": {}}
    found = records(make_groups(tmp_path, workspace, max_tokens=100_000, **blocks))
    by_name = {(one["granularity"], one["name"]): one for one in found}
    assert {name for block, name in by_name if block == "traitEcosystems"} == {"Discount", "Fare", "Store", "StoreExt"}
    passenger = [one["path"] for one in by_name["implCollections", "Passenger"]["source"]]
    ticket, requests = "crates/types/src/ticket.rs", "crates/api/src/requests.rs"
    assert passenger == [ticket, requests, ticket]
    used_elsewhere = by_name["crossCrate", "Amount::zero"]
    assert [one["path"] for one in used_elsewhere["source"]] == [
        "crates/types/src/amount.rs",
        "crates/pricing/src/lib.rs",
    ]


def test_crates_of_a_workspace_show_what_is_used_before_what_uses_it(tmp_path: Path, workspace: Any) -> None:
    found = records(make_groups(tmp_path, workspace, max_tokens=100_000, crates={}))
    pricing = next(one for one in found if one["name"] == "ferry-pricing")
    files = [one["path"].rpartition("/")[2] for one in pricing["source"]]
    assert files.index("fares.rs") < files.index("lib.rs")
    assert files.index("validation.rs") < files.index("lib.rs")
    assert {one["crate"] for one in found} == {one["name"] for one in found}
