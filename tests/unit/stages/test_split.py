"""`split`: one side for each sample, and no code on two."""

import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repoloom_api.catalogue import SplitParams
from repoloom_stages import split
from repoloom_stages.errors import BadInput
from repoloom_stages.runtime.stage import Outputs
from support import samples


def run(folder: Path, records: list[Any], shards: int = 1) -> tuple[Outputs, dict[str, str]]:
    roles = samples.shards(folder / "in", records, shards) | {"sides": samples.sides(folder / "in", records)}
    outputs = samples.run(split, SplitParams(), roles, folder / "out")
    assigned = samples.lines(folder / "out/splits/ids.jsonl.zst")
    assert assigned == sorted(assigned, key=lambda one: one["id"])
    return outputs, {one["id"]: one["split"] for one in assigned}


def files(number: int, size: int = 100) -> list[Any]:
    return [samples.record(f"src/{n:04}.py", f"x = {n:0{size}}\n") for n in range(number)]


def test_samples_split_by_time_stay_where_they_are(tmp_path: Path) -> None:
    records = [samples.record(f"{side}.py", f"x = '{side}'\n", split=side) for side in ("train", "validation", "test")]
    _, sides = run(tmp_path, records)
    assert [sides[record["id"]] for record in records] == ["train", "validation", "test"]


def test_held_out_code_that_training_shows_in_any_recipe_is_a_leak(tmp_path: Path) -> None:
    trained = samples.record("a.py", "x = 1\n", split="train", recipe="functions")
    leak = samples.record("b.py", "x = 1\n", split="test", recipe="files")
    fine = samples.record("c.py", "x = 2\n", split="validation", recipe="files")
    outputs, sides = run(tmp_path, [trained, leak, fine])
    assert [sides[one["id"]] for one in (trained, leak, fine)] == ["train", "", "validation"]
    assert (outputs.records_in, outputs.kept, dict(outputs.dropped)) == (3, 2, {"leak": 1})


def test_all_samples_of_a_file_share_its_side(tmp_path: Path) -> None:
    whole = files(60)
    parts = [
        samples.record(one["source"][0]["path"], "part of " + one["text"], recipe="parts", start=3) for one in whole
    ]
    _, sides = run(tmp_path, whole + parts)
    assert [sides[one["id"]] for one in whole] == [sides[one["id"]] for one in parts]
    assert {"train", "test"} <= set(sides.values())


def test_a_view_of_code_that_training_shows_is_a_leak_too(tmp_path: Path) -> None:
    trained = samples.record("a.py", "x = 1\n", split="train")
    leak = samples.record("b.py", "x = 1\n", split="test", view="call-graph")
    _, sides = run(tmp_path, [trained, leak])
    assert sides[leak["id"]] == ""


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(st.integers(0, 8), st.integers(0, 12), st.sampled_from(["", "", "", "train", "validation", "test"])),
        max_size=40,
    )
)
def test_no_code_stands_on_two_sides_of_training(drawn: list[tuple[int, int, str]]) -> None:
    records = [
        samples.record(
            f"{file}.py",
            f"x = {code}\n",
            start=1 + line,
            split=side,
            repo="https://example.org/" + ("dated" if side else "filed"),
        )
        for line, (file, code, side) in enumerate(drawn)
    ]
    with tempfile.TemporaryDirectory() as folder:
        _, sides = run(Path(folder), records)
    stands: dict[str, set[str]] = defaultdict(set)
    for record in records:
        stands[record["source"][0]["sha256"]].add(sides[record["id"]])
    for shown in stands.values():
        assert not ("train" in shown and shown & {"validation", "test"})


def test_a_sample_of_a_file_without_a_side_is_named(tmp_path: Path) -> None:
    roles = samples.shards(tmp_path / "in", files(1)) | {"sides": samples.sides(tmp_path / "in", [])}
    with pytest.raises(BadInput, match=r"sides/files\.jsonl\.zst has no src/0000\.py"):
        samples.run(split, SplitParams(), roles, tmp_path / "out")


def test_no_samples_make_an_empty_table(tmp_path: Path) -> None:
    outputs, sides = run(tmp_path, [])
    assert (sides, outputs.records_in) == ({}, 0)


def test_shards_and_order_of_samples_change_nothing(tmp_path: Path) -> None:
    records = [*files(40), samples.record("twin.py", files(1)[0]["text"])]
    run(tmp_path / "one", records)
    run(tmp_path / "many", records[::-1], shards=4)
    assert samples.files(tmp_path / "one/out") == samples.files(tmp_path / "many/out")
