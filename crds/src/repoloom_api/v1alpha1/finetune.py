"""FineTune: a base model and datasets in, a judged adapter out."""

from collections.abc import Iterator
from enum import StrEnum
from typing import ClassVar, Literal

from pydantic import Field

from repoloom_api.base import Items, Lax, Model, Path, Raw, Rule, only_one
from repoloom_api.v1alpha1.common import Empty, HuggingFaceModel, Name, ObjectMeta
from repoloom_api.v1alpha1.conditions import FineTuneStatus


def _learns_nothing(raw: Raw) -> Iterator[Path]:
    if raw.get("learningRate") == 0:
        yield ("learningRate",)


# A rule, since Kubernetes cuts the fraction off a bound when it looks at a whole number.
_LEARNS = Rule("learningRate must be above 0", "self.learningRate > 0.0", _learns_nothing)


class BaseModelChoice(Model):
    """The model to tune, with its own tokenizer."""

    rules: ClassVar = (only_one("huggingFace", "tiny"),)

    hugging_face: HuggingFaceModel | None = None
    """A causal language model on the Hugging Face Hub, in safetensors."""

    tiny: Empty | None = None
    """The small Llama that Repoloom ships: 2 million parameters, trained on Python's standard library, for CPUs."""


class Follow(StrEnum):
    """What a newer dataset means to a FineTune that has started."""

    PINNED = "Pinned"
    """Nothing: it stays with the dataset it started on."""
    LATEST = "Latest"
    """It is trained again."""


class DatasetReference(Model):
    """One output of a DatasetBuild in the same namespace, pinned to a digest when a run starts."""

    name: Name
    """Name of the DatasetBuild."""

    output: Name
    """Name of one of its outputs."""

    follow: Lax[Follow] = Follow.PINNED
    """What a newer dataset means once the FineTune has started."""


class Data(Model):
    """A dataset under a name that training and suites use."""

    rules: ClassVar = (only_one("datasetBuild"),)

    name: Name
    """Name of this data."""

    dataset_build: DatasetReference | None = None
    """An output of a DatasetBuild."""


class Lora(Model):
    """Low-rank adapters on every linear layer (arXiv 2106.09685); the base stays as it is."""

    rank: int = Field(default=16, ge=1, le=1024)
    """Rank of the adapter's matrices."""

    alpha: int = Field(default=32, ge=1, le=4096)
    """Scale of the adapter: alpha divided by rank multiplies its output."""

    dropout: float = Field(default=0.0, ge=0, le=0.9)
    """Share of the adapter's inputs that training drops."""


class Method(Model):
    """How the model is tuned."""

    rules: ClassVar = (only_one("lora"),)

    lora: Lora | None = None
    """Low-rank adapters."""


class Training(Model):
    """The optimizer's run over the data."""

    rules: ClassVar = (_LEARNS,)

    max_tokens: int = Field(default=1024, ge=64, le=1_048_576)
    """Longest sequence; longer samples are split, never cut off."""

    epochs: int = Field(default=1, ge=1, le=1000)
    """Passes over the data."""

    max_steps: int | None = Field(default=None, ge=1, le=10_000_000)
    """Stop after so many optimizer steps, however many epochs that is."""

    learning_rate: float = Field(default=2e-4, ge=0, le=1)
    """Peak learning rate; it warms up over the first steps and falls to a tenth along a cosine."""

    batch_size: int = Field(default=16, ge=1, le=65_536)
    """Sequences for each optimizer step, wherever and on however many devices it runs."""

    seed: int = Field(default=0, ge=0, le=2_147_483_647)
    """Seed of the data's order and of the adapter's first values."""

    checkpoint_steps: int = Field(default=50, ge=1, le=1_000_000)
    """Optimizer steps between checkpoints, from which a killed run goes on."""


class BitsPerByte(Model):
    """Bits the model needs for each byte it has not seen: the novel lines of the test split."""

    dataset_build: DatasetReference | None = None
    """Judge on the test split of this output; left out, on those of the FineTune's own `data`."""


class Requirement(Model):
    """What the suite's measured gain must be, in percent of the base model's bits per byte."""

    rules: ClassVar = (only_one("minGainPercent", "maxLossPercent"),)

    min_gain_percent: float | None = Field(default=None, ge=0, le=100)
    """At least so much better than the base."""

    max_loss_percent: float | None = Field(default=None, ge=0, le=100)
    """At most so much worse than the base."""


class Suite(Model):
    """A measurement of base against adapter, and what it must show."""

    rules: ClassVar = (only_one("bitsPerByte"),)

    name: Name
    """Name of the suite."""

    bits_per_byte: BitsPerByte | None = None
    """Bits per byte of unseen code."""

    require: Requirement | None = None
    """What it must show; a suite without is measured and reported only."""


class Evaluate(Model):
    """How the result is judged. Every `require` must hold, or nothing is published."""

    keyed_by_name: ClassVar = ("suites",)

    suites: Items[Suite] = Field(
        default=(Suite(name="held-out", bits_per_byte=BitsPerByte()),), min_length=1, max_length=16
    )
    """Measurements. If none has a `require`, the gate is `improves`: better than the base on every suite, with 95 %
    confidence."""


class Compute(Model):
    """Where it trains."""

    pool: Name | None = None
    """Name of a pool in the settings; left out, the settings' default. Locally it is this machine."""


class FineTuneSpec(Model):
    """What to tune, on what, how, and what it must show to be published."""

    keyed_by_name: ClassVar = ("data",)

    model: BaseModelChoice
    """The model to tune."""

    data: Items[Data] = Field(min_length=1, max_length=32)
    """What to train on: the datasets' training splits, one after the other."""

    method: Method = Method(lora=Lora())
    """How it is tuned."""

    training: Training = Training()
    """The optimizer's run."""

    evaluate: Evaluate = Evaluate()
    """How the result is judged."""

    compute: Compute = Compute()
    """Where it trains."""

    suspend: bool = False
    """True stops the run that is under way and starts no other, until it is false again."""

    def references(self) -> Iterator[tuple[str, DatasetReference]]:
        """Every dataset it names, with the field that names it."""
        for position, data in enumerate(self.data):
            if data.dataset_build:
                yield f"spec.data[{position}].datasetBuild", data.dataset_build
        for position, suite in enumerate(self.evaluate.suites):
            if suite.bits_per_byte and suite.bits_per_byte.dataset_build:
                yield f"spec.evaluate.suites[{position}].bitsPerByte.datasetBuild", suite.bits_per_byte.dataset_build


class FineTune(Model):
    """Tunes a model on datasets and publishes it if it passes its gate."""

    status_model: ClassVar = FineTuneStatus

    api_version: Literal["repoloom.dev/v1alpha1"]
    """The API's group and version."""

    kind: Literal["FineTune"]
    """What this resource is."""

    metadata: ObjectMeta
    spec: FineTuneSpec
