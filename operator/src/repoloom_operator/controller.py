"""A look at one resource: read what there is, have `reconcile` decide, and carry that out.

A crash between any two requests leaves a state from which the next look goes on. What is kept in memory saves requests
only.
"""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from repoloom_api.resources import InvalidResource, parse_resource
from repoloom_api.settings import SettingsConfig
from repoloom_api.v1alpha1 import FineTune
from repoloom_api.v1alpha1.conditions import ConditionType
from repoloom_operator import metrics
from repoloom_operator.cluster import Cluster, ClusterError, Document, Key, NamespaceEnds
from repoloom_operator.marks import Workflow
from repoloom_operator.reconcile import Decision, Found, asks_for, choose, decide, without_store
from repoloom_operator.results import Results, StoreUnreachable
from repoloom_operator.status import Status, condition, ended, read_status, same, same_but_messages, written
from repoloom_operator.wanted import Dataset, Observed, Wanted
from repoloom_operator.work_queue import WorkQueue

logger = logging.getLogger(__name__)

PROGRESS_SECONDS: Final = 30.0
"""Between two writes that change no more than how far a task is."""


class Controller:
    """Looks at resources, one key at a time."""

    def __init__(self, cluster: Cluster, results: Results, settings: SettingsConfig, queue: WorkQueue[Key]) -> None:
        self._cluster = cluster
        self._results = results
        self._settings = settings
        self._queue = queue
        self._status_written: dict[Key, float] = {}
        self._reasons: dict[Key, str] = {}
        self._readers: defaultdict[tuple[str, str], set[Key]] = defaultdict(set)
        self._published: set[tuple[str, str, str]] = set()

    async def look(self, key: Key) -> bool:
        """Look at a resource. False if that has to be tried again."""
        began = time.monotonic()
        try:
            await self._look(key)
        except NamespaceEnds:
            self._forget(key)  # what it would need is refused, and it will be gone itself
        except (ClusterError, StoreUnreachable) as error:
            logger.warning("%s: %s", key, error)
            metrics.LOOKS.labels(key.kind, "retried").inc()
            return False
        metrics.LOOKS.labels(key.kind, "done").inc()
        metrics.LOOK_SECONDS.labels(key.kind).observe(time.monotonic() - began)
        return True

    def readers(self, build: Key) -> Iterable[Key]:
        """FineTunes that name a DatasetBuild, as far as they were looked at."""
        return tuple(self._readers.get((build.namespace, build.name), ()))

    async def _look(self, key: Key) -> None:
        document = await self._cluster.resource(key)
        if document is None or "deletionTimestamp" in document["metadata"]:
            self._forget(key)
            return
        observed = await self._observe(key, document)
        decision = await asyncio.to_thread(self._consider, observed)
        await self._carry_out(key, observed, decision)
        if decision.again:
            self._queue.add_after(key, decision.again.total_seconds())

    def _forget(self, key: Key) -> None:
        self._queue.forget(key)
        self._status_written.pop(key, None)
        self._count(key, None)
        for readers in self._readers.values():
            readers.discard(key)

    async def _observe(self, key: Key, document: Document) -> Observed:
        status = read_status(document)
        observed = Observed(document, self._settings, (), {}, status, datetime.now(UTC))
        workflows = await self._cluster.workflows(observed.owner)
        return replace(
            observed,
            settings=await self._settings_for(key.namespace),
            workflows=tuple(map(Workflow.parse, workflows)),
            datasets=await self._datasets(key, document, status) if key.kind == "FineTune" else {},
        )

    async def _settings_for(self, namespace: str) -> SettingsConfig:
        if not any(one.namespace_selector for one in self._settings.connections or ()):
            return self._settings
        return self._settings.for_namespace(await self._cluster.namespace_labels(namespace))

    async def _datasets(self, key: Key, document: Document, status: Status) -> dict[str, Dataset]:
        found: dict[str, Dataset] = {}
        named = _named_builds(document)
        for build in dict.fromkeys(named.values()):
            self._readers[key.namespace, build].add(key)
            dataset = await self._cluster.resource(Key("DatasetBuild", key.namespace, build))
            pinned = {pin.revision for pin in status.pins if named.get(pin.name) == build}
            published = await asyncio.to_thread(self._of_build, key.namespace, build, pinned)
            if dataset is not None or published:
                current = read_status(dataset).current if dataset else None
                found[build] = Dataset(current.digest if current else None, published)
        return found

    def _of_build(self, namespace: str, build: str, digests: Iterable[str]) -> frozenset[str]:
        for digest in digests:
            one = (namespace, build, digest)
            if one not in self._published and self._results.has_published(*one):
                self._published.add(one)
        return frozenset(digest for digest in digests if (namespace, build, digest) in self._published)

    def _consider(self, observed: Observed) -> Decision:
        choice = choose(observed)
        if isinstance(choice, Decision):
            return choice
        try:
            found = self._find(observed, choice)
        except StoreUnreachable as error:
            logger.warning("%s %s: %s", observed.owner.kind, observed.owner.name, error)
            return without_store(observed, choice, str(error))
        return decide(observed, choice, found)

    def _find(self, observed: Observed, wanted: Wanted) -> Found:
        namespace, run = observed.owner.namespace, wanted.run.name
        record, pins = asks_for(observed, wanted)
        if pins:
            return Found(pins=self._results.pins(namespace, run))
        found = self._results.record(namespace, run) if record else None
        return Found(found, self._results.result(namespace, found)) if found else Found()

    async def _carry_out(self, key: Key, observed: Observed, decision: Decision) -> None:
        for name in decision.stop:
            await self._cluster.stop_workflow(key.namespace, name)
            metrics.STOPPED.labels(key.kind).inc()
            logger.info("%s: stopped run %s", key, name)
        status = written(observed.status, decision.account, observed.generation, observed.now)
        for event in decision.events:
            await self._cluster.tell(observed.owner, status.workflow or "", event)
        if decision.create:
            await self._cluster.create_config_map(decision.create.config_map)
            await self._cluster.create_workflow(decision.create.workflow, observed.owner)
            metrics.RUNS.labels(key.kind).inc()
            logger.info("%s: started run %s", key, status.workflow)
        await self._write(key, observed, status)

    async def _write(self, key: Key, observed: Observed, status: Status) -> None:
        before = observed.status
        if same(before, status):
            self._count(key, status)
            return
        since = time.monotonic() - self._status_written.get(key, float("-inf"))
        if same_but_messages(before, status) and since < PROGRESS_SECONDS:
            self._queue.add_after(key, PROGRESS_SECONDS - since)
            return
        await self._cluster.write_status(key, observed.owner.uid, status.document())
        self._status_written[key] = time.monotonic()
        self._count(key, status)
        if ended(status) and not ended(before):
            reason = _reason(status, ConditionType.SUCCEEDED)
            metrics.ENDED.labels(key.kind, reason).inc()
            logger.info("%s: run %s ended: %s", key, status.workflow, reason)

    def _count(self, key: Key, status: Status | None) -> None:
        """Keep the gauge of resources by reason."""
        before = self._reasons.pop(key, None)
        if before is not None:
            metrics.RESOURCES.labels(key.kind, before).dec()
        if status is not None:
            self._reasons[key] = _reason(status, ConditionType.READY)
            metrics.RESOURCES.labels(key.kind, self._reasons[key]).inc()


def _reason(status: Status, type_: ConditionType) -> str:
    found = condition(status, type_)
    return found.reason.value if found else ""


def _named_builds(document: Document) -> dict[str, str]:
    """The DatasetBuilds that a FineTune names, by the names its pins have in status."""
    try:
        resource = parse_resource(document)
    except InvalidResource:
        return {}
    if not isinstance(resource, FineTune):
        return {}
    own = {data.name: data.dataset_build for data in resource.spec.data}
    judged = {
        suite.name: suite.bits_per_byte.dataset_build for suite in resource.spec.evaluate.suites if suite.bits_per_byte
    }
    return {name: reference.name for name, reference in (judged | own).items() if reference}
