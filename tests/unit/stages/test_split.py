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
from repoloom_stages.stage import Outputs
from support import samples

PARAMS = SplitParams(validation_percent=5.0, test_percent=10.0)


def run(
    folder: Path, records: list[Any], params: SplitParams = PARAMS, shards: int = 1
) -> tuple[Outputs, dict[str, str]]:
    outputs = samples.run(split, params, samples.shards(folder / "in", records, shards), folder / "out")
    assigned = samples.lines(folder / "out/splits/ids.jsonl.zst")
    assert assigned == sorted(assigned, key=lambda one: one["id"])
    return outputs, {one["id"]: one["split"] for one in assigned}


def files(number: int, size: int = 100) -> list[Any]:
    return [samples.record(f"src/{n:04}.py", f"x = {n:0{size}}\n") for n in range(number)]


def group_sizes(number: int, size: int = 100) -> dict[tuple[str, str], int]:
    return {("repo", f"src/{n}.py"): size for n in range(number)}


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


def test_a_file_stands_where_the_code_it_shares_was_put_by_time(tmp_path: Path) -> None:
    dated = [samples.record(f"{side}.py", f"x = '{side}'\n", split=side) for side in ("train", "validation", "test")]
    same = [
        samples.record(f"other/{n}.py", record["text"], repo="https://example.org/b") for n, record in enumerate(dated)
    ]
    _, sides = run(tmp_path, [*dated, *same, *files(20)])
    assert [sides[record["id"]] for record in same] == ["train", "validation", "test"]


def test_all_samples_of_a_file_share_its_side(tmp_path: Path) -> None:
    whole = files(60)
    parts = [
        samples.record(one["source"][0]["path"], "part of " + one["text"], recipe="parts", start=3) for one in whole
    ]
    _, sides = run(tmp_path, whole + parts)
    assert [sides[one["id"]] for one in whole] == [sides[one["id"]] for one in parts]
    assert {"train", "test"} <= set(sides.values())


@settings(max_examples=40, deadline=None)
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
    by_file = [record for record in records if not record["split"]]
    for code in {record["source"][0]["sha256"] for record in by_file}:
        assert len({sides[one["id"]] for one in by_file if one["source"][0]["sha256"] == code}) == 1


def test_files_chained_by_shared_code_stand_together(tmp_path: Path) -> None:
    chain = [
        samples.record(f"chain/{n}.py", f"link {n + step}\n", start=1 + step) for n in range(12) for step in (0, 1)
    ]
    _, sides = run(tmp_path, [*chain, *files(300)])
    assert len({sides[record["id"]] for record in chain}) == 1


def test_shares_of_bytes_come_near_what_was_asked(tmp_path: Path) -> None:
    sizes = {("repo", f"src/{n}.py"): 100 + n % 900 for n in range(4000)}
    sides = split.assign_groups(sizes, 0.05, 0.10)
    shares = {
        side: sum(sizes[key] for key in sides if sides[key] == side) / sum(sizes.values())
        for side in ("validation", "test")
    }
    assert shares["test"] == pytest.approx(0.10, abs=0.02)
    assert shares["validation"] == pytest.approx(0.05, abs=0.015)


def test_a_group_too_large_to_hold_out_is_trained_on_and_the_rest_gives_its_share() -> None:
    large = {("repo", "large.py"): 300_000}
    sizes = group_sizes(3000) | large
    sides = split.assign_groups(sizes, 0.05, 0.10)
    assert sides[("repo", "large.py")] == "train"
    tested = sum(sizes[key] for key, side in sides.items() if side == "test")
    assert tested / sum(sizes.values()) == pytest.approx(0.10, abs=0.02)


@settings(max_examples=30, deadline=None)
@given(st.text(st.characters(codec="ascii", exclude_characters="\0"), min_size=1, max_size=12))
def test_a_new_file_moves_no_other(name: str) -> None:
    sizes = group_sizes(200)
    before = split.assign_groups(sizes, 0.05, 0.10)
    after = split.assign_groups(sizes | {("repo", name): 100}, 0.05, 0.10)
    assert {key: after[key] for key in before} == before


@pytest.mark.parametrize("number", range(2, 30))
def test_few_files_are_tested_and_trained_on_all_the_same(number: int) -> None:
    sides = split.assign_groups({("repo", f"{n}"): 10 * n + 1 for n in range(number)}, 0.05, 0.10)
    assert {"train", "test"} <= set(sides.values())


def test_one_file_alone_is_trained_on() -> None:
    assert split.assign_groups({("repo", "a.py"): 100}, 0.05, 0.10) == {("repo", "a.py"): "train"}


def test_nothing_is_held_out_where_no_share_is_asked() -> None:
    assert set(split.assign_groups(group_sizes(50), 0.0, 0.0).values()) == {"train"}


def test_no_samples_make_an_empty_table(tmp_path: Path) -> None:
    outputs, sides = run(tmp_path, [])
    assert (sides, outputs.records_in) == ({}, 0)


def test_shards_and_order_of_samples_change_nothing(tmp_path: Path) -> None:
    records = [*files(40), samples.record("twin.py", files(1)[0]["text"])]
    run(tmp_path / "one", records)
    run(tmp_path / "many", records[::-1], shards=4)
    assert samples.files(tmp_path / "one/out") == samples.files(tmp_path / "many/out")
