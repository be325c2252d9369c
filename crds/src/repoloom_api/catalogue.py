"""Every stage: its parameters' type, what goes in, and what its bytes depend on.

Planner, renderer and stage parse the same type. Adding a stage is an entry here and a module of the same name in
`repoloom_stages`; a test checks that the two match.
"""

import json
from dataclasses import dataclass
from typing import Any

from repoloom_api.base import Items, Lax, Model
from repoloom_api.v1alpha1.datasetbuild import Format, Gate, Layer
from repoloom_api.v1alpha1.finetune import Lora, Requirement, Training
from repoloom_api.v1alpha1.recipes import CodeGroups, CodePatterns, CodeQuestions, CodeUnits, Keep, Shape


class RepositoryName(Model):
    """A repository to pin."""

    pin: str
    url: str
    revision: str
    by_time: bool | None = None
    """True or false where the resource says so; left out, by time where the history is long enough."""
    gap_days: int
    validation_percent: float
    test_percent: float


class ModelName(Model):
    """A model or tokenizer to pin; without a repository, the shipped one."""

    pin: str
    repository: str | None = None
    revision: str | None = None


class DatasetName(Model):
    """A published dataset to pin."""

    pin: str
    name: str


class ResolveParams(Model):
    """Names whose meaning is fixed once per run."""

    repositories: Items[RepositoryName] = ()
    models: Items[ModelName] = ()
    datasets: Items[DatasetName] = ()


class SnapshotParams(Model):
    """Which files of a pinned repository to read."""

    include: Items[str]
    exclude: Items[str]
    max_file_bytes: int
    shard_bytes: int
    """A bucket of files with more text than this is split in two."""


class IndexCodeParams(Model):
    """What a file holds depends on the file alone; in which layer it is, the resource says."""

    layers: Items[Layer] = ()


class FetchModelParams(Model):
    """Which part of a model to fetch."""

    weights: bool
    """Whether the weights are wanted too, or the tokenizer alone."""


class LinkCodeParams(Model):
    """Nothing to choose: what a snapshot's files say together depends on them."""


class HoldOutParams(Model):
    """Shares for what is held out by file; by time, the snapshot has said already."""

    validation_percent: float
    test_percent: float


class RecipeParams(Model):
    """What every recipe is told, for one source."""

    recipe: str
    keep: Keep
    min_tokens: int
    max_tokens: int
    tagged: bool
    """Whether some output puts `<code>` tags around the text, which then count against the budget."""


class CodeUnitsParams(RecipeParams):
    """The recipe `codeUnits`: files and items. Overviews are made by `code-overviews`, of the same parameters."""

    units: CodeUnits


class CodeGroupsParams(RecipeParams):
    """The recipe `codeGroups`."""

    groups: CodeGroups


class CodePatternsParams(RecipeParams):
    """The recipe `codePatterns`."""

    patterns: CodePatterns


class CodeQuestionsParams(RecipeParams):
    """The recipe `codeQuestions`."""

    questions: CodeQuestions


class CodeContrastsParams(RecipeParams):
    """The recipe `codeContrasts`."""


class GateParams(Model):
    """Gates that judge one recipe's samples, in order."""

    gates: Items[Gate]


class DeduplicateParams(Model):
    """Exact copies, the only kind so far."""


class SplitParams(Model):
    """Nothing to choose: `snapshot` and `hold-out` have said on which side each file stands."""


class WriteOutputParams(Model):
    """One output."""

    name: str
    format: Format
    shape: Lax[Shape]
    """Of all its samples."""
    sources: Items[str]
    """Names of the sources, whose records and commit are inputs of the roles `records-<name>` and `commit-<name>`."""


class CountedTask(Model):
    """A task whose counts the report shows; they are the input of the role `counts-<task>`."""

    task: str
    stage: str
    label: str


class ReportDatasetParams(Model):
    """Whose report it is, and what it sums up."""

    name: str
    counted: Items[CountedTask]
    sources: Items[str]
    """Names of the sources, whose pins are inputs of the role `source-<name>`, their files of `files-<name>`, and their
    call graphs, where there are some, of `graph-<name>`."""
    outputs: Items[str]
    """Names of the outputs, whose samples are inputs of the roles `output-<name>` and `summary-<name>`."""


class TrainParams(Model):
    """One LoRA run."""

    lora: Lora
    training: Training


class SuiteParams(Model):
    """One suite of an evaluation. Its data is the input of the role `suite-<name>`."""

    name: str
    require: Requirement | None = None


class EvaluateParams(Model):
    """What to measure and what it must show."""

    suites: Items[SuiteParams]
    max_tokens: int
    """Longest context, as in training."""


class ReportModelParams(Model):
    """Whose report it is."""

    name: str


class PublishParams(Model):
    """Under which name the parts become a result."""

    kind: str
    name: str


@dataclass(frozen=True)
class Stage:
    """What is known of a stage without running it."""

    params: type[Model]
    summary: str
    """What it does, in the progress display's words."""
    libraries: tuple[str, ...] = ()
    """Distributions whose version can change its bytes."""
    accelerator: bool = False
    """Whether it belongs on a GPU pool."""
    memo: bool = False
    """Whether it keeps results per blob between runs."""
    run_bound: bool = False
    """Whether it belongs to the run and not to what was asked: it pins names, or publishes."""
    network: bool = False
    """Whether it reaches hosts besides the object store."""


RECORDS = ("orjson", "zstandard")
TRAINING = ("torch", "transformers", "tokenizers", "peft", "trl", "accelerate", "datasets", "numpy", "safetensors")
REPORT = ("jinja2", "matplotlib", "orjson", "zstandard")
GRAMMARS = (
    "tree-sitter",
    "tree-sitter-c",
    "tree-sitter-c-sharp",
    "tree-sitter-cpp",
    "tree-sitter-go",
    "tree-sitter-java",
    "tree-sitter-javascript",
    "tree-sitter-python",
    "tree-sitter-rust",
    "tree-sitter-typescript",
)
TOKENS = ("gigatoken", "tokenizers")

CATALOGUE: dict[str, Stage] = {
    "resolve": Stage(ResolveParams, "pinning names to commits and digests", run_bound=True, network=True),
    "snapshot": Stage(SnapshotParams, "reading files", libraries=RECORDS, network=True),
    "index-code": Stage(IndexCodeParams, "indexing code", libraries=(*RECORDS, *GRAMMARS), memo=True),
    "fetch-model": Stage(FetchModelParams, "fetching the model", network=True),
    "link-code": Stage(LinkCodeParams, "linking calls and crates", libraries=(*RECORDS, "numpy")),
    "hold-out": Stage(HoldOutParams, "choosing files to hold out", libraries=RECORDS),
    "code-units": Stage(CodeUnitsParams, "cutting units", libraries=(*RECORDS, *GRAMMARS, *TOKENS)),
    "code-overviews": Stage(CodeUnitsParams, "writing overviews", libraries=(*RECORDS, *TOKENS)),
    "code-groups": Stage(CodeGroupsParams, "grouping files", libraries=(*RECORDS, *GRAMMARS, *TOKENS)),
    "code-patterns": Stage(CodePatternsParams, "finding patterns", libraries=(*RECORDS, *GRAMMARS, *TOKENS)),
    "code-questions": Stage(CodeQuestionsParams, "asking questions", libraries=(*RECORDS, *GRAMMARS, *TOKENS)),
    "code-contrasts": Stage(CodeContrastsParams, "making contrasts", libraries=(*RECORDS, *GRAMMARS, *TOKENS)),
    "gate": Stage(GateParams, "judging samples", libraries=RECORDS),
    "deduplicate": Stage(DeduplicateParams, "finding copies", libraries=(*RECORDS, "numpy")),
    "split": Stage(SplitParams, "holding out", libraries=(*RECORDS, "numpy")),
    "write-output": Stage(WriteOutputParams, "writing samples", libraries=(*RECORDS, "numpy", "pyarrow")),
    "report-dataset": Stage(ReportDatasetParams, "writing the report", libraries=(*REPORT, "numpy", "pyarrow")),
    "train": Stage(TrainParams, "training", libraries=TRAINING, accelerator=True),
    "evaluate": Stage(EvaluateParams, "measuring base against adapter", libraries=TRAINING, accelerator=True),
    "report-model": Stage(ReportModelParams, "writing the report", libraries=REPORT),
    "publish": Stage(PublishParams, "publishing", run_bound=True),
}


def parse_params(stage: str, params: dict[str, Any]) -> Model:
    """The typed parameters of a stage from a plan's JSON."""
    return CATALOGUE[stage].params.model_validate_json(json.dumps(params))
