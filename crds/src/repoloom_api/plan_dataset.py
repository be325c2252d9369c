"""The plan of a DatasetBuild: sources → index → recipes → copies and sides → outputs → report → publication."""

from urllib.parse import urlsplit

from repoloom_api.artifacts import COMMIT_FILE, COUNTS_FILE
from repoloom_api.catalogue import (
    CountedTask,
    DeduplicateParams,
    HoldOutParams,
    IndexCodeParams,
    PublishParams,
    ReportDatasetParams,
    RepositoryName,
    ResolveParams,
    SnapshotParams,
    SplitParams,
    WriteOutputParams,
)
from repoloom_api.draft import Draft, fetch_model, model_name
from repoloom_api.plan_recipes import IndexedSource, make_records
from repoloom_api.tasks import SHARD, Input, Task
from repoloom_api.v1alpha1.common import HuggingFaceModel
from repoloom_api.v1alpha1.datasetbuild import ByTime, DatasetBuild, Repository, Source, Split

SHARD_BYTES = 16_000_000
"""Text per shard. A shard is a pod's worth of work and a stage's worth of memory."""


def plan_dataset(build: DatasetBuild, draft: Draft) -> Task:
    """Draft every task of a DatasetBuild; the last, which publishes, is returned."""
    spec = build.spec
    _resolve_sources(draft, spec.sources, spec.refine.split, spec.tokenizer.hugging_face)
    tokenizer = fetch_model(draft, "tokenizer", spec.tokenizer.hugging_face, "spec.tokenizer", weights=False)
    indexed = {source.name: _index(draft, source, position) for position, source in enumerate(spec.sources)}
    sides = _hold_out(draft, spec.refine.split, indexed)
    made = make_records(draft, build, indexed, tokenizer, sides)

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
    held_out = Input(role="sides", task=sides, path="sides/")
    split = draft.add("split", SplitParams(), [*made.ids(made.recipes), held_out])
    splits = Input(role="splits", task=split, path="splits/")
    written = [
        draft.add(
            "write-output",
            WriteOutputParams(
                name=output.name,
                format=output.format,
                shape=spec.shape(output),
                sources=made.sources(output.recipes),
            ),
            [
                *made.records(output.recipes),
                *(
                    Input(role=f"commit-{source}", task=indexed[source].snapshot, path=COMMIT_FILE)
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
    report = _report_dataset(draft, build, written, _sources_read(indexed, sides))
    parts = [Input(role="parts", task=task, path="output/") for task in written]
    return draft.build(
        "publish",
        PublishParams(kind=build.kind, name=build.metadata.name),
        [*parts, Input(role="parts", task=report, path="report/")],
    )


def _report_dataset(draft: Draft, build: DatasetBuild, written: list[str], sources: list[Input]) -> str:
    """The report on all that was drafted before; `written` are the tasks of the outputs, in their order."""
    spec = build.spec
    outputs = spec.effective_outputs()
    counted = [task for task in draft.tasks if task.stage not in ("resolve", "fetch-model")]
    matched = [task.name for task in counted if task.stage == "code-patterns"]
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
            *(Input(role=f"patterns-{task}", task=task, path="figures/") for task in matched),
            *(Input(role=f"source-{source.name}", pin=source_pin(source.name)) for source in spec.sources),
            *sources,
            *(
                Input(role=f"{part}-{output.name}", task=task, path=f"{part}/")
                for output, task in zip(outputs, written, strict=True)
                for part in ("output", "summary")
            ),
        ],
    )


def _sources_read(indexed: dict[str, IndexedSource], sides: str) -> list[Input]:
    """What the report reads of the sources: their files, on which sides those stand, and the call graphs there are."""
    return [
        *(Input(role=f"files-{source.name}", task=source.snapshot, path="shards/") for source in indexed.values()),
        Input(role="sides", task=sides, path="sides/"),
        *(
            Input(role=f"graph-{source.name}", task=task, path="graph/figures.json")
            for source in indexed.values()
            for task in source.linked
        ),
    ]


def source_pin(name: str) -> str:
    """Name of the pin of a source."""
    return f"source/{name}"


def _resolve_sources(
    draft: Draft, sources: tuple[Source, ...], split: Split, tokenizer: HuggingFaceModel | None
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
    params = ResolveParams(repositories=repositories, models=(model_name("tokenizer", tokenizer),))
    task = draft.add("resolve", params, [])
    for position, source in enumerate(sources):
        _reach_repository(draft, task, position, _repository(source))


def _reach_repository(draft: Draft, task: str, position: int, repository: Repository) -> None:
    draft.reach(task, urlsplit(repository.url).hostname or "", f"spec.sources[{position}].repository.url")


def _repository(source: Source) -> Repository:
    assert source.repository is not None  # its one alternative so far
    return source.repository


def _index(draft: Draft, source: Source, position: int) -> IndexedSource:
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
        IndexCodeParams(layers=repository.layers),
        [
            Input(role="files", task=snapshot, path=f"shards/{SHARD}/"),
            Input(role="manifests", task=snapshot, path="manifests/"),
        ],
        fan_out=snapshot,
        label=source.name,
    )
    return IndexedSource(draft, source.name, repository, snapshot, index)


def _hold_out(draft: Draft, split: Split, indexed: dict[str, IndexedSource]) -> str:
    """The side of every file that no time decides, for all recipes alike."""
    params = HoldOutParams(validation_percent=split.validation_percent, test_percent=split.test_percent)
    inputs = [
        Input(role=role, task=source.index, path=f"{role}/")
        for source in indexed.values()
        for role in ("index", "places")
    ]
    return draft.add("hold-out", params, inputs)
