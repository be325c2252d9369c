"""DatasetBuild: repositories in, a published dataset out.

sources ─ recipes (keep → make → chunk) ─ refine (gates → deduplicate → split) ─ outputs
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from repoloom_api.base import Items, Model, only_one, ordered
from repoloom_api.v1alpha1.common import Empty, Glob, HuggingFaceModel, Name, ObjectMeta, Percent, Revision, Schedule
from repoloom_api.v1alpha1.conditions import DatasetBuildStatus
from repoloom_api.v1alpha1.datasetbuild_rules import (
    AT_LEAST_ONE,
    JUDGED_RECIPES_EXIST,
    NAME_IS_FREE,
    ONE_SHAPE_EACH,
    RECIPES_EXIST,
    SHARES_ADD_UP,
    SOURCES_EXIST,
    TEXT_FORMATS_TAKE_TEXT,
)
from repoloom_api.v1alpha1.recipes import Chunk, Recipe, Shape

RepositoryUrl = Annotated[
    str,
    StringConstraints(
        pattern=r"^https://[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?/[A-Za-z0-9._~/+%-]+$", max_length=1024
    ),
]
"""HTTPS only, and no credentials: those come from the connection that lists the host."""


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
        AT_LEAST_ONE,
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

    rules: ClassVar = (only_one("byTime", "byFile", required=False), SHARES_ADD_UP)

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

    rules: ClassVar = (NAME_IS_FREE,)

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
        SOURCES_EXIST,
        RECIPES_EXIST,
        JUDGED_RECIPES_EXIST,
        ONE_SHAPE_EACH,
        TEXT_FORMATS_TAKE_TEXT,
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
