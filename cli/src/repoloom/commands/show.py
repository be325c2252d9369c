"""`plan`, `validate`, `inspect` and `explain`: commands that only read."""

import tempfile
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from repoloom.commands import open_artifacts
from repoloom.commands.run import make_plan, read_pins
from repoloom.documents import read_resources, read_settings
from repoloom.results import explain as explain_sample
from repoloom.results import find_results, run_records, sample_texts, stats_of
from repoloom_api.catalogue import CATALOGUE
from repoloom_api.runs import Pins, Result
from repoloom_api.settings import SettingsConfig
from repoloom_api.tasks import Plan, Task
from repoloom_stages.runtime.artifact_store import ArtifactStore
from repoloom_stages.runtime.lookup import Found, Lookup, Unknown


def validate(files: list[Path], *, settings: Path | None) -> None:
    """Check files and what the settings say to them."""
    loaded = read_settings(settings)
    resources = read_resources(files)
    for resource in resources:
        make_plan(resource, loaded)
        print(f"{resource.kind} {resource.metadata.name}: valid")


def show_plan(files: list[Path], *, store: str, pins: Path | None, settings: Path | None) -> None:
    """The DAG of each resource, seen through the store with the pins of its newest run, or those given."""
    console = Console()
    loaded = read_settings(settings)
    given = read_pins(pins) if pins else {}
    for resource in read_resources(files):
        each = make_plan(resource, loaded)
        artifacts = open_artifacts(store, each.namespace, loaded)
        lookup = _lookup(each, artifacts, given.get(f"{each.kind}/{each.name}"))
        console.print(_plan_table(each, lookup, _pods(each, loaded) if loaded.images else {}))


class _Pinned(Lookup):
    """A lookup with pins at hand instead of a run's."""

    def __init__(self, plan: Plan, artifacts: ArtifactStore, pins: Pins | None) -> None:
        super().__init__(plan, "", artifacts)
        self._pins = pins

    def pins(self) -> Pins | None:
        return self._pins


def _lookup(plan: Plan, artifacts: ArtifactStore, pins: Pins | None) -> Lookup:
    if pins is None:
        runs = [one for one in run_records(artifacts) if (one.kind, one.name) == (plan.kind, plan.name)]
        pins = runs[0].pins if runs and runs[0].spec_digest == plan.spec_digest else None
    return _Pinned(plan, artifacts, pins)


def _pods(plan: Plan, settings: SettingsConfig) -> dict[str, str]:
    """The step that each task shares a pod in; where that is several pods, with how many at most."""
    from repoloom_operator.render import steps

    return {
        task: f"{step.name}, {step.pods} pods" if step.pods > 1 else step.name
        for step in steps(plan, settings)
        for task in step.tasks
    }


def _plan_table(plan: Plan, lookup: Lookup, pods: dict[str, str]) -> Table:
    """With the pods that tasks share, where there are any."""
    table = Table(title=f"{plan.kind} {plan.name}", title_justify="left", box=None, padding=(0, 2, 0, 0))
    for column in ("task", "does", "for", "state", "after", *(("pod",) if pods else ())):
        table.add_column(column)
    for task in plan.tasks:
        does, reads = CATALOGUE[task.stage].summary, ", ".join(plan.needs(task))
        row = (task.name, does, escape(task.label), _state(task, lookup), f"[dim]{reads}[/]")
        table.add_row(*row, *((pods[task.name],) if pods else ()))
    return table


def _state(task: Task, lookup: Lookup) -> str:
    if task.stage == "resolve":
        return "pinned" if lookup.pins() else "to do"
    if CATALOGUE[task.stage].run_bound:
        return "each run"
    shards = lookup.shards(task)
    if shards is None:
        return "[dim]unknown[/]"
    found = [lookup.find(task, shard) for shard in shards]
    cached = sum(isinstance(one, Found) for one in found)
    if cached == len(found):
        return "[green]cached[/]" + (f" {cached}" if task.fan_out else "")
    if any(isinstance(one, Unknown) for one in found):
        return "[dim]unknown[/]"
    return f"[yellow]to do[/] {len(found) - cached} of {len(found)}" if task.fan_out else "[yellow]to do[/]"


def inspect(name: str, *, store: str, namespace: str, samples: int) -> None:
    """What a published result holds; a dataset and a model of one name, both."""
    console = Console()
    artifacts = open_artifacts(store, namespace)
    for result in find_results(artifacts, name):
        console.print(f"[bold]{result.kind} {result.name}[/]  {result.digest}", highlight=False)
        if result.kind == "DatasetBuild":
            _inspect_dataset(console, artifacts, result, samples)
        else:
            _inspect_model(console, result)
        console.print("\nfiles")
        for entry in result.files:
            console.print(f"  {entry.bytes:>12,}  {entry.path}", highlight=False)
        console.print()


def _inspect_dataset(console: Console, artifacts: ArtifactStore, result: Result, samples: int) -> None:
    stats = stats_of(artifacts, result)
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("output", "split", "samples", "tokens", "bytes"):
        table.add_column(column, justify="left" if column in ("output", "split") else "right")
    for output, splits in stats["outputs"].items():
        for split, numbers in splits["splits"].items():
            table.add_row(output, split, *(f"{numbers[one]:,}" for one in ("samples", "tokens", "bytes")))
    console.print(table)
    for one in stats.get("coverage", []):
        name = f"{one['output']}/{one['recipe'] or '*'} from {one['source']}"
        shown = f"{one['coverage']:.1%} of training bytes, {one['duplication']:.2f} times"
        console.print(f"  {name}: {shown}", highlight=False)
    for step in stats["dropped"]:
        reasons = ", ".join(f"{reason} {number:,}" for reason, number in step["reasons"].items())
        console.print(f"  {step['stage']} {step['label']}: dropped {reasons}", highlight=False)
    for output, split, text in sample_texts(artifacts, result, samples):
        console.print(f"\n[bold]{output}/{split}[/]")
        console.print(escape(text), highlight=False, soft_wrap=True)


def _inspect_model(console: Console, result: Result) -> None:
    verdict = result.facts["verdict"]
    console.print(f"{verdict['outcome']}: gain {verdict['gainPercent']:.2f} %", highlight=False)
    for suite in verdict["suites"]:
        low, high = suite["interval"]
        console.print(
            f"  {suite['name']}: {suite['base']:.4f} → {suite['adapter']:.4f} bits per byte, "
            f"gain {suite['gainPercent']:.2f} % ({low:.2f} to {high:.2f}) over {suite['groups']} groups; "
            f"{suite['required']}",
            highlight=False,
        )


def explain(sample: str, *, store: str, namespace: str) -> None:
    """Where a sample is from and what made it."""
    artifacts = open_artifacts(store, namespace)
    with tempfile.TemporaryDirectory(prefix="repoloom-") as scratch:
        found = explain_sample(artifacts, sample, Path(scratch))
    record = found.record
    print(f"sample      {record['id']}  {record['recipe']}, {record['granularity']} {record['name']}".rstrip())
    print(f"repository  {record['repo']}")
    print(f"commit      {record['commit']}  {record['committed_at']}")
    for origin in record["source"]:
        print(f"lines       {origin['path']}:{origin['start']}-{origin['end']}  sha256 {origin['sha256']}")
    print(f"run         {found.run.run}")
    for name in found.lineage:
        task = found.run.tasks[name]
        print(f"made by     {name}  key {task.key[:12]}  digest {task.digest[:12]}")
