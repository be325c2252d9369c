"""From a resource to a plan: a pure function to a DAG of tasks, equal for every machine, runner and settings file.

A task reads views of other tasks' artifacts, pinned things, or nothing. A fan-out task runs once for each shard that an
earlier task lists; a task that reads a fan-out reads all its shards, or, if it fans out over the same list, its own.
"""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field

from repoloom_api.artifacts import COMMIT_FILE, COUNTS_FILE, Sha256, canonical_json, sha256_of
from repoloom_api.base import Items, Model
from repoloom_api.catalogue import (
    CATALOGUE,
    CodeUnitsParams,
    CountedTask,
    DatasetName,
    DeduplicateParams,
    EvaluateParams,
    FetchModelParams,
    GateParams,
    IndexCodeParams,
    ModelName,
    PublishParams,
    ReportDatasetParams,
    ReportModelParams,
    RepositoryName,
    ResolveParams,
    SnapshotParams,
    SplitParams,
    SuiteParams,
    TrainParams,
    WriteOutputParams,
)
from repoloom_api.resources import Fault, InvalidResource, Resource
from repoloom_api.settings import Access, SettingsConfig
from repoloom_api.v1alpha1.common import HuggingFaceModel
from repoloom_api.v1alpha1.datasetbuild import ByTime, DatasetBuild, Output, Repository, Source, Split
from repoloom_api.v1alpha1.finetune import DatasetReference, FineTune, FineTuneSpec, Lora, Suite

SHARD_BYTES = 16_000_000
"""Text per shard. A shard is a pod's worth of work and a stage's worth of memory."""

HUB_HOST = "huggingface.co"

RESOLVE = "resolve-1"
"""The task that pins names, the first of every plan."""

SHARD = "{shard}"
"""Stands in an input's path for the name of the shard that the task runs for."""


class Input(Model):
    """One thing a task reads: (part of) a task's artifact, or (part of) what a pin names."""

    role: str
    """What it is to the stage."""
    task: str | None = None
    """Task whose artifact it is."""
    pin: str | None = None
    """Or the name of a pin."""
    path: str = ""
    """Prefix of the files to take; their paths are relative to it."""


class Task(Model):
    """One step: a stage with parameters and inputs."""

    name: str
    """Stage and number: names in the cluster carry no free text of a user's."""
    stage: str
    """Name in the catalogue."""
    params: dict[str, Any]
    """The stage's parameters, as JSON."""
    inputs: Items[Input] = ()
    """In the order the stage reads them."""
    fan_out: str | None = None
    """Task whose `shards.json` lists what this one runs for."""
    label: str = ""
    """For people: the source, recipe or output it works on. It is in no key."""


class Reach(Model):
    """A connection of the settings, as a task uses it."""

    connection: str
    """Its name; a credential of that name goes to these hosts and no others."""
    hosts: Items[str]
    """What it lists; `*.` stands for any subdomain."""
    private_addresses: bool
    """Whether these hosts may resolve to loopback, private or link-local addresses."""


class Placement(Model):
    """What the settings say about a task; never part of a key."""

    reaches: Items[Reach] = ()
    """Connections to the hosts it reaches; empty where it reaches none, or the settings list none."""
    pool: str | None = None
    """Pool of nodes it runs on; none is any node."""


class Plan(Model):
    """A resource's DAG, its tasks in an order that respects their needs."""

    kind: str
    name: str
    namespace: str
    spec_digest: Sha256
    """Digest of the resource's spec."""
    tasks: Items[Task]
    placements: dict[str, Placement] = Field(default_factory=dict)
    """By task."""

    def task(self, name: str) -> Task:
        """The task of that name; KeyError if there is none."""
        for task in self.tasks:
            if task.name == name:
                return task
        raise KeyError(name)

    def needs(self, task: Task) -> tuple[str, ...]:
        """Names of the tasks that must be done before this one. `resolve` comes before whatever reads a pin."""
        named = [one.task or RESOLVE for one in task.inputs] + ([task.fan_out] if task.fan_out else [])
        return tuple(dict.fromkeys(named))


class RefusedBySettings(InvalidResource):
    """A valid resource asks for a host or a pool that the settings do not give it."""


_OPERATION = frozenset({"schedule", "suspend"})
"""Fields that say when to run, not what."""


def spec_digest(resource: Resource) -> str:
    """Digest of what a resource asks for: its spec, without when to run.

    Defaults are left out, so that a field that a later version adds changes no digest and an upgrade runs nothing anew.
    """
    spec = resource.spec.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return sha256_of(canonical_json({name: value for name, value in spec.items() if name not in _OPERATION}))


def plan(resource: Resource, settings: SettingsConfig) -> Plan:
    """Plan a resource. Raises RefusedBySettings where the settings refuse what it asks for."""
    draft = _Draft(settings)
    result = _plan_dataset(resource, draft) if isinstance(resource, DatasetBuild) else _plan_model(resource, draft)
    tasks = _in_order(draft.tasks)
    draft.place((*tasks, result), resource.spec.compute.pool if isinstance(resource, FineTune) else None)
    if draft.faults:
        raise RefusedBySettings(list(dict.fromkeys(draft.faults)))  # several tasks may reach one host
    return Plan(
        kind=resource.kind,
        name=resource.metadata.name,
        namespace=resource.metadata.namespace,
        spec_digest=spec_digest(resource),
        tasks=(*tasks, result),
        placements=draft.placements,
    )


class _Draft:
    """Tasks as they are added, numbered by stage."""

    def __init__(self, settings: SettingsConfig) -> None:
        self.settings = settings
        self.tasks: list[Task] = []
        self.placements: dict[str, Placement] = {}
        self.faults: list[Fault] = []

    def add(
        self, stage: str, params: Model, inputs: list[Input], *, fan_out: str | None = None, label: str = ""
    ) -> str:
        task = self.build(stage, params, inputs, fan_out=fan_out, label=label)
        self.tasks.append(task)
        return task.name

    def build(
        self, stage: str, params: Model, inputs: list[Input], *, fan_out: str | None = None, label: str = ""
    ) -> Task:
        if type(params) is not CATALOGUE[stage].params:
            raise TypeError(f"{stage} takes {CATALOGUE[stage].params.__name__}, not {type(params).__name__}")
        number = sum(task.stage == stage for task in self.tasks) + 1
        return Task(
            name=f"{stage}-{number}",
            stage=stage,
            params=params.document(),
            inputs=tuple(inputs),
            fan_out=fan_out,
            label=label,
        )

    def reach(self, task: str, host: str, field: str) -> None:
        """Place a task that reaches a host, or refuse it."""
        if self.settings.refuses(host):
            self.faults.append(Fault(field, f"no connection in the settings lists the host {host}"))
        connection = self.settings.connection_for(host)
        if connection:
            allowed = connection.private_addresses is Access.ALLOWED
            reach = Reach(connection=connection.name, hosts=connection.hosts, private_addresses=allowed)
            before = self.placements.get(task, Placement())
            if reach not in before.reaches:
                self.placements[task] = Placement(reaches=(*before.reaches, reach))

    def place(self, tasks: tuple[Task, ...], training_pool: str | None) -> None:
        """Give every task its pool, where the settings have pools at all."""
        if self.settings.pools is None:
            return
        pools = self.settings.defaults.pools
        if training_pool and self.settings.pool(training_pool) is None:
            there_are = ", ".join(pool.name for pool in self.settings.pools) or "none"
            message = f"the settings have no pool named {training_pool}; there are {there_are}"
            self.faults.append(Fault("spec.compute.pool", message))
        for task in tasks:
            training = CATALOGUE[task.stage].accelerator
            pool = (training_pool or pools.training or pools.data) if training else pools.data
            before = self.placements.get(task.name, Placement())
            self.placements[task.name] = before.model_copy(update={"pool": pool})


def _in_order(tasks: list[Task]) -> list[Task]:
    """`resolve` first; the rest were added after what they need."""
    return sorted(tasks, key=lambda task: task.stage != "resolve")


def _plan_dataset(build: DatasetBuild, draft: _Draft) -> Task:
    spec = build.spec
    _resolve_sources(draft, spec.sources, spec.refine.split, spec.tokenizer.hugging_face)
    tokenizer = _fetch(draft, "tokenizer", spec.tokenizer.hugging_face, "spec.tokenizer", weights=False)
    indexed = {source.name: _index(draft, source, position) for position, source in enumerate(spec.sources)}
    made = _make_records(draft, build, indexed, tokenizer)

    outputs = spec.effective_outputs()
    copies = {
        output.name: draft.add(
            "deduplicate",
            DeduplicateParams(),
            [*made.ids(output.recipes), *made.refused(output.recipes)],
            label=output.name,
        )
        for output in outputs
    }
    shares = spec.refine.split
    split = draft.add(
        "split",
        SplitParams(validation_percent=shares.validation_percent, test_percent=shares.test_percent),
        made.ids(made.recipes),
    )
    splits = Input(role="splits", task=split, path="splits/")
    written = [
        draft.add(
            "write-output",
            WriteOutputParams(name=output.name, format=output.format, sources=made.sources(output.recipes)),
            [
                *made.records(output.recipes),
                *(
                    Input(role=f"commit-{source}", task=indexed[source][0], path=COMMIT_FILE)
                    for source in made.sources(output.recipes)
                ),
                *made.refused(output.recipes),
                Input(role="copies", task=copies[output.name], path="copies/"),
                splits,
            ],
            label=output.name,
        )
        for output in outputs
    ]
    report = _report_dataset(draft, build, outputs, written)
    parts = [Input(role="parts", task=task, path="output/") for task in written]
    return draft.build(
        "publish",
        PublishParams(kind=build.kind, name=build.metadata.name),
        [*parts, Input(role="parts", task=report, path="report/")],
    )


def _report_dataset(draft: _Draft, build: DatasetBuild, outputs: tuple[Output, ...], written: list[str]) -> str:
    """The report on all that was drafted before; `written` are the tasks of `outputs`, in their order."""
    spec = build.spec
    counted = [task for task in draft.tasks if task.stage not in ("resolve", "fetch-model")]
    return draft.add(
        "report-dataset",
        ReportDatasetParams(
            name=build.metadata.name,
            counted=tuple(CountedTask(task=task.name, stage=task.stage, label=task.label) for task in counted),
            sources=tuple(source.name for source in spec.sources),
            outputs=tuple(output.name for output in outputs),
        ),
        [
            *(Input(role=f"counts-{task.name}", task=task.name, path=COUNTS_FILE) for task in counted),
            *(Input(role=f"source-{source.name}", pin=source_pin(source.name)) for source in spec.sources),
            *(
                Input(role=f"{part}-{output.name}", task=task, path=f"{part}/")
                for output, task in zip(outputs, written, strict=True)
                for part in ("output", "summary")
            ),
        ],
    )


def source_pin(name: str) -> str:
    """Name of the pin of a source."""
    return f"source/{name}"


def _resolve_sources(
    draft: _Draft, sources: tuple[Source, ...], split: Split, tokenizer: HuggingFaceModel | None
) -> None:
    by_time = True if split.by_time else False if split.by_file else None
    repositories = tuple(
        RepositoryName(
            pin=source_pin(source.name),
            url=_repository(source).url,
            revision=_repository(source).revision,
            by_time=by_time,
            gap_days=(split.by_time or ByTime()).gap_days,
            validation_percent=split.validation_percent,
            test_percent=split.test_percent,
        )
        for source in sources
    )
    params = ResolveParams(repositories=repositories, models=(_model_name("tokenizer", tokenizer),))
    task = draft.add("resolve", params, [])
    for position, source in enumerate(sources):
        _reach_repository(draft, task, position, _repository(source))


def _reach_repository(draft: _Draft, task: str, position: int, repository: Repository) -> None:
    draft.reach(task, urlsplit(repository.url).hostname or "", f"spec.sources[{position}].repository.url")


def _repository(source: Source) -> Repository:
    assert source.repository is not None  # its one alternative so far
    return source.repository


def _model_name(pin: str, model: HuggingFaceModel | None) -> ModelName:
    return ModelName(pin=pin, repository=model.repository, revision=model.revision) if model else ModelName(pin=pin)


def _fetch(draft: _Draft, pin: str, model: HuggingFaceModel | None, field: str, *, weights: bool) -> str:
    task = draft.add("fetch-model", FetchModelParams(weights=weights), [Input(role="pin", pin=pin)], label=pin)
    if model:
        for reaching in (RESOLVE, task):
            draft.reach(reaching, HUB_HOST, f"{field}.huggingFace.repository")
    return task


def _index(draft: _Draft, source: Source, position: int) -> tuple[str, str]:
    repository = _repository(source)
    code = repository.code
    snapshot = draft.add(
        "snapshot",
        SnapshotParams(
            include=code.include, exclude=code.exclude, max_file_bytes=code.max_file_bytes, shard_bytes=SHARD_BYTES
        ),
        [Input(role="pin", pin=source_pin(source.name))],
        label=source.name,
    )
    _reach_repository(draft, snapshot, position, repository)
    index = draft.add(
        "index-code",
        IndexCodeParams(),
        [Input(role="files", task=snapshot, path=f"shards/{SHARD}/")],
        fan_out=snapshot,
        label=source.name,
    )
    return snapshot, index


class _Records:
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


def _make_records(draft: _Draft, build: DatasetBuild, indexed: dict[str, tuple[str, str]], tokenizer: str) -> _Records:
    spec = build.spec
    tagged = {name for output in spec.effective_outputs() if output.format.tagged_text for name in output.recipes}
    records = _Records()
    for recipe in spec.recipes:
        assert recipe.code_units is not None  # its one alternative so far
        params = CodeUnitsParams(
            recipe=recipe.name,
            units=recipe.code_units,
            keep=recipe.keep,
            max_tokens=(recipe.chunk or spec.chunk).max_tokens,
            tagged=recipe.name in tagged,
        )
        gates = tuple(gate for gate in spec.refine.gates if not gate.recipes or recipe.name in gate.recipes)
        for source in recipe.from_ or tuple(indexed):
            snapshot, index = indexed[source]
            label = f"{recipe.name} from {source}"
            inputs = [
                Input(role="files", task=snapshot, path=f"shards/{SHARD}/"),
                Input(role="index", task=index, path="index/"),
                Input(role="tokenizer", task=tokenizer, path="model/"),
            ]
            made = draft.add("code-units", params, inputs, fan_out=snapshot, label=label)
            records.made.setdefault(recipe.name, []).append((source, made))
            if gates:
                judge = [Input(role="records", task=made, path="records/")]
                gate = draft.add("gate", GateParams(gates=gates), judge, fan_out=snapshot, label=label)
                records.judged.setdefault(recipe.name, []).append(gate)
    return records


def _plan_model(tune: FineTune, draft: _Draft) -> Task:
    spec = tune.spec
    references = _dataset_pins(spec)
    model = spec.model.hugging_face
    resolve = ResolveParams(
        models=(_model_name("model", model),),
        datasets=tuple(DatasetName(pin=pin, name=reference.name) for pin, reference in references.items()),
    )
    draft.add("resolve", resolve, [])
    base = _fetch(draft, "model", model, "spec.model", weights=True)
    base_model = Input(role="model", task=base, path="model/")

    def dataset(role: str, pin: str) -> Input:
        return Input(role=role, pin=pin, path=f"{references[pin].output}/")

    own = [f"data/{data.name}" for data in spec.data]
    train = draft.add(
        "train",
        TrainParams(lora=spec.method.lora or Lora(), training=spec.training),
        [base_model, *(dataset("data", pin) for pin in own)],
    )
    adapter = Input(role="adapter", task=train, path="adapter/")
    evaluate = draft.add(
        "evaluate",
        EvaluateParams(
            suites=tuple(SuiteParams(name=suite.name, require=suite.require) for suite in spec.evaluate.suites),
            max_tokens=spec.training.max_tokens,
        ),
        [
            base_model,
            adapter,
            *(dataset(f"suite-{s.name}", pin) for s in spec.evaluate.suites for pin in _judged(s, own)),
        ],
    )
    verdict = Input(role="verdict", task=evaluate, path="verdict/")
    report = draft.add(
        "report-model",
        ReportModelParams(name=tune.metadata.name),
        [
            verdict,
            adapter,
            Input(role="log", task=train, path="log/"),
            Input(role="measured", task=evaluate, path="measured/"),
        ],
    )
    return draft.build(
        "publish",
        PublishParams(kind=tune.kind, name=tune.metadata.name),
        [
            Input(role="parts", task=train, path="adapter/"),
            Input(role="parts", task=evaluate, path="verdict/"),
            Input(role="parts", task=report, path="report/"),
            adapter,
            verdict,
        ],
    )


def _dataset_pins(spec: FineTuneSpec) -> dict[str, DatasetReference]:
    """The datasets that a FineTune reads, by the names of their pins, in the order of `references()`."""
    own = {f"data/{data.name}": data.dataset_build for data in spec.data if data.dataset_build}
    judged = {
        f"suite/{suite.name}": suite.bits_per_byte.dataset_build
        for suite in spec.evaluate.suites
        if suite.bits_per_byte and suite.bits_per_byte.dataset_build
    }
    return own | judged


def _judged(suite: Suite, own: list[str]) -> list[str]:
    """Pins of the datasets whose test splits a suite reads."""
    return [f"suite/{suite.name}"] if suite.bits_per_byte and suite.bits_per_byte.dataset_build else own
