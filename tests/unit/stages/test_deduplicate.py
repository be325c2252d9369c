"""`deduplicate`: exact copies within one output, and which of them survives."""

import random
from pathlib import Path
from typing import Any

from repoloom_api.catalogue import DeduplicateParams
from repoloom_stages import deduplicate
from repoloom_stages.runtime.stage import Outputs
from support import samples


def run(
    folder: Path, records: list[Any], *, refused: tuple[Any, ...] = (), shards: int = 1
) -> tuple[Outputs, dict[str, str]]:
    roles = samples.shards(folder / "in", records, shards)
    roles["refused"] = samples.refused(folder / "in", *refused)
    outputs = samples.run(deduplicate, DeduplicateParams(), roles, folder / "out")
    copies = samples.lines(folder / "out/copies/ids.jsonl.zst")
    assert copies == sorted(copies, key=lambda copy: copy["id"])
    return outputs, {copy["id"]: copy["of"] for copy in copies}


def test_equal_code_under_different_headers_is_a_copy(tmp_path: Path) -> None:
    one = samples.record("a.py", "x = 1\n", header="# a\n")
    other = samples.record("b.py", "x = 1\n", header="# b\n")
    _, copies = run(tmp_path, [other, one])
    assert copies == {other["id"]: one["id"]}


def test_the_training_side_keeps_its_copy(tmp_path: Path) -> None:
    splits = {"d.py": "train", "c.py": "", "b.py": "validation", "a.py": "test"}
    made = {split: samples.record(path, "x = 1\n", split=split) for path, split in splits.items()}
    for number, left in enumerate((["", "validation", "test"], ["validation", "test"])):
        survivor = "train" if number == 0 else ""
        _, copies = run(tmp_path / str(number), [made[survivor], *(made[split] for split in left)])
        assert copies == {made[split]["id"]: made[survivor]["id"] for split in left}


def test_of_equals_the_first_by_repository_path_and_line_survives(tmp_path: Path) -> None:
    first = samples.record("b.py", "x = 1\n", repo="https://example.org/a", start=7)
    rest = [
        samples.record("b.py", "x = 1\n", repo="https://example.org/a", start=9),
        samples.record("c.py", "x = 1\n", repo="https://example.org/a"),
        samples.record("a.py", "x = 1\n", repo="https://example.org/b"),
    ]
    _, copies = run(tmp_path, [*rest, first])
    assert copies == {record["id"]: first["id"] for record in rest}


def test_a_refused_sample_is_neither_survivor_nor_copy(tmp_path: Path) -> None:
    gone, kept = samples.record("a.py", "x = 1\n"), samples.record("b.py", "x = 1\n")
    outputs, copies = run(tmp_path, [gone, kept], refused=(gone,))
    assert copies == {}
    assert (outputs.records_in, outputs.kept, dict(outputs.dropped)) == (2, 1, {"refused": 1, "copy": 0})


def test_a_file_that_is_one_function_counts_as_its_copy_but_drops_neither_id(tmp_path: Path) -> None:
    file = samples.record("a.py", "def a(): ...\n")
    function = samples.record("a.py", "def a(): ...\n", granularity="function")
    assert file["id"] == function["id"]
    outputs, copies = run(tmp_path, [file, function])
    assert copies == {}
    assert (outputs.records_in, outputs.kept, outputs.dropped["copy"]) == (2, 1, 1)


def test_counts_add_up_and_shards_change_nothing(tmp_path: Path) -> None:
    chance = random.Random(7)
    records = [
        samples.record(f"{n:03}.py", f"x = {chance.randrange(40)}\n", split=chance.choice(["train", "", "test"]))
        for n in range(120)
    ]
    results = []
    for shards in (1, 3):
        outputs, copies = run(tmp_path / str(shards), records, refused=tuple(records[:9]), shards=shards)
        assert outputs.records_in == outputs.kept + sum(outputs.dropped.values()) == 120
        assert outputs.dropped["copy"] == len(copies)
        results.append(samples.files(tmp_path / str(shards) / "out"))
    assert results[0] == results[1]
