"""Questions and contrasts: every answer is borne out by the index, and every rejected one is wrong for a reason."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from repoloom_api.catalogue import CodeContrastsParams, CodeQuestionsParams
from repoloom_api.v1alpha1.recipes import CodeQuestions, Keep
from repoloom_stages import code_contrasts, code_questions
from repoloom_stages.record_files import read_records
from repoloom_stages.records import Novel, Record, text_sha256
from repoloom_stages.runtime.stage import Inputs, Outputs
from support.linking import Linked, link_files, link_texts
from support.shards import source_file, write_tokenizer
from support.workspace import workspace_files

BOTH: dict[str, Any] = {"instruction": {}, "reasoning": {}}

TWO_FUNCTIONS = """\
/// Adds one.
pub fn add_one(number: i64) -> i64 {
    number + 1
}

/// Adds two, one by one.
pub fn add_two(number: i64) -> i64 {
    add_one(add_one(number))
}
"""


@pytest.fixture(scope="module")
def ferry(tmp_path_factory: pytest.TempPathFactory) -> Linked:
    return link_texts(tmp_path_factory.mktemp("ferry"), workspace_files(), split="train")


def one_shard(linked: Linked, folder: Path) -> Inputs:
    roles = {role: linked.roles[role] for role in ("files", "index", "places", "graph")}
    (shard,) = sorted((linked.roles["links"][0]).iterdir())
    return Inputs(roles | {"links": (shard,), "tokenizer": (write_tokenizer(folder / "tokenizer"),)})


def ask(linked: Linked, folder: Path, *, max_tokens: int = 4096, min_tokens: int = 0, **asked: Any) -> Outputs:
    outputs = Outputs(folder / "questions")
    params = CodeQuestionsParams(
        recipe="questions",
        keep=Keep(),
        min_tokens=min_tokens,
        max_tokens=max_tokens,
        tagged=False,
        questions=CodeQuestions.model_validate(asked or BOTH),
    )
    code_questions.run(params, one_shard(linked, folder), outputs)
    return outputs


def contrast(linked: Linked, folder: Path) -> Outputs:
    outputs = Outputs(folder / "contrasts")
    params = CodeContrastsParams(recipe="contrasts", keep=Keep(), min_tokens=0, max_tokens=4096, tagged=False)
    code_contrasts.run(params, one_shard(linked, folder), outputs)
    return outputs


def records(outputs: Outputs) -> list[Record]:
    found: list[Record] = list(read_records(outputs.folder / "records/records.jsonl.zst"))
    return found


def answer(record: Record) -> str:
    return record["text"][record["prompt_end"] :]


def test_every_kind_of_question_is_asked(ferry: Linked, tmp_path: Path) -> None:
    kinds = Counter(one["granularity"] for one in records(ask(ferry, tmp_path)))
    assert set(kinds) == {"implement", "document", "members", "locate", "calls", "impact", "way"}


def test_what_is_not_asked_for_is_not_made(ferry: Linked, tmp_path: Path) -> None:
    kinds = {one["granularity"] for one in records(ask(ferry, tmp_path, reasoning={}))}
    assert kinds == {"impact", "way"}


def test_an_answer_names_only_what_the_snapshot_has(ferry: Linked, tmp_path: Path) -> None:
    files = workspace_files()
    known = {item["id"] for item in ferry.items} | set(files)
    for one in records(ask(ferry, tmp_path)):
        if one["granularity"] in ("calls", "impact", "way"):
            names = set(re.findall(r"`([\w:./-]+)`", answer(one)))
            assert names, one["text"]
            assert names - known == set(), one["text"]


def test_a_place_in_an_answer_is_where_the_item_stands(ferry: Linked, tmp_path: Path) -> None:
    files = workspace_files()
    located = [one for one in records(ask(ferry, tmp_path, instruction={})) if one["granularity"] == "locate"]
    assert located
    for one in located:
        path, line = re.match(r"`(\S+)`, line (\d+)", answer(one)).groups()  # type: ignore[union-attr]  # or it fails
        name = re.split(r"::|#", one["name"].partition("#")[0])[-1]
        below = files[path].splitlines()[int(line) - 1 :]
        assert any(name in text for text in below[:12]), one["text"]


def test_code_in_an_answer_is_the_files_own(ferry: Linked, tmp_path: Path) -> None:
    files = workspace_files()
    implemented = [one for one in records(ask(ferry, tmp_path)) if one["granularity"] == "implement"]
    assert implemented
    for one in implemented:
        (origin,) = one["source"]
        code = one["text"][one["code_start"] : one["code_end"]]
        assert code == answer(one)
        assert code in files[origin["path"]]
        assert text_sha256(code) == origin["sha256"]


def test_no_opening_is_frequent(ferry: Linked, tmp_path: Path) -> None:
    made = records(ask(ferry, tmp_path))
    openings = Counter(" ".join(one["text"].split()[:4]) for one in made)
    assert openings.most_common(1)[0][1] <= max(2, len(made) * 0.02)


def test_an_answer_about_what_the_graph_lacks_is_dropped_and_counted(tmp_path: Path) -> None:
    """A held-out caller is no item of the graph, which knows training files alone."""
    novel = [Novel(start=1, end=9, group="c" * 40)]
    held_out = (
        "use crate::add_one;\n\n"
        "pub fn later(number: i64) -> i64 {\n    newer(add_one(number))\n}\n\n"
        "fn newer(number: i64) -> i64 {\n    number\n}\n"
    )
    files = [
        source_file("Cargo.toml", '[package]\nname = "sums"\n', split="train"),
        source_file("src/later.rs", held_out, split="test", novel=novel),
        source_file("src/lib.rs", f"mod later;\n{TWO_FUNCTIONS}", split="train"),
    ]
    linked = link_files(tmp_path / "linked", files, {"Cargo.toml": '[package]\nname = "sums"\n'})
    outputs = ask(linked, tmp_path, instruction={})
    assert outputs.dropped["unverified"] == 1
    assert outputs.records_in == outputs.kept + sum(outputs.dropped.values())


def test_of_held_out_files_only_what_is_new_is_asked_about(tmp_path: Path) -> None:
    novel = [Novel(start=6, end=9, group="c" * 40)]
    files = [source_file("src/lib.rs", TWO_FUNCTIONS, split="test", novel=novel)]
    linked = link_files(tmp_path / "linked", files, {})
    names = {one["name"].rpartition("::")[2] for one in records(ask(linked, tmp_path))}
    assert names == {"add_two"}


def test_lengths_are_kept_and_what_is_left_out_is_counted(ferry: Linked, tmp_path: Path) -> None:
    outputs = ask(ferry, tmp_path, min_tokens=100, max_tokens=300)
    assert outputs.dropped["too-long"] > 0
    assert outputs.dropped["too-short"] > 0
    assert all(100 <= one["tokens"] <= 300 for one in records(outputs))
    assert outputs.records_in == outputs.kept + sum(outputs.dropped.values())


def test_prompt_and_chosen_answer_are_the_function_as_it_stands(ferry: Linked, tmp_path: Path) -> None:
    files = workspace_files()
    made = records(contrast(ferry, tmp_path))
    assert made
    for one in made:
        (origin,) = one["source"]
        code = one["text"][one["code_start"] : one["code_end"]]
        assert code in files[origin["path"]]
        assert text_sha256(code) == origin["sha256"]
        assert answer(one).startswith("{")
        assert one["rejected"] != answer(one)


def test_every_kind_of_mistake_is_made_and_is_one(ferry: Linked, tmp_path: Path) -> None:
    everything = "\n".join(workspace_files().values())
    made = records(contrast(ferry, tmp_path))
    kinds = Counter(one["granularity"] for one in made)
    assert set(kinds) == {"invented-call", "sibling-call", "other-body"}
    for one in made:
        if one["granularity"] == "invented-call":
            new = set(re.findall(r"\w+", one["rejected"])) - set(re.findall(r"\w+", answer(one)))
            assert len(new) == 1
            assert new.pop() not in everything
        if one["granularity"] == "other-body":
            assert one["rejected"] in everything


def test_a_function_in_which_nothing_can_be_wrong_is_counted(tmp_path: Path) -> None:
    linked = link_texts(tmp_path / "linked", {"src/lib.rs": "pub fn alone() -> u8 {\n    7\n}\n"})
    outputs = contrast(linked, tmp_path)
    assert outputs.dropped["no-mistake"] == 1
    assert (outputs.records_in, outputs.kept) == (1, 0)


PYTHON = """\
class Tide:
    def low(self, hour):
        \'\'\'Whether it is low.\'\'\'
        return hour < self.turn(hour)

    def turn(self, hour: int) -> int:
        \'\'\'Only said.\'\'\'

    def rest(self): ...


def high(hour, tide):
    return not tide.low(hour)
"""


def test_documentation_in_a_body_is_not_shown_to_who_shall_write_it(tmp_path: Path) -> None:
    linked = link_texts(tmp_path / "linked", {"tide.py": PYTHON}, split="train")
    (asked,) = [one for one in records(ask(linked, tmp_path)) if one["granularity"] == "document"]
    assert answer(asked) == "Whether it is low.\n"
    shown = "def low(self, hour):\n    return hour < self.turn(hour)"
    assert f"```python\n{shown}\n```" in asked["text"]
    assert "Whether" not in asked["text"][: asked["prompt_end"]]


def test_a_wrong_body_does_something_and_stands_as_deep(tmp_path: Path) -> None:
    linked = link_texts(tmp_path / "linked", {"tide.py": PYTHON}, split="train")
    made = {one["name"]: one["rejected"] for one in records(contrast(linked, tmp_path))}
    assert made["tide.Tide.turn"] == "'''Whether it is low.'''\n        return hour < self.turn(hour)\n"
    assert "tide.high" not in made


PORT = """\
use std::sync::Mutex;

pub trait Berth {
    fn moor(&self) -> u8;
}

pub struct Quay(u8);

pub struct Crane;

impl From<u8> for Quay {
    fn from(length: u8) -> Self {
        Quay(length)
    }
}

impl From<char> for Quay {
    fn from(name: char) -> Self {
        Quay(name as u8)
    }
}

impl Berth for Quay {
    fn moor(&self) -> u8 {
        self.knot(1)
    }
}

impl Quay {
    fn knot(&self, times: u8) -> u8 {
        tie(times)
    }

    fn new(length: u8, depth: u8) -> Self {
        let lock = Mutex::new(length);
        drop((lock, depth));
        Quay(length)
    }
}

fn tie(times: u8) -> u8 {
    times
}

fn rope(quay: &Quay, crane: impl Fn() -> u8) -> u8 {
    let spare = Mutex::new(Quay::new(1, 2));
    drop(spare);
    quay.moor() + tie(3) + crane()
}

fn alongside(quay: &Quay) -> u8 {
    let tie = 2;
    quay.knot(tie)
}
"""


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Linked:
    files = {"Cargo.toml": '[package]\nname = "port"\n', "src/lib.rs": PORT}
    return link_texts(tmp_path_factory.mktemp("port"), files, split="train")


def asked_of(linked: Linked, folder: Path) -> dict[tuple[str, str], Record]:
    return {(one["granularity"], one["name"]): one for one in records(ask(linked, folder))}


def test_what_a_path_alone_does_not_tell_is_only_to_be_written(port: Linked, tmp_path: Path) -> None:
    kinds = {kind for kind, name in asked_of(port, tmp_path) if name.startswith("port::Quay::from")}
    assert kinds == {"implement"}


def test_a_place_says_of_what_an_item_is_part(port: Linked, tmp_path: Path) -> None:
    located = asked_of(port, tmp_path)["locate", "port::Quay::moor"]
    place = "`src/lib.rs`, line 24: function in `impl Berth for Quay` of the module `port` in the crate `port`."
    assert answer(located).splitlines()[0] == place


def test_no_signature_that_others_share_is_to_change(port: Linked, tmp_path: Path) -> None:
    changed = {name for kind, name in asked_of(port, tmp_path) if kind == "impact"}
    assert changed == {"port::Quay::knot", "port::Quay::new", "port::tie"}


def test_functions_that_are_called_are_functions(port: Linked, tmp_path: Path) -> None:
    asked = asked_of(port, tmp_path)
    assert ("calls", "port::Quay::new") not in asked
    assert "`port::Quay`" not in answer(asked["calls", "port::rope"])


def test_nothing_is_said_not_to_call_what_it_names(port: Linked, tmp_path: Path) -> None:
    asked = asked_of(port, tmp_path)
    assert "come to `port::tie`" in asked["way", "port::Quay::moor"]["text"]
    assert ("way", "port::alongside") not in asked


def test_only_calls_of_the_same_type_are_made_wrong(port: Linked, tmp_path: Path) -> None:
    made = {one["name"]: one for one in records(contrast(port, tmp_path))}
    assert "// Part of: impl Berth for Quay\n" in made["port::Quay::moor"]["text"]
    rejected = [one["rejected"] for one in made.values() if "Mutex::" in one["rejected"]]
    assert rejected
    assert all(one.count("Mutex::new(") == one.count("Mutex::") for one in rejected)


def test_an_invented_name_is_written_as_the_language_does(tmp_path: Path) -> None:
    script = "function tideHigh(a) {\n  return a;\n}\n\nfunction ferry(a) {\n  return tideHigh(a) + 1;\n}\n"
    linked = link_texts(tmp_path / "linked", {"tide.js": script}, split="train")
    asked = {one["name"].rpartition(".")[2]: one for one in records(contrast(linked, tmp_path))}
    invented = [one["rejected"] for one in asked.values() if one["granularity"] == "invented-call"]
    assert invented == ["{\n  return tideHighFerry(a) + 1;\n}\n"]


@pytest.mark.parametrize("stage", [ask, contrast])
def test_the_same_shard_gives_the_same_bytes(stage: Any, ferry: Linked, tmp_path: Path) -> None:
    one, other = (stage(ferry, tmp_path / name).folder for name in ("one", "other"))
    for file in ("records/records.jsonl.zst", "ids/ids.jsonl.zst"):
        assert (one / file).read_bytes() == (other / file).read_bytes()
