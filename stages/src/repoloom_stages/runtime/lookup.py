"""Which tasks of a plan are done: keys from parameters and inputs' digests, digests from manifests.

This is the whole of incremental building. Nothing is remembered about earlier runs; a task is done if the artifact it
asks for exists.
"""

import json
from dataclasses import dataclass, field

from repoloom_api.artifacts import (
    SHARDS_FILE,
    FileEntry,
    Manifest,
    artifact_key,
    below,
    canonical_json,
    pins_name,
    sha256_of,
    tree_digest,
)
from repoloom_api.catalogue import CATALOGUE
from repoloom_api.runs import Pin, Pins
from repoloom_api.tasks import SHARD, Input, Plan, Task
from repoloom_stages.errors import BadInput, DatasetChanged
from repoloom_stages.runtime.artifact_store import ArtifactStore, Damaged
from repoloom_stages.runtime.code_digest import code_digest
from repoloom_stages.runtime.publication import published_result
from repoloom_stages.runtime.stage import PIN_FILE


@dataclass(frozen=True)
class View:
    """(Part of) an artifact as an input: stored files, or a pin written out."""

    files: tuple[FileEntry, ...]
    inline: dict[str, bytes] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        entries = [FileEntry(path=path, sha256=sha256_of(data), bytes=len(data)) for path, data in self.inline.items()]
        return tree_digest([*self.files, *entries])


Views = dict[str, list[View]]


@dataclass(frozen=True)
class Found:
    """The artifact exists."""

    manifest: Manifest


@dataclass(frozen=True)
class Missing:
    """Everything it needs exists; it does not."""

    key: str
    views: Views


@dataclass(frozen=True)
class Unknown:
    """What it needs is not there yet, so its key cannot be known."""


def unit_name(task: Task, shard: str | None) -> str:
    """`task`, or `task/shard` of a fan-out."""
    return f"{task.name}/{shard}" if shard else task.name


class Lookup:
    """A plan seen through a store, for one run. What is found is remembered: artifacts do not change."""

    def __init__(self, plan: Plan, run: str, artifacts: ArtifactStore) -> None:
        self.plan = plan
        self.run = run
        self.artifacts = artifacts
        self._found: dict[tuple[str, str | None], Found] = {}
        self._shards: dict[str, tuple[str, ...]] = {}
        self._pins: Pins | None = None

    def forget(self) -> None:
        """Look again: something that was found is damaged."""
        self._found.clear()
        self._shards.clear()

    def pins(self) -> Pins | None:
        """What this run's names were resolved to; None before `resolve` is done."""
        if self._pins is None:
            data = self.artifacts.get(pins_name(self.run))
            self._pins = Pins.model_validate_json(data) if data else None
        return self._pins

    def find(self, task: Task, shard: str | None = None) -> Found | Missing | Unknown:
        """Whether a task, or one shard of it, is done. Tasks that belong to the run are never found."""
        known = self._found.get((task.name, shard))
        if known:
            return known
        views = self._views(task, shard)
        if views is None:
            return Unknown()
        digests = {role: [view.digest for view in found] for role, found in views.items()}
        key = artifact_key(task.stage, code_digest(task.stage), task.params, digests)
        manifest = None if CATALOGUE[task.stage].run_bound else self.artifacts.manifest(task.stage, key)
        if manifest is None:
            return Missing(key, views)
        self._found[task.name, shard] = found = Found(manifest)
        return found

    def shards(self, task: Task) -> tuple[str | None, ...] | None:
        """What a task runs for: its shards' names, or once; None while the list is not known."""
        if task.fan_out is None:
            return (None,)
        if task.fan_out not in self._shards:
            lister = self.find(self.plan.task(task.fan_out))
            if not isinstance(lister, Found):
                return None
            try:
                data = self.artifacts.read_path(lister.manifest.files, SHARDS_FILE)
            except Damaged:
                self.artifacts.discard(lister.manifest)
                self.forget()
                return None
            self._shards[task.fan_out] = tuple(json.loads(data or b"[]"))
        return self._shards[task.fan_out]

    def _views(self, task: Task, shard: str | None) -> Views | None:
        views: Views = {}
        for one in task.inputs:
            found = self._pinned(one) if one.pin else self._made(task, one, shard)
            if found is None:
                return None
            views.setdefault(one.role, []).extend(found)
        return views

    def _pinned(self, one: Input) -> list[View] | None:
        pins = self.pins()
        if pins is None:
            return None
        pin = pins.pins.get(one.pin or "")
        if pin is None:
            raise BadInput(f"the pins of this run have nothing for {one.pin}")
        return [self._dataset(pin, one)] if pin.dataset else [View((), {PIN_FILE: canonical_json(pin.document())})]

    def _dataset(self, pin: Pin, one: Input) -> View:
        assert pin.dataset is not None
        result = published_result(self.artifacts, "DatasetBuild", pin.dataset.name, pin.dataset.digest)
        if result is None:
            raise DatasetChanged(
                f"dataset {pin.dataset.name} with digest {pin.dataset.digest[:12]} is not in this store; run its "
                "DatasetBuild first"
            )
        files = below(result.files, one.path)
        if not files:
            raise BadInput(f"{one.pin}: dataset {pin.dataset.name} has no output {one.path.rstrip('/')}")
        return View(files)

    def _made(self, task: Task, one: Input, shard: str | None) -> list[View] | None:
        units = self._units(task, one, shard)
        if units is None:
            return None
        path = one.path.replace(SHARD, shard or "")
        views = []
        for source, each in units:
            found = self.find(source, each)
            if not isinstance(found, Found):
                return None
            views.append(View(below(found.manifest.files, path)))
        return views

    def every_found(self) -> list[tuple[Task, str | None, Manifest]]:
        """Every task of the plan, or shard of it, that is done."""
        units = [(task, shard) for task in self.plan.tasks for shard in self.shards(task) or ()]
        looked = ((task, shard, self.find(task, shard)) for task, shard in units)
        return [(task, shard, found.manifest) for task, shard, found in looked if isinstance(found, Found)]

    def reads(self, task: Task, shard: str | None) -> tuple[str, ...]:
        """Names of the tasks, or shards of them, that a task reads; those whose list is not known are left out."""
        units = (self._units(task, one, shard) for one in task.inputs if one.task)
        return tuple(dict.fromkeys(unit_name(*unit) for found in units for unit in found or ()))

    def _units(self, task: Task, one: Input, shard: str | None) -> list[tuple[Task, str | None]] | None:
        """What an input stands for: its own shard of a task with the same fan-out, or all shards."""
        source = self.plan.task(one.task or "")
        aligned = source.fan_out is not None and source.fan_out == task.fan_out
        shards = (shard,) if aligned else self.shards(source)
        return None if shards is None else [(source, each) for each in shards]
