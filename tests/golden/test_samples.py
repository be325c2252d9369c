"""Samples of the workspace `ferry` in every view, whole, for a reviewer to read."""

from pathlib import Path
from typing import Any

import pytest

from repoloom_api.catalogue import CodeContrastsParams, CodeQuestionsParams, CodeUnitsParams
from repoloom_api.v1alpha1.recipes import CodeQuestions, CodeUnits, Keep
from repoloom_stages import code_contrasts, code_overviews, code_questions, code_units
from repoloom_stages.runtime.stage import Inputs, Outputs
from repoloom_stages.sampling.sentinels import FAMILIES
from support.golden import GOLDEN, compare_text
from support.linking import Linked, link_texts
from support.shards import made, write_tokenizer
from support.whole_sources import make_groups, make_patterns
from support.workspace import workspace_files

FIELDS = ["repository", "file", "crate", "cratePurpose", "module", "kind", "name", "doc"]

UNITS: dict[str, dict[str, Any]] = {
    "plain": {
        "granularities": ["function", "struct", "enum", "trait", "impl", "macro", "type", "const"],
        "header": {"comment": {"fields": FIELDS}},
    },
    "files": {"granularities": ["file"], "header": {"tags": {"fields": ["repository", "crate", "file", "bytes"]}}},
    "fill-in-middle": {"granularities": ["function", "impl"], "views": {"fillInMiddle": {"percent": 100}}},
    "call-graph": {"granularities": ["function", "impl"], "views": {"callGraph": {}}},
}
OVERVIEWS = {
    "granularities": ["repository", "crate", "module"],
    "header": {"comment": {"fields": ["repository", "crate", "cratePurpose", "module"]}},
}


@pytest.fixture(scope="module")
def ferry(tmp_path_factory: pytest.TempPathFactory) -> Linked:
    return link_texts(tmp_path_factory.mktemp("ferry"), workspace_files(), split="train")


def params(units: dict[str, Any], *, include: str) -> CodeUnitsParams:
    return CodeUnitsParams(
        recipe="units",
        units=CodeUnits.model_validate(units),
        keep=Keep.model_validate({"include": [include]}),
        min_tokens=0,
        max_tokens=4096,
        tagged=False,
    )


def readable(outputs: Outputs) -> str:
    """Samples one after another, each below a line that says what it is."""
    text = ""
    for one in made(outputs, "records/records.jsonl.zst"):
        controls = [one["text"][place["start"] : place["end"]] for place in one["controls"]]
        lines = [f"{origin['path']}:{origin['start']}-{origin['end']}" for origin in one["source"][:3]]
        more = f" and {len(one['source']) - 3} more" if len(one["source"]) > 3 else ""
        text += f"=== {one['granularity']} {one['name']} | {one['view']} | {one['crate']} {one['module']}"
        text += f" | {one['tokens']} tokens | {', '.join(lines)}{more} | {' '.join(controls)}".rstrip(" |")
        text += f"\n{one['text']}\n"
        text += f"--- rejected\n{one['rejected']}\n" if one["rejected"] else ""
    return text


@pytest.mark.parametrize("case", UNITS)
def test_units_are_these_samples(case: str, ferry: Linked, tmp_path: Path, pytestconfig: pytest.Config) -> None:
    outputs = Outputs(tmp_path / "out")
    inputs = shard_of(ferry, write_tokenizer(tmp_path / "tokenizer", *FAMILIES[0]))
    code_units.run(params(UNITS[case], include="crates/pricing/src/*.rs"), inputs, outputs)
    compare_text(readable(outputs), GOLDEN / "samples" / f"{case}.txt", pytestconfig)


def test_overviews_are_these_samples(ferry: Linked, tmp_path: Path, pytestconfig: pytest.Config) -> None:
    outputs = Outputs(tmp_path / "out")
    code_overviews.run(params(OVERVIEWS, include="**"), source_of(ferry, tmp_path), outputs)
    compare_text(readable(outputs), GOLDEN / "samples" / "overviews.txt", pytestconfig)


def shard_of(ferry: Linked, tokenizer: Path) -> Inputs:
    """What a stage reads that looks at one shard, which is all there is."""
    roles = {role: ferry.roles[role] for role in ("files", "index", "places", "graph")}
    return Inputs(roles | {"links": (ferry.roles["links"][0] / "b0",), "tokenizer": (tokenizer,)})


ABOUT_PRICING: dict[str, Any] = {
    "recipe": "pairs",
    "keep": Keep.model_validate({"include": ["crates/pricing/src/fares.rs"]}),
    "min_tokens": 0,
    "max_tokens": 4096,
    "tagged": False,
}


def test_questions_are_these_samples(ferry: Linked, tmp_path: Path, pytestconfig: pytest.Config) -> None:
    outputs = Outputs(tmp_path / "out")
    questions = CodeQuestions.model_validate({"instruction": {}, "reasoning": {}})
    asked = CodeQuestionsParams(**ABOUT_PRICING, questions=questions)
    code_questions.run(asked, shard_of(ferry, write_tokenizer(tmp_path / "tokenizer")), outputs)
    compare_text(readable(outputs), GOLDEN / "samples" / "questions.txt", pytestconfig)


def test_contrasts_are_these_samples(ferry: Linked, tmp_path: Path, pytestconfig: pytest.Config) -> None:
    outputs = Outputs(tmp_path / "out")
    wanted = CodeContrastsParams(**ABOUT_PRICING)
    code_contrasts.run(wanted, shard_of(ferry, write_tokenizer(tmp_path / "tokenizer")), outputs)
    compare_text(readable(outputs), GOLDEN / "samples" / "contrasts.txt", pytestconfig)


GROUPS: dict[str, dict[str, Any]] = {
    "related": {"implCollections": {}, "traitEcosystems": {}, "crossCrate": {}},
    "packs": {"modules": {}, "min_tokens": 512, "max_tokens": 2048},
}


@pytest.mark.parametrize("case", GROUPS)
def test_groups_are_these_samples(case: str, ferry: Linked, tmp_path: Path, pytestconfig: pytest.Config) -> None:
    about = {
        "header": {"comment": {"fields": ["crate", "file"]}},
        "keep": {"include": ["crates/pricing/**", "crates/types/**"]},
    }
    outputs = make_groups(tmp_path / "out", source_of(ferry, tmp_path), **about, **GROUPS[case])
    compare_text(readable(outputs), GOLDEN / "samples" / f"{case}.txt", pytestconfig)


def test_patterns_are_these_samples(ferry: Linked, tmp_path: Path, pytestconfig: pytest.Config) -> None:
    outputs = make_patterns(
        tmp_path / "out",
        source_of(ferry, tmp_path),
        {"name": "conversions", "match": {"implements": ["From", "TryFrom"]}},
        {"name": "tables", "match": {"macros": ["diesel::table", "table"]}},
        {"name": "error-handling", "match": {"returns": ["Result"]}, "limit": {"mostCentral": 3}},
        {"name": "macros", "match": {"macros": ["*"]}, "limit": {"mostFrequent": 2, "examplesEach": 2}},
        {"name": "async", "match": {"modifiers": ["async"]}, "context": {"lines": 3}},
        header={"comment": {"fields": ["pattern", "file"]}},
    )
    compare_text(readable(outputs), GOLDEN / "samples" / "patterns.txt", pytestconfig)


def source_of(ferry: Linked, folder: Path) -> Inputs:
    """What a stage reads that looks at a whole source."""
    shards = ferry.roles["files"][0].parent
    return Inputs(ferry.roles | {"files": (shards,), "tokenizer": (write_tokenizer(folder / "tokenizer"),)})
