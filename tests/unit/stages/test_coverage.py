"""`coverage`: bytes of training files that samples show, against a count byte by byte."""

from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from repoloom_stages.report.coverage import Coverage, Shown
from support import samples
from support.datasets import Dataset, stats_of

TEXT = "one = 1\ntwo = 'ü'\n\nlast"
LINES = [line.encode() for line in TEXT.splitlines(keepends=True)]

Piece = tuple[str, int, int]


def file(path: str, text: str = TEXT, split: str = "train") -> Any:
    return {"repo": samples.REPO, "path": path, "split": split, "bytes": len(text.encode()), "text": text}


def summary(*pieces: Piece, recipe: str = "units", split: str = "train") -> Any:
    return {"repo": samples.REPO, "recipe": recipe, "split": split, "shown": list(pieces)}


def measured(summaries: list[Any], *files: Any, sides: dict[str, str] | None = None) -> list[Coverage]:
    shown = Shown()
    assert list(shown.of("out", summaries)) == summaries
    return shown.measure("code", files, {(samples.REPO, path): side for path, side in (sides or {}).items()})


stretches = st.tuples(st.sampled_from(["a", "b"]), st.integers(1, 4), st.integers(0, 3)).map(
    lambda one: (one[0], one[1], min(4, one[1] + one[2]))
)


@given(st.lists(st.lists(stretches, min_size=1, max_size=3), min_size=1))
def test_bytes_are_those_of_the_lines_shown(shown: list[list[Piece]]) -> None:
    (found,) = measured([summary(*pieces) for pieces in shown], file("a"), file("b"))
    lines = [(path, line) for pieces in shown for path, start, end in pieces for line in range(start, end + 1)]
    assert found.shown == sum(len(LINES[line - 1]) for _, line in lines)
    assert found.distinct == sum(len(LINES[line - 1]) for _, line in set(lines))
    assert found.eligible == 2 * len(TEXT.encode())


def test_files_that_nothing_shows_are_eligible_all_the_same() -> None:
    (found,) = measured([summary(("a", 1, 4))], file("a"), file("b"))
    assert found.document()["coverage"] == 0.5
    assert found.document()["duplication"] == 1.0


def test_only_the_training_side_counts() -> None:
    samples_ = [summary(("a", 1, 1)), summary(("a", 2, 2), split="test")]
    (by_time,) = measured(samples_, file("a"), file("a", split="test"), file("c", split="validation"))
    assert (by_time.eligible, by_time.distinct) == (len(TEXT.encode()), len(LINES[0]))
    (by_file,) = measured(samples_, file("a", split=""), file("c", split=""), sides={"a": "train", "c": "test"})
    assert (by_file.eligible, by_file.distinct) == (len(TEXT.encode()), len(LINES[0]))


def test_an_output_of_several_recipes_counts_what_they_share_once() -> None:
    found = measured([summary(("a", 1, 2)), summary(("a", 2, 3), recipe="more")], file("a"))
    distinct = {one.recipe: one.distinct for one in found}
    shared = [len(line) for line in LINES]
    assert distinct == {"units": sum(shared[:2]), "more": sum(shared[1:3]), "": sum(shared[:3])}


def test_the_report_has_coverage_and_duplication_of_what_the_stages_wrote(tmp_path: Path) -> None:
    code = "one = 1\ntwo = 2\nsix = 6\nten = 0\n"
    made = Dataset(tmp_path)
    made.files = [file("a.py", code + "# rest\n", split="")]
    whole = samples.record("a.py", code)
    part = samples.record("a.py", "two = 2\nsix = 6\n", start=2, granularity="function")
    made.output("files", [whole, part])
    report = made.report()
    (found,) = stats_of(report)["coverage"]
    assert (found["output"], found["recipe"], found["source"]) == ("files", "units", "code")
    assert (found["eligibleBytes"], found["distinctBytes"], found["shownBytes"]) == (39, 32, 48)
    assert "82.1\N{NO-BREAK SPACE}%</td><td>1.50 \N{MULTIPLICATION SIGN}" in (report / "report.html").read_text()
