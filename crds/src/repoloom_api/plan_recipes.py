"""The part of a DatasetBuild's plan that makes records: which stages a recipe is, and what they read.

Stages that look at one file at a time fan out over the shards; those that look across files take the whole snapshot.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from repoloom_api.artifacts import SHARDS_FILE
from repoloom_api.catalogue import (
    CodeContrastsParams,
    CodeGroupsParams,
    CodePatternsParams,
    CodeQuestionsParams,
    CodeUnitsParams,
    GateParams,
    LinkCodeParams,
    RecipeParams,
)
from repoloom_api.draft import Draft
from repoloom_api.tasks import SHARD, Input
from repoloom_api.v1alpha1.datasetbuild import DatasetBuild, Repository
from repoloom_api.v1alpha1.recipes import OVERVIEWS, CodeUnits, Recipe


@dataclass
class IndexedSource:
    """A source, with the tasks that read, index and, where a recipe needs it, link it."""

    draft: Draft
    name: str
    repository: Repository
    snapshot: str
    index: str
    linked: list[str] = field(default_factory=list)
    """The task that links it, once there is one."""

    def shard(self, *more: Input) -> list[Input]:
        """What a stage reads that looks at one shard."""
        return [
            Input(role="files", task=self.snapshot, path=f"shards/{SHARD}/"),
            Input(role="index", task=self.index, path="index/"),
            Input(role="places", task=self.index, path="places/"),
            *more,
        ]

    def whole(self, *more: Input) -> list[Input]:
        """What a stage reads that looks at all of them: `files` by shard, `index` and `places` in the shards' order."""
        return [
            Input(role="shards", task=self.snapshot, path=SHARDS_FILE),
            Input(role="files", task=self.snapshot, path="shards/"),
            Input(role="index", task=self.index, path="index/"),
            Input(role="places", task=self.index, path="places/"),
            *more,
        ]

    def links(self, *, shard: bool) -> Input:
        """The links of the one shard, or of all, in folders by shard."""
        return Input(role="links", task=self._link(), path=f"links/{SHARD}/" if shard else "links/")

    def graph(self) -> Input:
        """What the links say of the whole snapshot."""
        return Input(role="graph", task=self._link(), path="graph/")

    def _link(self) -> str:
        if not self.linked:
            inputs = [
                Input(role="shards", task=self.snapshot, path=SHARDS_FILE),
                Input(role="manifests", task=self.snapshot, path="manifests/"),
                Input(role="index", task=self.index, path="index/"),
                Input(role="places", task=self.index, path="places/"),
            ]
            self.linked.append(self.draft.add("link-code", LinkCodeParams(), inputs, label=self.name))
        return self.linked[0]


class Records:
    """Which tasks made and judged each recipe's records."""

    def __init__(self) -> None:
        self.made: dict[str, list[tuple[str, str]]] = {}
        """By recipe, sources each with the task that made its records."""
        self.judged: dict[str, list[str]] = {}

    @property
    def recipes(self) -> tuple[str, ...]:
        return tuple(self.made)

    def sources(self, recipes: Iterable[str]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(source for source, _ in self._made(recipes)))

    def records(self, recipes: Iterable[str]) -> list[Input]:
        return [Input(role=f"records-{source}", task=task, path="records/") for source, task in self._made(recipes)]

    def ids(self, recipes: Iterable[str]) -> list[Input]:
        return [Input(role="ids", task=task, path="ids/") for _, task in self._made(recipes)]

    def refused(self, recipes: Iterable[str]) -> list[Input]:
        judged = (task for name in recipes for task in self.judged.get(name, []))
        return [Input(role="refused", task=task, path="refused/") for task in judged]

    def _made(self, recipes: Iterable[str]) -> list[tuple[str, str]]:
        return [pair for name in recipes for pair in self.made[name]]


def make_records(
    draft: Draft, build: DatasetBuild, indexed: dict[str, IndexedSource], tokenizer: str, sides: str
) -> Records:
    """Draft every recipe for every source that it takes; `sides` is the task `hold-out`."""
    spec = build.spec
    tagged = {name for output in spec.effective_outputs() if output.format.tagged_text for name in output.recipes}
    records = Records()
    for recipe in spec.recipes:
        chunk = recipe.chunk or spec.chunk
        about = RecipeParams(
            recipe=recipe.name,
            keep=recipe.keep,
            min_tokens=chunk.min_tokens,
            max_tokens=chunk.max_tokens,
            tagged=recipe.name in tagged,
        )
        gates = tuple(gate for gate in spec.refine.gates if not gate.recipes or recipe.name in gate.recipes)
        for name in recipe.from_ or tuple(indexed):
            source, label = indexed[name], f"{recipe.name} from {name}"
            for made in _stages(recipe, about, source, tokenizer, sides):
                task = draft.add(made.stage, made.params, made.inputs, fan_out=made.fan_out, label=label)
                records.made.setdefault(recipe.name, []).append((name, task))
                if gates:
                    judge = [Input(role="records", task=task, path="records/")]
                    gate = draft.add("gate", GateParams(gates=gates), judge, fan_out=made.fan_out, label=label)
                    records.judged.setdefault(recipe.name, []).append(gate)
    return records


@dataclass(frozen=True)
class _Stage:
    """A task that makes records."""

    stage: str
    params: RecipeParams
    inputs: list[Input]
    fan_out: str | None = None


def _stages(recipe: Recipe, about: RecipeParams, source: IndexedSource, tokenizer: str, sides: str) -> Iterator[_Stage]:
    """What a recipe is for one source."""
    tokens = Input(role="tokenizer", task=tokenizer, path="model/")
    held_out = Input(role="sides", task=sides, path="sides/")
    common: dict[str, Any] = dict(about)
    if units := recipe.code_units:
        yield from _units(units, common, source, tokens, held_out)
    if groups := recipe.code_groups:
        inputs = source.whole(source.links(shard=False), source.graph(), held_out, tokens)
        yield _Stage("code-groups", CodeGroupsParams(**common, groups=groups), inputs)
    if patterns := recipe.code_patterns:
        inputs = source.whole(source.links(shard=False), source.graph(), tokens)
        yield _Stage("code-patterns", CodePatternsParams(**common, patterns=patterns), inputs)
    if questions := recipe.code_questions:
        inputs = source.shard(source.links(shard=True), source.graph(), tokens)
        params = CodeQuestionsParams(**common, questions=questions)
        yield _Stage("code-questions", params, inputs, fan_out=source.snapshot)
    if recipe.code_contrasts:
        inputs = source.shard(source.links(shard=True), source.graph(), tokens)
        yield _Stage("code-contrasts", CodeContrastsParams(**common), inputs, fan_out=source.snapshot)


def _units(
    units: CodeUnits, common: dict[str, Any], source: IndexedSource, tokens: Input, held_out: Input
) -> Iterator[_Stage]:
    params = CodeUnitsParams(**common, units=units)
    if OVERVIEWS.issuperset(units.granularities):
        yield from ()
    elif units.views.call_graph:
        inputs = source.shard(source.links(shard=True), source.graph(), tokens)
        yield _Stage("code-units", params, inputs, fan_out=source.snapshot)
    else:
        yield _Stage("code-units", params, source.shard(tokens), fan_out=source.snapshot)
    if OVERVIEWS.intersection(units.granularities):
        inputs = source.whole(source.links(shard=False), source.graph(), held_out, tokens)
        yield _Stage("code-overviews", params, inputs)
