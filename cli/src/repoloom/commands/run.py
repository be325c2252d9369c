"""`repoloom run`: every resource of some files, in dependency order, on this machine."""

import fcntl
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError
from rich.console import Console

from repoloom.commands import open_artifacts
from repoloom.display import Display, summary
from repoloom.documents import read_resources, read_settings
from repoloom.results import export
from repoloom.runner import Runner, TaskFailed
from repoloom_api.artifacts import run_name
from repoloom_api.catalogue import CATALOGUE
from repoloom_api.plan import plan
from repoloom_api.plan_dataset import source_pin
from repoloom_api.resources import Fault, InvalidResource, Resource
from repoloom_api.runs import Pins, Result, RunRecord
from repoloom_api.settings import SettingsConfig
from repoloom_api.tasks import Plan
from repoloom_api.v1alpha1 import DatasetBuild, FineTune
from repoloom_stages.errors import BadInput, GateNotMet
from repoloom_stages.runtime.artifact_store import ArtifactStore
from repoloom_stages.runtime.lookup import Lookup
from repoloom_stages.runtime.publication import latest_result, published_result

PINS_FILE = "pins.json"
"""In `--out`: what the names of each resource meant in its newest run; `--pins` takes it."""


@dataclass(frozen=True)
class Options:
    """How to run, none of which changes a byte of a result."""

    store: str
    out: Path
    jobs: int
    pins: dict[str, Pins]
    checkouts: dict[str, Path]
    settings: SettingsConfig


def run(
    files: list[Path],
    *,
    store: str,
    out: Path,
    jobs: int | None,
    pins: Path | None,
    sources: list[str],
    settings: Path | None,
) -> None:
    """Run the files' resources. Raises BadInput before anything is written, TaskFailed with the exit code after."""
    console = Console()
    loaded = read_settings(settings)
    resources = sorted(read_resources(files), key=lambda resource: isinstance(resource, FineTune))
    options = Options(
        store=store,
        out=out,
        jobs=jobs or os.cpu_count() or 1,
        pins=read_pins(pins) if pins else {},
        checkouts=_checkouts(sources, resources),
        settings=loaded,
    )
    plans = [make_plan(resource, loaded) for resource in resources]
    _check_references(resources, options)
    started = time.monotonic()
    ends = [_run_one(console, each, options) for each in plans]
    console.print(f"\n[bold]Done in {time.monotonic() - started:.1f} s.[/]")
    for lines in ends:
        console.print(lines, highlight=False, soft_wrap=True)


def make_plan(resource: Resource, settings: SettingsConfig) -> Plan:
    """Plan a resource. Raises BadInput with what the settings refuse."""
    try:
        return plan(resource, settings)
    except InvalidResource as error:
        title = f"{resource.kind} {resource.metadata.name}"
        raise BadInput("\n".join(f"{title}: {fault}" for fault in error.faults)) from None


def read_pins(path: Path) -> dict[str, Pins]:
    """Pins of each resource, by `Kind/name`, as a run leaves them in `--out`."""
    try:
        return {name: Pins.model_validate_json(json.dumps(pins)) for name, pins in json.loads(path.read_text()).items()}
    except OSError as error:
        raise BadInput(f"--pins: cannot read {path}: {error.strerror}") from None
    except (ValueError, AttributeError, ValidationError) as error:
        raise BadInput(f"--pins: {path} is no file of pins: {error}") from None


def _checkouts(sources: list[str], resources: list[Resource]) -> dict[str, Path]:
    """`NAME=DIR` options by the pin they stand in for. Raises BadInput with everything wrong with them."""
    known = {one.name for each in resources if isinstance(each, DatasetBuild) for one in each.spec.sources}
    faults = []
    checkouts = {}
    for option in sources:
        name, _, folder = option.partition("=")
        if not folder:
            faults.append(f"--source {option}: write it as NAME=DIR")
        elif name not in known:
            faults.append(
                f"--source {option}: no source is named {name}; there are {', '.join(sorted(known)) or 'none'}"
            )
        elif not Path(folder).is_dir():
            faults.append(f"--source {option}: {folder} is no folder")
        checkouts[source_pin(name)] = Path(folder).absolute()
    if faults:
        raise BadInput("\n".join(faults))
    return checkouts


def _check_references(resources: list[Resource], options: Options) -> None:
    """Every dataset that a FineTune names is built by these files or published in the store, with that output."""
    built = {one.metadata.name: one for one in resources if isinstance(one, DatasetBuild)}
    faults = []
    for tune in resources:
        if not isinstance(tune, FineTune):
            continue
        for field, reference in tune.spec.references():
            outputs = _outputs(reference.name, tune.metadata.namespace, built, options)
            if outputs is None:
                faults.append((tune, Fault(f"{field}.name", f"no DatasetBuild {reference.name} here or in the store")))
            elif reference.output not in outputs:
                there = ", ".join(sorted(outputs))
                faults.append((tune, Fault(f"{field}.output", f"{reference.name} has no such output; it has {there}")))
    if faults:
        raise BadInput("\n".join(f"FineTune {tune.metadata.name}: {fault}" for tune, fault in faults))


def _outputs(name: str, namespace: str, built: dict[str, DatasetBuild], options: Options) -> set[str] | None:
    if name in built:
        return {output.name for output in built[name].spec.effective_outputs()}
    result = latest_result(open_artifacts(options.store, namespace, options.settings), "DatasetBuild", name)
    return {entry.path.split("/")[0] for entry in result.files if "/" in entry.path} if result else None


def _run_one(console: Console, plan: Plan, options: Options) -> str:
    """Run one plan and export its result; returns what to say of it at the end."""
    title = f"{plan.kind}/{plan.name}"
    console.print(
        f"[bold]{plan.kind} {plan.name}[/]: {len(plan.tasks)} tasks, {options.jobs} at a time", highlight=False
    )
    artifacts = open_artifacts(options.store, plan.namespace, options.settings)
    name = _new_run(plan)
    lookup = Lookup(plan, name, artifacts)
    logs = options.out / "logs" / name
    with _scratch(options.out) as scratch, Display(console) as display:
        runner = Runner(
            lookup,
            jobs=options.jobs,
            known_pins=options.pins.get(title, Pins(pins={})),
            checkouts=options.checkouts,
            logs=logs.absolute(),
            scratch=scratch,
            progress=display,
        )
        try:
            summaries = runner.run()
        except TaskFailed as error:
            raise _with_candidate(error, artifacts, name, options.out) from None
    _leave_pins(options.out, title, lookup.pins())
    console.print(summary(summaries))
    keyed = [one for one in summaries.values() if not CATALOGUE[one.task.stage].run_bound]
    units, cached = sum(one.units for one in keyed), sum(one.cached for one in keyed)
    console.print(f"  {cached} of {units} tasks cached\n" if cached < units else f"  all {units} tasks cached\n")
    result = _result(artifacts, name)
    return _closing(export(artifacts, result, options.out, published=True), result)


def _new_run(plan: Plan) -> str:
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    return f"{plan.kind.lower()}-{plan.name}-{plan.spec_digest[:8]}-{stamp}-{secrets.token_hex(3)}"


def _result(artifacts: ArtifactStore, run: str) -> Result:
    """What a finished run came to, published or refused."""
    data = artifacts.get(run_name(run))
    record = RunRecord.model_validate_json(data) if data else None
    if record:
        result = published_result(artifacts, record.kind, record.name, record.result, candidate=not record.published)
        if result:
            return result
    raise RuntimeError(f"the run {run} ended without a result")


def _with_candidate(error: TaskFailed, artifacts: ArtifactStore, run: str, out: Path) -> TaskFailed:
    """A refused model is not lost: it is exported beside the published ones, and the message says where."""
    if error.exit_code == GateNotMet.exit_code:
        folder = export(artifacts, _result(artifacts, run), out, published=False)
        error.args = (f"{error}\n  candidate: {folder}\n  report: {folder / 'report.html'}",)
    return error


def _closing(folder: Path, result: Result) -> str:
    """Lines that name what a person came for."""
    lines = [f"[bold]{result.kind} {result.name}[/] {result.digest[:12]}"]
    if result.kind == "DatasetBuild":
        samples, tokens = (result.facts.get(one, 0) for one in ("samples", "tokens"))
        lines.append(f"  dataset  {folder}  ({samples:,} samples, {tokens:,} tokens)")
    else:
        verdict = result.facts["verdict"]
        suite = verdict["suites"][0]
        low, high = suite["interval"]
        lines.append(f"  adapter  {folder}")
        lines.append(
            f"  gain     [green]{verdict['gainPercent']:.1f} %[/] fewer bits per byte than the base on unseen code "
            f"(95 % interval {low:.1f} to {high:.1f}; {suite['base']:.3f} → {suite['adapter']:.3f})"
        )
    lines.append(f"  report   {folder / 'report.html'}")
    return "\n".join(lines)


def _leave_pins(out: Path, title: str, pins: Pins | None) -> None:
    path = out / PINS_FILE
    known = json.loads(path.read_text()) if path.exists() else {}
    if pins:
        known[title] = pins.document()
        fresh = path.with_name(f".{PINS_FILE}-{os.getpid()}")
        fresh.write_text(json.dumps(known, indent=2, sort_keys=True) + "\n")
        fresh.replace(path)


@contextmanager
def _scratch(out: Path) -> Iterator[Path]:
    """A folder for tasks' working files, locked while in use; those that killed runs left behind are removed."""
    root = out.absolute() / ".scratch"
    root.mkdir(parents=True, exist_ok=True)
    for old in root.iterdir():
        _remove_if_unused(old)
    folder = root / secrets.token_hex(6)
    folder.mkdir()
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _remove_if_unused(folder: Path) -> None:
    try:
        with (folder / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
    except OSError:
        return  # in use, or gone already
