"""Overviews of modules, crates and the repository: what they show is there, and they are cut between lines."""

import hashlib
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from repoloom_api.catalogue import CodeUnitsParams
from repoloom_api.v1alpha1.recipes import CodeUnits, Keep
from repoloom_stages import code_overviews
from repoloom_stages.record_files import write_records
from repoloom_stages.runtime.stage import Inputs, Outputs
from repoloom_stages.sampling.ascii_tree import Branch, draw, draw_graph, roots_of
from support.linking import Linked, link_files, link_texts
from support.models import train_tokenizer
from support.shards import made, source_file, write_tokenizer
from support.workspace import workspace_files

RECORDS = "records/records.jsonl.zst"
ALL = ["repository", "crate", "module"]


def overviews(
    folder: Path,
    linked: Linked,
    *,
    max_tokens: int = 100_000,
    min_tokens: int = 0,
    sides: dict[str, str] | None = None,
    **units: Any,
) -> Outputs:
    """Run the stage; `sides` are those of files that no time decided, by path."""
    keep = Keep.model_validate(units.pop("keep", {}))
    params = CodeUnitsParams(
        recipe="overviews",
        units=CodeUnits.model_validate({"granularities": ALL} | units),
        keep=keep,
        min_tokens=min_tokens,
        max_tokens=max_tokens,
        tagged=False,
    )
    repo = source_file("a", "")["repo"]
    lines = [{"repo": repo, "path": path, "split": side} for path, side in (sides or {}).items()]
    write_records(folder / "sides/files.jsonl.zst", lines)
    roles = linked.roles | {"tokenizer": (write_tokenizer(folder / "model"),), "sides": (folder / "sides",)}
    outputs = Outputs(folder / "out")
    code_overviews.run(params, Inputs(roles), outputs)
    assert outputs.records_in == outputs.kept + outputs.dropped.total()
    assert outputs.kept == len(made(outputs, RECORDS))
    return outputs


def by_name(outputs: Outputs) -> dict[tuple[str, str], Any]:
    return {(one["granularity"], one["name"]): one for one in made(outputs, RECORDS)}


def test_origins_are_the_lines_of_the_items_shown(tmp_path: Path) -> None:
    texts = workspace_files()
    outputs = overviews(tmp_path, link_texts(tmp_path / "linked", texts, split="train"))
    checked = 0
    for one in made(outputs, RECORDS):
        assert one["source"]
        for origin in one["source"]:
            lines = texts[origin["path"]].splitlines(keepends=True)[origin["start"] - 1 : origin["end"]]
            assert hashlib.sha256("".join(lines).encode()).hexdigest() == origin["sha256"]
            checked += 1
    assert checked > 100


def test_tokens_are_those_of_the_whole_text(tmp_path: Path) -> None:
    outputs = overviews(tmp_path, link_texts(tmp_path / "linked", workspace_files(), split="train"))
    tokenizer = train_tokenizer()
    found = made(outputs, RECORDS)
    assert found
    for one in found:
        assert one["tokens"] == len(tokenizer.encode(one["text"]).ids)
        assert one["complete"]


def test_a_long_overview_is_cut_between_lines_and_repeats_its_headings(tmp_path: Path) -> None:
    linked = link_texts(tmp_path / "linked", workspace_files(), split="train")
    whole = by_name(overviews(tmp_path / "whole", linked))
    cut = overviews(tmp_path / "cut", linked, max_tokens=700)
    parts = made(cut, RECORDS)
    assert all(one["tokens"] <= 700 for one in parts)
    assert not cut.dropped.keys() - {"no-items"}
    for key, one in whole.items():
        mine = [part for part in parts if (part["granularity"], part["name"]) == key]
        shown = [line for part in mine for line in part["text"].splitlines()]
        assert set(shown) == set(one["text"].splitlines())
        items = sorted(line for line in shown if line.startswith("- "))
        assert items == sorted(line for line in one["text"].splitlines() if line.startswith("- "))
        assert all(part["complete"] is (len(mine) == 1) for part in mine)
        assert all(f"# {key[0].capitalize()} {key[1]}" in part["text"] for part in mine)
    assert max(len([one for one in parts if one["name"] == name]) for _, name in whole) > 2


def test_records_are_sorted_by_the_path_of_their_first_origin(tmp_path: Path) -> None:
    linked = link_texts(tmp_path / "linked", workspace_files(), split="train")
    paths = [one["source"][0]["path"] for one in made(overviews(tmp_path, linked, max_tokens=600), RECORDS)]
    assert paths == sorted(paths)


LIBRARY = """\
//! What a library is.

pub use inner::Shown;
use std::fmt;

/// A thing. And more of it.
pub struct Thing { pub field: u32 }

impl Thing {
    pub fn open(&self) -> u32 { 1 }
    fn hidden(&self) -> u32 { 2 }
}

impl fmt::Display for Thing {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result { Ok(()) }
}

fn private() {}

#[cfg(test)]
mod tests {
    pub fn helper() {}
    #[test]
    pub fn works() {}
}
"""
MANIFEST = '[package]\nname = "lib"\ndescription = "A library."\n'


def test_what_others_can_use_is_shown_and_the_rest_is_counted(tmp_path: Path) -> None:
    linked = link_texts(tmp_path / "linked", {"Cargo.toml": MANIFEST, "src/lib.rs": LIBRARY}, split="train")
    module = by_name(overviews(tmp_path, linked))["module", "lib"]
    text = module["text"]
    assert "What a library is." in text
    assert "- `pub struct Thing`: A thing.\n" in text
    assert "- `pub fn open(&self) -> u32` of Thing\n" in text
    assert "- `impl fmt::Display for Thing`\n" in text
    assert "## Exports\n\ninner::Shown\n" in text
    assert "## Imports\n\nstd::fmt\n" in text
    assert "## Private\n\n- function: 2\n" in text
    assert not any(name in text for name in ("hidden", "works", "helper", "fn fmt"))
    assert (module["crate"], module["module"], module["kind"], module["lang"]) == (
        "lib",
        "lib",
        "code-overview",
        "markdown",
    )


def test_only_the_training_side_is_shown(tmp_path: Path) -> None:
    texts = {"a.py": "def trained(): ...\n", "b.py": "def tested(): ...\n", "c.py": "def validated(): ...\n"}
    by_file = link_texts(tmp_path / "by-file", texts)
    sides = {"a.py": "train", "b.py": "test", "c.py": "validation"}
    files = [source_file(path, text, split=sides[path]) for path, text in texts.items()]
    by_time = link_files(tmp_path / "by-time", files, {})
    for number, (linked, given_sides) in enumerate(((by_file, sides), (by_time, {}))):
        outputs = overviews(tmp_path / str(number), linked, sides=given_sides)
        shown = "".join(one["text"] for one in made(outputs, RECORDS))
        assert "trained" in shown
        assert "tested" not in shown
        assert "validated" not in shown
        assert outputs.dropped["held-out"] == 2


def test_what_keep_leaves_out_is_counted(tmp_path: Path) -> None:
    linked = link_texts(tmp_path / "linked", {"a.py": "def a(): ...\n", "b/c.py": "def c(): ...\n"}, split="train")
    outputs = overviews(tmp_path, linked, keep={"include": ["*.py"]})
    assert outputs.dropped == {"path": 1}
    assert all("def c" not in one["text"] for one in made(outputs, RECORDS))


def test_a_module_that_gives_nothing_and_a_part_too_short_are_counted(tmp_path: Path) -> None:
    linked = link_texts(tmp_path / "linked", {"a.py": "x = 1\n", "b.py": "def b(): ...\n"}, split="train")
    assert overviews(tmp_path / "a", linked, granularities=["module"]).dropped == {"no-items": 1}
    outputs = overviews(tmp_path / "b", linked, granularities=["module"], min_tokens=5000)
    assert outputs.dropped == {"no-items": 1, "too-short": 1}


def test_a_line_over_the_budget_is_left_out_and_counted(tmp_path: Path) -> None:
    long = f"def a({', '.join(f'argument_{n}' for n in range(12))}): ...\n"
    linked = link_texts(tmp_path / "linked", {"a.py": f"{long}def b(): ...\n"}, split="train")
    outputs = overviews(tmp_path, linked, granularities=["module"], max_tokens=90, header={"none": {}})
    assert outputs.dropped == {"too-long": 1}
    assert all("def b" in one["text"] for one in made(outputs, RECORDS) if "Functions" in one["text"])


def test_shards_change_nothing(tmp_path: Path) -> None:
    one, many = (
        overviews(tmp_path / f"{n}", link_texts(tmp_path / f"linked-{n}", workspace_files(), split="train", shards=n))
        for n in (1, 3)
    )
    assert (one.folder / RECORDS).read_bytes() == (many.folder / RECORDS).read_bytes()


def test_a_graph_is_drawn_once_below_its_roots() -> None:
    edges = {"app": ["api", "store"], "api": ["types"], "store": ["types"], "types": [], "tool": ["types"]}
    assert list(draw_graph(roots_of(edges, edges), edges)) == [
        "app",
        "|-- api",
        "|   `-- types",
        "`-- store",
        "    `-- types",
        "tool",
        "`-- types",
    ]


def test_a_tree_of_any_depth_is_drawn() -> None:
    tree = Branch("leaf")
    for _ in range(3000):
        tree = Branch("node", (tree,))
    assert len(list(draw([tree]))) == 3001


@given(st.dictionaries(st.sampled_from("abcdefgh"), st.lists(st.sampled_from("abcdefgh"), unique=True)))
def test_any_graph_ends_and_shows_every_name(edges: dict[str, list[str]]) -> None:
    lines = list(draw_graph(roots_of(edges, edges), edges))
    names = {line.split(" (above)")[0].split(" ")[-1] for line in lines}
    assert names == set(edges) | {one for below in edges.values() for one in below}
    assert len(lines) <= len(edges) + sum(map(len, edges.values()))


def test_a_file_that_assigns_its_exports_shows_its_items(tmp_path: Path) -> None:
    texts = {
        "lib/a.js": "exports.f = function () {}\nfunction g() {}\n",
        "b.js": "export function h() {}\nfunction i() {}\n",
    }
    outputs = overviews(tmp_path, link_texts(tmp_path / "linked", texts, split="train"), granularities=["module"])
    shown = by_name(outputs)
    assert "function g()" in shown["module", "lib"]["text"]
    assert "function i()" not in shown["module", ""]["text"]


def test_the_value_of_a_constant_is_cut_short(tmp_path: Path) -> None:
    texts = {"a.ts": f"export const a = [{', '.join(map(str, range(1000)))}]\n"}
    outputs = overviews(tmp_path, link_texts(tmp_path / "linked", texts, split="train"), granularities=["module"])
    assert len(by_name(outputs)["module", ""]["text"]) < 600


def test_what_a_trait_promises_is_shown_where_the_trait_is(tmp_path: Path) -> None:
    text = """\
pub trait Berth {
    const LENGTH: u8;

    /// Ties it up, i.e. with a rope. It must be there.
    fn moor(&self) -> u8;
}

trait Hidden {
    fn never(&self);
}
"""
    files = {"Cargo.toml": '[package]\nname = "port"\n', "src/lib.rs": text}
    outputs = overviews(tmp_path, link_texts(tmp_path / "linked", files, split="train"))
    shown = by_name(outputs)["module", "port"]["text"]
    assert "- `fn moor(&self) -> u8` of Berth: Ties it up, i.e. with a rope.\n" in shown
    assert "never" not in shown
    assert "LENGTH" not in shown
