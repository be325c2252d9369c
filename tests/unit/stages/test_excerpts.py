"""`excerpts`: stretches of texts, with what is novel and what is a control token, and which samples are read."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from repoloom_stages.report.excerpts import MAX_CHARACTERS, MAX_LINES, Choice, excerpt

TEXT: Any = {"shape": "text"}


def shown(part_of: Any) -> str:
    return "".join(part.text for part in part_of.parts)


@given(st.text(st.sampled_from("a\n"), max_size=300), st.integers(0, 300), st.integers(0, 300))
def test_an_excerpt_is_a_stretch_of_the_text_with_its_novelty(text: str, start: int, end: int) -> None:
    start, end = min(start, end, len(text)), min(max(start, end), len(text))
    spans = [{"start": start, "end": end, "group": "c"}] if start < end else []
    made = excerpt("out", TEXT, {"text": text, "novel": spans, "controls": []}, unfolded=False)
    (section,) = made.sections
    assert shown(section) in text
    assert shown(section).count("\n") <= MAX_LINES
    assert len(shown(section)) <= MAX_CHARACTERS
    assert (shown(section) == text) == (section.before == section.after == 0)
    assert all(part.text in text[start:end] for part in section.parts if part.novel)
    assert any(part.novel and part.text for part in section.parts) == bool(spans)


def test_a_very_long_line_is_cut() -> None:
    made = excerpt("out", TEXT, {"text": "x" * 50_000, "novel": [], "controls": []}, unfolded=False)
    (section,) = made.sections
    assert (shown(section), section.after) == ("x" * MAX_CHARACTERS, 1)


def test_control_tokens_are_told_from_text_that_looks_like_them() -> None:
    row = {"text": "<P>a = '<P>'\n<M>b", "novel": [], "controls": [{"start": 0, "end": 3}, {"start": 13, "end": 16}]}
    made = excerpt("out", TEXT, row, unfolded=False)
    assert [(part.text, part.control) for part in made.parts] == [
        ("<P>", True),
        ("a = '<P>'\n", False),
        ("<M>", True),
        ("b", False),
    ]


def test_novel_lines_and_control_tokens_may_overlap() -> None:
    row = {
        "text": "ab<M>cd",
        "novel": [{"start": 0, "end": 6, "group": "c"}],
        "controls": [{"start": 2, "end": 5}],
    }
    made = excerpt("out", TEXT, row, unfolded=False)
    assert [(part.text, part.novel, part.control) for part in made.parts] == [
        ("ab", True, False),
        ("<M>", True, True),
        ("c", True, False),
        ("d", False, False),
    ]


def test_each_text_of_a_pair_is_shown_and_novelty_stays_where_it_is() -> None:
    row = {"prompt": "ask\n", "chosen": "good\nend\n", "rejected": "bad!\n", "controls": []}
    row["novel"] = [{"start": 2, "end": 9, "group": "c"}]
    made = excerpt("out", {"shape": "preference"}, row, unfolded=False)  # type: ignore[typeddict-item]
    assert [section.column for section in made.sections] == ["prompt", "chosen", "rejected"]
    assert [shown(section) for section in made.sections] == ["ask\n", "good\nend\n", "bad!\n"]
    assert [[part.text for part in one.parts if part.novel] for one in made.sections] == [["k\n"], ["good\n"], []]


def test_a_long_prompt_does_not_hide_the_completion() -> None:
    row = {"prompt": "line\n" * 500, "completion": "answer\n", "novel": [], "controls": []}
    made = excerpt("out", {"shape": "promptCompletion"}, row, unfolded=False)  # type: ignore[typeddict-item]
    prompt, completion = made.sections
    assert (shown(completion), prompt.after) == ("answer\n", 500 - MAX_LINES)


def summary(number: int, **fields: Any) -> Any:
    about = {"id": f"{number:03}", "split": "train", "novel_lines": 0, "tokens": number, "recipe": "units"}
    return about | {"granularity": "file", "view": "plain"} | fields


def chosen(summaries: list[Any]) -> list[str]:
    choice = Choice()
    assert list(choice.count(iter(summaries))) == summaries
    return [one["id"] for one in choice.choose(iter(summaries))]


def test_a_short_a_middling_and_a_long_sample_of_each_split_are_read() -> None:
    trained = [summary(number) for number in range(1, 101)]
    tested = [summary(number, split="test") for number in range(200, 211)]
    assert chosen([*trained, *tested]) == ["010", "050", "090", "201", "205", "209"]


def test_a_training_sample_of_each_granularity_and_view_is_read() -> None:
    many = [summary(number) for number in range(1, 101)]
    rare = [summary(500, view="call-graph"), summary(600, granularity="trait"), summary(700, recipe="other")]
    assert {"500", "600", "700"} <= set(chosen([*many, *rare]))


def test_samples_with_novel_lines_are_read_before_others() -> None:
    tested = [summary(number, split="test", novel_lines=number % 2) for number in range(1, 100)]
    assert all(int(one) % 2 for one in chosen(tested))
