"""What stands before a unit of its calls and callers: true, bounded, and comment lines of its language."""

import re
from pathlib import Path
from typing import Any

import pytest

from repoloom_stages.record_files import write_records
from repoloom_stages.runtime.stage import Outputs
from repoloom_stages.sampling.call_graph_view import MAX_NEAR, WIDTH
from support.shards import cut_units, made, source_file

RUST = """\
pub fn sell(seat: Seat) -> Ticket {
    let price = price_of(&seat);
    print(price)
}

fn price_of(seat: &Seat) -> u32 { seat.row }

fn alone() {}
"""
ONLY = {"callGraph": {}}

Edges = dict[str, tuple[list[str], list[str]]]
"""By id: what it calls, and what calls it."""

NEAR: Edges = {
    "app::sell": (["app::price_of", "printer::print"], ["app::main", "desk::serve"]),
    "app::price_of": ([], ["app::sell"]),
    "app::alone": ([], []),
}
FAR: Edges = {
    "printer::print": (["printer::queue", "log::write"], ["app::sell"]),
    "app::main": (["app::sell"], []),
    "desk::serve": (["app::sell"], ["desk::open"]),
    "log::write": ([], ["printer::print"]),
}


def linked(folder: Path, near: Edges, far: Edges) -> dict[str, Path]:
    """The roles `links` and `graph`, as `link-code` writes them for the one file."""

    def edges(name: str, found: tuple[list[str], list[str]]) -> dict[str, Any]:
        return {"id": name, "calls": found[0], "callers": found[1], "called": len(found[1]), "rank": 1}

    file = {"path": "app.rs", "split": "train", "imports": [], "items": [edges(*one) for one in near.items()]}
    write_records(folder / "links/files.jsonl.zst", [file])
    write_records(folder / "graph/items.jsonl.zst", [edges(*one) for one in sorted((near | far).items())])
    return {"links": folder / "links", "graph": folder / "graph"}


def cut(folder: Path, near: Edges = NEAR, far: Edges = FAR, text: str = RUST, **fields: Any) -> Outputs:
    fields = {"granularities": ["function"], "views": ONLY, "header": {"none": {}}} | fields
    return cut_units(folder, source_file("app.rs", text), links=linked(folder, near, far), **fields)


def records(outputs: Outputs) -> list[Any]:
    return made(outputs, "records/records.jsonl.zst")


def test_a_function_comes_after_a_tree_both_ways_and_how_it_flows(tmp_path: Path) -> None:
    first, second = records(cut(tmp_path))
    assert first["text"] == (
        "// Callers of app::sell:\n"
        "// |-- app::main\n"
        "// `-- desk::serve\n"
        "//     `-- desk::open\n"
        "// Calls of app::sell:\n"
        "// |-- app::price_of\n"
        "// `-- printer::print\n"
        "//     |-- printer::queue\n"
        "//     `-- log::write\n"
        "//\n"
        "// Flow: app::sell is called by 2 items: app::main, desk::serve; it calls app::price_of, then\n"
        "// printer::print (which calls printer::queue, log::write).\n"
        "\n"
        "pub fn sell(seat: Seat) -> Ticket {\n    let price = price_of(&seat);\n    print(price)\n}\n"
    )
    assert (first["view"], first["name"], second["name"]) == ("call-graph", "sell", "price_of")
    assert first["text"][first["code_start"] :].startswith("pub fn sell")


def test_a_unit_without_resolved_calls_has_no_such_view(tmp_path: Path) -> None:
    outputs = cut(tmp_path)
    assert "alone" not in {one["name"] for one in records(outputs)}
    assert (outputs.records_in, outputs.kept, outputs.dropped) == (2, 2, {})


def test_a_header_stands_before_it(tmp_path: Path) -> None:
    comment, *_ = records(cut(tmp_path / "comment", header={"comment": {"fields": ["name"]}}))
    assert comment["text"].startswith("// Name: sell\n\n// Callers of app::sell:\n")
    tags, *_ = records(cut(tmp_path / "tags", header={"tags": {"fields": ["name"]}}))
    assert tags["text"].startswith("<path>\nName: sell\n</path>\n\n// Callers of app::sell:\n")
    assert tags["text"].split("<file>\n")[1] == tags["text"][tags["code_start"] : tags["code_end"]] + "</file>"


def test_of_what_holds_functions_those_most_called_are_shown(tmp_path: Path) -> None:
    (file,) = records(cut(tmp_path, granularities=["file"]))
    places = [file["text"].index(line) for line in ("Callers of app::sell", "Callers of app::price_of")]
    assert places == sorted(places)
    assert file["text"].endswith(RUST)


def test_numbers_are_bounded_and_what_is_left_out_is_counted(tmp_path: Path) -> None:
    calls, callers = [f"far::call_{n:03}" for n in range(40)], [f"far::caller_{n:03}" for n in range(30)]
    near = {"app::f": (calls, callers)}
    far = {name: ([f"{name}::{n}" for n in range(9)],) * 2 for name in [*calls, *callers]}
    (one,) = records(cut(tmp_path, near, far, text="fn f() { g(); }\n"))
    notes = one["text"][: one["code_start"]]
    assert f"`-- ({40 - MAX_NEAR} more)\n" in notes
    assert f"`-- ({30 - MAX_NEAR} more)\n" in notes
    assert len(notes.splitlines()) < 120
    assert all(len(line) <= WIDTH + 3 for line in notes.splitlines())


def test_a_tree_that_takes_most_of_every_part_is_left_out(tmp_path: Path) -> None:
    lines = "".join(f"    let seat_{number} = take({number});\n" for number in range(60))
    text = f"pub fn sell() {{\n{lines}}}\n"
    near: Edges = {"app::sell": ([], [f"desk::window::number_{number}::sold" for number in range(8)])}
    whole, parts = (cut(tmp_path / str(most), near, {}, text, max_tokens=most) for most in (4096, 400))
    assert (whole.kept, whole.dropped) == (1, {})
    assert (parts.kept, parts.dropped) == (0, {"header-too-long": 1})


def test_recursion_has_an_end(tmp_path: Path) -> None:
    near: Edges = {"app::f": (["app::f", "app::g"], ["app::f", "app::g"]), "app::g": (["app::f"], ["app::f"])}
    text = "fn f() { f(); g(); }\n\nfn g() { f(); }\n"
    first, _ = records(cut(tmp_path, near, {}, text=text))
    assert "// |-- app::f (itself)\n// `-- app::g\n//     `-- app::f (itself)\n" in first["text"]
    assert "it calls itself, then app::g (which calls app::f)." in first["text"].replace("\n// ", " ")


def test_every_name_shown_is_in_the_links(tmp_path: Path) -> None:
    known = {*NEAR, *FAR} | {name for near in (NEAR | FAR).values() for names in near for name in names}
    notes = "\n".join(one["text"][: one["code_start"]] for one in records(cut(tmp_path)))
    shown = set(re.findall(r"\w+::\w+", notes))
    assert shown
    assert shown <= known


@pytest.mark.parametrize("views", [{"plain": {}}, {"plain": {}, "fillInMiddle": {}}])
def test_other_views_read_no_links(tmp_path: Path, views: dict[str, Any]) -> None:
    outputs = cut_units(tmp_path, source_file("app.rs", RUST), granularities=["function"], views=views)
    assert outputs.kept >= 3
