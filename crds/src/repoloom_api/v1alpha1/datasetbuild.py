"""DatasetBuild: repositories in, a published dataset out.

sources ─ recipes (keep → make → chunk) ─ refine (gates → deduplicate → split) ─ outputs
"""

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, StringConstraints

from repoloom_api.base import (
    Items,
    Model,
    Path,
    Raw,
    Rule,
    blocks,
    named,
    only_one,
    ordered,
    unknown_names,
)
from repoloom_api.v1alpha1.common import Empty, Glob, HuggingFaceModel, Name, ObjectMeta, Percent, Revision, Schedule
from repoloom_api.v1alpha1.conditions import DatasetBuildStatus
from repoloom_api.v1alpha1.recipes import Chunk, Recipe, Shape

RESERVED_OUTPUT = "collected"
"""What was collected always lies in a folder of this name beside the outputs."""

RepositoryUrl = Annotated[
    str,
    StringConstraints(
        pattern=r"^https://[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?/[A-Za-z0-9._~/+%-]+$", max_length=1024
    ),
]
"""HTTPS only, and no credentials: those come from the connection that lists the host."""


def _sources_exist(raw: Raw) -> Iterator[Path]:
    known = named(raw, "sources")
    for position, recipe in blocks(raw, "recipes"):
        yield from (("recipes", position, "from", index) for index in unknown_names(recipe.get("from"), known))


def _recipes_exist(raw: Any, field: str, known: list[str] | None) -> Iterator[Path]:
    for position, block in blocks(raw, field):
        yield from ((field, position, "recipes", index) for index in unknown_names(block.get("recipes"), known))


def _shapes(raw: Raw) -> dict[str, str]:
    """Recipes by name, each with the block that decides its shape, or nothing where it makes text."""
    written = {block["name"]: block for _, block in blocks(raw, "recipes") if isinstance(block.get("name"), str)}
    return {
        name: next((field for field in ("codeQuestions", "codeContrasts") if block.get(field) is not None), "")
        for name, block in written.items()
    }


def _shapes_of_outputs(raw: Raw) -> Iterator[tuple[int, Raw, list[str]]]:
    """Each output with its position, and the shapes of its recipes as far as they are known."""
    shapes = _shapes(raw)
    for position, output in blocks(raw, "outputs"):
        names = output.get("recipes")
        known = names if isinstance(names, list) else []
        yield position, output, [shapes[name] for name in known if isinstance(name, str) and name in shapes]


def _mixed_shapes(raw: Raw) -> Iterator[Path]:
    for position, _, shapes in _shapes_of_outputs(raw):
        if len(set(shapes)) > 1:
            yield "outputs", position, "recipes"


def _pairs_as_text(raw: Raw) -> Iterator[Path]:
    for position, output, shapes in _shapes_of_outputs(raw):
        written = output.get("format")
        if any(shapes) and isinstance(written, dict) and written.get("records") is None:
            yield "outputs", position, "format"


def _shares_add_up(raw: Raw) -> Iterator[Path]:
    written = [raw.get(f"{split}Percent") for split in ("train", "validation", "test")]
    shares = [share for share in written if isinstance(share, int | float)]
    if len(shares) == len(written) and sum(shares) != 100:
        yield ()


def _nothing_required(raw: Raw) -> Iterator[Path]:
    if all(value is None for value in raw.values()):
        yield ()


# Known names are bound once, as the only item of a list: looking through the blocks again for every reference exceeds
# Kubernetes' limit on a rule's work where every list is full, although its estimate allows it.
_SOURCES_EXIST = Rule(
    "must be the name of a source",
    "[self.sources.map(s, s.name)].all(known, self.recipes.all(r, !has(r.from) || r.from.all(n, n in known)))",
    _sources_exist,
)
_RECIPES_EXIST = Rule(
    "must be the name of a recipe",
    "[self.recipes.map(r, r.name)].all(known, !has(self.outputs) || self.outputs.all(o, o.recipes.all(n, n in known)))",
    lambda raw: _recipes_exist(raw, "outputs", named(raw, "recipes")),
)
_JUDGED_RECIPES_EXIST = Rule(
    "must be the name of a recipe",
    "[self.recipes.map(r, r.name)].all(known, !has(self.refine) || !has(self.refine.gates) || "
    "self.refine.gates.all(g, !has(g.recipes) || g.recipes.all(n, n in known)))",
    lambda raw: (("refine", *path) for path in _recipes_exist(raw.get("refine"), "gates", named(raw, "recipes"))),
)
_ONE_SHAPE_EACH = Rule(
    "the recipes of an output must make one shape of record: text, prompts with completions, or preferences",
    "[self.recipes.filter(r, has(r.codeQuestions)).map(r, r.name), "
    "self.recipes.filter(r, has(r.codeContrasts)).map(r, r.name)].all(names, !has(self.outputs) || "
    "self.outputs.all(o, o.recipes.all(n, n in names) || !o.recipes.exists(n, n in names)))",
    _mixed_shapes,
)
_TEXT_FORMATS_TAKE_TEXT = Rule(
    "the formats text and taggedText take no prompts with completions and no preferences",
    "[self.recipes.filter(r, has(r.codeQuestions) || has(r.codeContrasts)).map(r, r.name)].all(names, "
    "!has(self.outputs) || self.outputs.all(o, !has(o.format) || has(o.format.records) || "
    "!o.recipes.exists(n, n in names)))",
    _pairs_as_text,
)
_SHARES_ADD_UP = Rule(
    "trainPercent, validationPercent and testPercent must add up to 100",
    "double(self.trainPercent) + double(self.validationPercent) + double(self.testPercent) == 100.0",
    _shares_add_up,
)
_AT_LEAST_ONE = Rule(
    "at least one requirement must be set",
    "has(self.minCharacters) || has(self.maxCharacters) || has(self.minTokens) || has(self.maxLineCharacters) || "
    "has(self.parses)",
    _nothing_required,
)
_NAME_IS_FREE = Rule(
    f"no output may be named {RESERVED_OUTPUT}",
    f"self.name != '{RESERVED_OUTPUT}'",
    lambda raw: [("name",)] if raw.get("name") == RESERVED_OUTPUT else [],
)


class Code(Model):
    """Which files of the repository count as its code."""

    include: Items[Glob] = Field(default=(), max_length=64)
    """Only files that match one of these; empty means every text file of a known language."""

    exclude: Items[Glob] = Field(default=(), max_length=64)
    """Files that match one of these are left out; generated, vendored, minified and lock files always are."""

    max_file_bytes: int = Field(default=1_000_000, ge=1, le=50_000_000)
    """Larger files are left out and counted."""


class Layer(Model):
    """A layer of the repository's architecture: a name for some of its paths."""

    name: Name
    """Name of the layer."""

    paths: Items[Glob] = Field(min_length=1, max_length=16)
    """Files that match one of these belong to it."""


class Repository(Model):
    """A git repository and what to read of it."""

    keyed_by_name: ClassVar = ("layers",)

    url: RepositoryUrl
    """Where it is cloned from over HTTPS."""

    revision: Revision = "HEAD"
    """Branch, tag or commit; pinned to a commit when a run starts."""

    code: Code = Code()
    """Its source files."""

    layers: Items[Layer] = Field(default=(), max_length=32)
    """Its layers; a file belongs to the first that lists it."""


class Source(Model):
    """Something to read, under a name that recipes and records use."""

    rules: ClassVar = (only_one("repository"),)

    name: Name
    """Name of the source."""

    repository: Repository | None = None
    """A git repository."""


class Tokenizer(Model):
    """The tokenizer that budgets and counts mean: the one of the model to be tuned."""

    rules: ClassVar = (only_one("huggingFace", "tiny"),)

    hugging_face: HuggingFaceModel | None = None
    """A tokenizer on the Hugging Face Hub."""

    tiny: Empty | None = None
    """The tokenizer of the small Llama that Repoloom ships."""


class GateRequirements(Model):
    """What a finished sample must satisfy; unset requirements do not judge."""

    rules: ClassVar = (
        ordered("minCharacters", "maxCharacters"),
        _AT_LEAST_ONE,
    )

    min_characters: int | None = Field(default=None, ge=1, le=10_000_000)
    """At least so many characters of code, header aside."""

    max_characters: int | None = Field(default=None, ge=1, le=10_000_000)
    """At most so many characters of code, header aside."""

    min_tokens: int | None = Field(default=None, ge=1, le=1_048_576)
    """At least so many tokens."""

    max_line_characters: int | None = Field(default=None, ge=1, le=10_000_000)
    """No line of code longer than this."""

    parses: Empty | None = None
    """The code has no syntax error."""


class Gate(Model):
    """Judges finished samples; what it refuses is dropped and counted under the gate's name."""

    name: Name
    """Name of the gate, which the report shows."""

    recipes: Items[Name] = Field(default=(), max_length=64)
    """Whose samples it judges; empty means all."""

    require: GateRequirements
    """What a sample must satisfy."""


class Deduplicate(Model):
    """Which copies are dropped within an output; the training side keeps its copy."""

    rules: ClassVar = (only_one("exact"),)

    exact: Empty | None = None
    """Samples with the same code, byte for byte."""


class ByTime(Model):
    """Train on the past, test on the future."""

    gap_days: int = Field(default=7, ge=0, le=365)
    """Days left out between the training snapshot and the first held-out commit."""


class Split(Model):
    """How samples are held out. The default is by time, or by file where the history is too short for it."""

    rules: ClassVar = (only_one("byTime", "byFile", required=False), _SHARES_ADD_UP)

    train_percent: Percent = 85.0
    """Share to train on."""

    validation_percent: Percent = 5.0
    """Share to choose settings by."""

    test_percent: Percent = 10.0
    """Share to judge by: of commits (the newest) by time, of bytes by file."""

    by_time: ByTime | None = None
    """The newest commits are held out; training sees the repository as it was before them."""

    by_file: Empty | None = None
    """Whole files are held out, with everything cut from them."""


class Refine(Model):
    """What happens to finished samples before they are written."""

    keyed_by_name: ClassVar = ("gates",)

    gates: Items[Gate] = Field(default=(), max_length=32)
    """Judges, in the order written; the first that refuses a sample counts it."""

    deduplicate: Deduplicate = Deduplicate(exact=Empty())
    """Which copies are dropped."""

    split: Split = Split()
    """How samples are held out."""


class TaggedText(Model):
    """Text with `<code>` and `</code>` around code."""


class Format(Model):
    """How an output's samples are written."""

    rules: ClassVar = (only_one("records", "text", "taggedText"),)

    records: Empty | None = None
    """Every field of the record as a column."""

    text: Empty | None = None
    """`id` and `text` only."""

    tagged_text: TaggedText | None = None
    """`id` and `text`, with tags that name what each part is."""


class Output(Model):
    """A named subset of the samples, with files of its own."""

    rules: ClassVar = (_NAME_IS_FREE,)

    name: Name
    """Name of the output, and of its folder."""

    recipes: Items[Name] = Field(min_length=1, max_length=64)
    """Whose samples it holds."""

    format: Format = Format(records=Empty())
    """How they are written."""


class DatasetBuildSpec(Model):
    """What the dataset is made of."""

    keyed_by_name: ClassVar = ("sources", "recipes", "outputs")
    rules: ClassVar = (
        _SOURCES_EXIST,
        _RECIPES_EXIST,
        _JUDGED_RECIPES_EXIST,
        _ONE_SHAPE_EACH,
        _TEXT_FORMATS_TAKE_TEXT,
    )

    sources: Items[Source] = Field(min_length=1, max_length=64)
    """What to read."""

    tokenizer: Tokenizer = Tokenizer(tiny=Empty())
    """Whose tokens budgets and counts mean."""

    chunk: Chunk = Chunk()
    """How long texts are cut, for every recipe that says nothing else."""

    recipes: Items[Recipe] = Field(min_length=1, max_length=64)
    """How samples are made."""

    refine: Refine = Refine()
    """What happens to finished samples."""

    outputs: Items[Output] = Field(default=(), max_length=64)
    """What is written; empty means one output per recipe, under its name, as `records`."""

    schedule: Schedule | None = None
    """When a cluster builds it anew, as in cron, in UTC: `0 3 * * 1` is every Monday at three. A tick that falls into a
    run is left out."""

    suspend: bool = False
    """True stops the run that is under way and starts no other, until it is false again."""

    def effective_outputs(self) -> Items[Output]:
        """The outputs written down, or one per recipe."""
        return self.outputs or tuple(Output(name=recipe.name, recipes=(recipe.name,)) for recipe in self.recipes)

    def shape(self, output: Output) -> Shape:
        """What the records of an output hold, all of them."""
        return next(recipe.shape for recipe in self.recipes if recipe.name in output.recipes)


class DatasetBuild(Model):
    """Builds a dataset from repositories: sources, recipes, refinement, outputs."""

    status_model: ClassVar = DatasetBuildStatus

    api_version: Literal["repoloom.dev/v1alpha1"]
    """The API's group and version."""

    kind: Literal["DatasetBuild"]
    """What this resource is."""

    metadata: ObjectMeta
    spec: DatasetBuildSpec
