"""`hold-out`: one side for each file, the same for files that share code."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repoloom_api.catalogue import HoldOutParams
from repoloom_stages import hold_out
from repoloom_stages.records import SourceFile
from repoloom_stages.runtime.stage import Outputs
from support import samples
from support.shards import index_shard, source_file, write_shard

PARAMS = HoldOutParams(validation_percent=5.0, test_percent=10.0)

SHARED = "def shared(argument):\n" + "".join(f"    argument += {n}\n" for n in range(20)) + "    return argument\n"


def run(folder: Path, files: list[SourceFile], shards: int = 1) -> tuple[Outputs, dict[tuple[str, str], str]]:
    """Index files in shards and hold out; returns sides by repository and path."""
    indexed = [
        index_shard(write_shard(folder / f"shard-{n}", *files[n::shards]), folder / f"indexed-{n}").folder
        for n in range(shards)
    ]
    roles = {role: tuple(one / role for one in indexed) for role in ("index", "places")}
    outputs = samples.run(hold_out, PARAMS, roles, folder / "out")
    lines = samples.lines(folder / "out/sides/files.jsonl.zst")
    assert lines == sorted(lines, key=lambda one: (one["repo"], one["path"]))
    return outputs, {(one["repo"], one["path"]): one["split"] for one in lines}


def by_path(sides: dict[tuple[str, str], str]) -> dict[str, str]:
    return {path: side for (_, path), side in sides.items()}


def files(number: int, size: int = 100, **fields: Any) -> list[SourceFile]:
    return [source_file(f"src/{n:04}.py", f"x = {n:0{size}}\n", **({"split": ""} | fields)) for n in range(number)]


def group_sizes(number: int, size: int = 100) -> dict[tuple[str, str], int]:
    return {("repo", f"src/{n}.py"): size for n in range(number)}


def test_every_file_without_a_side_by_time_gets_one(tmp_path: Path) -> None:
    outputs, sides = run(tmp_path, [*files(40), source_file("dated.py", "y = 1\n", split="test")])
    assert sorted(by_path(sides)) == [f"src/{n:04}.py" for n in range(40)]
    assert {"train", "test"} <= set(sides.values()) <= {"train", "validation", "test"}
    assert (outputs.records_in, outputs.kept, outputs.dropped) == (40, 40, {})


def test_files_that_share_a_function_stand_together(tmp_path: Path) -> None:
    for side in ("test", "train"):
        sides = by_path(run(tmp_path / side, files(300))[1])
        path = next(path for path, one in sides.items() if one == side)
        first = [file for file in files(300) if file["path"] == path]
        joined = [
            source_file(path, first[0]["text"] + SHARED, split=""),
            source_file("twin.py", SHARED + "y\n", split=""),
        ]
        rest = [file for file in files(300) if file["path"] != path]
        sides = by_path(run(tmp_path / f"{side}-joined", [*rest, *joined])[1])
        assert sides["twin.py"] == sides[path] == side


def test_equal_files_stand_together(tmp_path: Path) -> None:
    twins = [source_file(f"twin/{n}.py", "z = 1\n", split="") for n in range(12)]
    sides = by_path(run(tmp_path, [*files(100), *twins])[1])
    assert len({sides[file["path"]] for file in twins}) == 1


def test_files_chained_by_shared_code_stand_together(tmp_path: Path) -> None:
    texts = [SHARED.replace("shared", f"link_{n}") + SHARED.replace("shared", f"link_{n + 1}") for n in range(12)]
    chain = [source_file(f"chain/{n}.py", text, split="") for n, text in enumerate(texts)]
    sides = by_path(run(tmp_path, [*chain, *files(300)])[1])
    assert len({sides[file["path"]] for file in chain}) == 1


def test_trivial_code_joins_nothing(tmp_path: Path) -> None:
    small = "def get(self):\n    return self.value\n"
    assert len(small) < hold_out.MIN_SHARED_BYTES
    alike = [source_file(f"src/{n:03}.py", f"{small}x = {n}\n", split="") for n in range(200)]
    sides = by_path(run(tmp_path, alike)[1])
    assert set(sides.values()) == {"train", "validation", "test"}


def test_a_file_stands_where_the_code_it_shares_was_put_by_time(tmp_path: Path) -> None:
    texts = {side: SHARED.replace("shared", f"of_{side}") for side in ("train", "validation", "test")}
    dated = [source_file(f"{side}.py", text, split=side) for side, text in texts.items()]
    other = "https://example.org/b"
    same = [source_file(f"other/{side}.py", f"# more\n{text}", split="", repo=other) for side, text in texts.items()]
    sides = run(tmp_path, [*dated, *same, *files(20)])[1]
    assert {side: sides[other, f"other/{side}.py"] for side in texts} == {side: side for side in texts}


def test_shards_and_order_of_files_change_nothing(tmp_path: Path) -> None:
    everything = [*files(40), source_file("twin.py", files(1)[0]["text"], split="")]
    run(tmp_path / "one", everything)
    run(tmp_path / "many", everything[::-1], shards=4)
    assert samples.files(tmp_path / "one/out") == samples.files(tmp_path / "many/out")


def test_no_files_make_an_empty_table(tmp_path: Path) -> None:
    outputs, sides = run(tmp_path, [])
    assert (sides, outputs.records_in) == ({}, 0)


def test_shares_of_bytes_come_near_what_was_asked(tmp_path: Path) -> None:
    sizes = {("repo", f"src/{n}.py"): 100 + n % 900 for n in range(4000)}
    sides = hold_out.assign_groups(sizes, 0.05, 0.10)
    shares = {
        side: sum(sizes[key] for key in sides if sides[key] == side) / sum(sizes.values())
        for side in ("validation", "test")
    }
    assert shares["test"] == pytest.approx(0.10, abs=0.02)
    assert shares["validation"] == pytest.approx(0.05, abs=0.015)


def test_a_group_too_large_to_hold_out_is_trained_on_and_the_rest_gives_its_share() -> None:
    large = {("repo", "large.py"): 300_000}
    sizes = group_sizes(3000) | large
    sides = hold_out.assign_groups(sizes, 0.05, 0.10)
    assert sides[("repo", "large.py")] == "train"
    tested = sum(sizes[key] for key, side in sides.items() if side == "test")
    assert tested / sum(sizes.values()) == pytest.approx(0.10, abs=0.02)


@settings(max_examples=30)
@given(st.text(st.characters(codec="ascii", exclude_characters="\0"), min_size=1, max_size=12))
def test_a_new_file_moves_no_other(name: str) -> None:
    sizes = group_sizes(200)
    before = hold_out.assign_groups(sizes, 0.05, 0.10)
    after = hold_out.assign_groups(sizes | {("repo", name): 100}, 0.05, 0.10)
    assert {key: after[key] for key in before} == before


@pytest.mark.parametrize("number", range(2, 30))
def test_few_files_are_tested_and_trained_on_all_the_same(number: int) -> None:
    sides = hold_out.assign_groups({("repo", f"{n}"): 10 * n + 1 for n in range(number)}, 0.05, 0.10)
    assert {"train", "test"} <= set(sides.values())


def test_one_file_alone_is_trained_on() -> None:
    assert hold_out.assign_groups({("repo", "a.py"): 100}, 0.05, 0.10) == {("repo", "a.py"): "train"}


def test_nothing_is_held_out_where_no_share_is_asked() -> None:
    assert set(hold_out.assign_groups(group_sizes(50), 0.0, 0.0).values()) == {"train"}
