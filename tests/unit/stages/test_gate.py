"""Gates judge the code of finished samples, in order; the first that refuses one counts it."""

from pathlib import Path
from typing import Any

import pytest

from repoloom_api.catalogue import GateParams
from repoloom_api.v1alpha1.datasetbuild import Gate, GateRequirements
from repoloom_stages import gate
from repoloom_stages.record_files import write_records
from repoloom_stages.runtime.stage import Inputs, Outputs
from support.shards import made

HEADER = "// File: src/a/very/long/path/that/is/no/code/of/theirs.rs\n\n"


def record(code: str, name: str = "a", tokens: int = 10, *, parsed: bool = True) -> dict[str, Any]:
    return {
        "id": name,
        "view": "plain",
        "text": HEADER + code,
        "code_start": len(HEADER),
        "code_end": len(HEADER) + len(code),
        "tokens": tokens,
        "parsed": parsed,
    }


CASES: dict[str, tuple[dict[str, Any], dict[str, Any], bool]] = {
    "as many characters as asked": ({"minCharacters": 4}, record("größ"), True),
    "fewer characters than asked, whatever the header": ({"minCharacters": 5}, record("größ"), False),
    "as many characters as allowed, whatever the header": ({"maxCharacters": 4}, record("größ"), True),
    "more characters than allowed": ({"maxCharacters": 3}, record("größ"), False),
    "enough tokens": ({"minTokens": 10}, record("x", tokens=10), True),
    "too few tokens": ({"minTokens": 11}, record("x", tokens=10), False),
    "lines as long as allowed, the last without an end": ({"maxLineCharacters": 3}, record("abc\nab\r\nabc"), True),
    "a line too long": ({"maxLineCharacters": 3}, record("abc\nabcd\n"), False),
    "a carriage return within a line ends none": ({"maxLineCharacters": 3}, record("ab\rcd\n"), False),
    "a file that parses": ({"parses": {}}, record("x"), True),
    "a file that does not parse": ({"parses": {}}, record("x", parsed=False), False),
    "a file that need not parse": ({"minTokens": 1}, record("x", parsed=False), True),
    "one of two requirements": ({"minTokens": 1, "maxCharacters": 1}, record("xy"), False),
}


@pytest.mark.parametrize("case", CASES)
def test_a_requirement_judges_the_code(case: str) -> None:
    requirements, sample, passes = CASES[case]
    assert gate.satisfies(sample, GateRequirements.model_validate(requirements)) is passes


def judge(tmp_path: Path, gates: list[dict[str, Any]], *samples: dict[str, Any]) -> Outputs:
    write_records(tmp_path / "in" / "records.jsonl.zst", samples)
    outputs = Outputs(tmp_path / "out")
    params = GateParams(gates=tuple(Gate.model_validate(one) for one in gates))
    gate.run(params, Inputs({"records": (tmp_path / "in",)}), outputs)
    return outputs


def test_the_first_gate_that_refuses_counts_the_sample(tmp_path: Path) -> None:
    gates = [
        {"name": "long-enough", "require": {"minCharacters": 3}},
        {"name": "narrow", "require": {"maxLineCharacters": 5}},
    ]
    samples = [record("ab", "short"), record("a" * 9, "wide"), record("abcd", "good")]
    outputs = judge(tmp_path, gates, *samples)
    assert made(outputs, "refused/ids.jsonl.zst") == [
        {"id": "short", "gate": "long-enough"},
        {"id": "wide", "gate": "narrow"},
    ]
    assert (outputs.records_in, outputs.kept) == (3, 1)
    assert outputs.dropped == {"long-enough": 1, "narrow": 1}
    both = judge(tmp_path, gates, record("\nabcdefgh", "both"), record("", "empty"))
    assert [one["gate"] for one in made(both, "refused/ids.jsonl.zst")] == ["narrow", "long-enough"]


def test_no_samples_leave_an_empty_table(tmp_path: Path) -> None:
    outputs = judge(tmp_path, [{"name": "any", "require": {"minTokens": 1}}])
    assert made(outputs, "refused/ids.jsonl.zst") == []
    assert (outputs.records_in, outputs.kept, dict(outputs.dropped)) == (0, 0, {})
