"""A generated file of thousands of functions that call each other is sampled in time that grows with its size alone."""

from pathlib import Path
from typing import Any

import pytest

from repoloom_api.catalogue import CodeContrastsParams, CodeUnitsParams
from repoloom_api.v1alpha1.recipes import CodeUnits, Keep
from repoloom_stages import code_contrasts, code_units
from repoloom_stages.runtime.stage import Inputs, Outputs
from support.limits import cpu_seconds
from support.linking import Linked, link_texts
from support.shards import made, write_tokenizer
from support.whole_sources import make_groups, make_patterns

FUNCTIONS = 3_000

COMMON: dict[str, Any] = {"keep": Keep(), "min_tokens": 0, "max_tokens": 4096, "tagged": False}


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Linked:
    steps = [
        f"pub fn step_{one}(value: u32) -> u32 {{\n    hub(step_{(one + 1) % FUNCTIONS}(value)) + {one}\n}}\n\n"
        for one in range(FUNCTIONS)
    ]
    users = [f"pub fn use_{one}() -> u32 {{\n    far::step_{one}({one})\n}}\n\n" for one in range(FUNCTIONS)]
    texts = {
        "far/Cargo.toml": '[package]\nname = "far"\n',
        "far/src/lib.rs": "pub fn hub(value: u32) -> u32 {\n    value\n}\n\n" + "".join(steps),
        "near/Cargo.toml": '[package]\nname = "near"\n\n[dependencies]\nfar = { path = "../far" }\n',
        "near/src/lib.rs": "".join(users),
    }
    return link_texts(tmp_path_factory.mktemp("generated"), texts, split="train")


def one_shard(generated: Linked, folder: Path) -> Inputs:
    roles = {role: generated.roles[role] for role in ("files", "index", "places", "graph")}
    (shard,) = sorted(generated.roles["links"][0].iterdir())
    return Inputs(roles | {"links": (shard,), "tokenizer": (write_tokenizer(folder / "tokenizer"),)})


def whole(generated: Linked, folder: Path) -> Inputs:
    """The roles of the stages across files; the one shard's files lie in a folder of its name."""
    files = generated.roles["files"][0].parent
    return Inputs(generated.roles | {"files": (files,), "tokenizer": (write_tokenizer(folder / "tokenizer"),)})


def test_its_calls_are_drawn(generated: Linked, tmp_path: Path) -> None:
    units = CodeUnits.model_validate({"granularities": ["function"], "views": {"callGraph": {}}})
    outputs = Outputs(tmp_path / "units")
    with cpu_seconds(8):
        code_units.run(CodeUnitsParams(recipe="units", units=units, **COMMON), one_shard(generated, tmp_path), outputs)
    assert outputs.kept > 2 * FUNCTIONS


def test_contrasts_are_made_of_it(generated: Linked, tmp_path: Path) -> None:
    outputs = Outputs(tmp_path / "contrasts")
    with cpu_seconds(8):
        code_contrasts.run(CodeContrastsParams(recipe="contrasts", **COMMON), one_shard(generated, tmp_path), outputs)
    assert {one["granularity"] for one in made(outputs, "records/records.jsonl.zst")} >= {"invented-call"}


def test_contrasts_are_looked_for_where_one_function_calls_all_others(tmp_path: Path) -> None:
    others = "".join(f"pub fn q{one}_ab(value: u{8 if one % 2 else 16}) {{}}\n" for one in range(2_000))
    caller = f"pub fn q() {{\n{''.join(f'    q{one}_ab(1);' for one in range(2_000))}\n}}\n"
    linked = link_texts(tmp_path / "linked", {"Cargo.toml": '[package]\nname = "a"\n', "src/lib.rs": others + caller})
    outputs = Outputs(tmp_path / "contrasts")
    with cpu_seconds(5):
        code_contrasts.run(CodeContrastsParams(recipe="contrasts", **COMMON), one_shard(linked, tmp_path), outputs)
    assert outputs.records_in == 2_001


def test_its_uses_elsewhere_are_grouped(generated: Linked, tmp_path: Path) -> None:
    with cpu_seconds(8):
        outputs = make_groups(tmp_path / "groups", whole(generated, tmp_path), crossCrate={})
    assert outputs.kept == FUNCTIONS


def test_patterns_find_all_of_it(generated: Linked, tmp_path: Path) -> None:
    pattern = {"name": "all", "match": {"functions": ["*"]}, "context": {"lines": 20}}
    with cpu_seconds(8):
        outputs = make_patterns(tmp_path / "patterns", whole(generated, tmp_path), pattern)
    assert outputs.kept > 0
