"""The operator's parts, and how they live and die together: when one ends, all end, and the pod is started again."""

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from typing import Any, Final

import kopf
from kubernetes.aio.client.api_client import ApiClient

from repoloom_api.settings import SettingsConfig
from repoloom_operator import handlers, metrics
from repoloom_operator.cluster import KINDS, Cluster, ClusterError, Key, configuration
from repoloom_operator.controller import Controller
from repoloom_operator.handlers.notice import Notice
from repoloom_operator.health import Health, serve
from repoloom_operator.results import Results
from repoloom_operator.resync import Resync
from repoloom_operator.watches import Watches
from repoloom_operator.work_queue import WorkQueue

logger = logging.getLogger(__name__)

WORKERS: Final = 6
"""Looks at once: most of a look is waiting for the API server."""
WAIT_SECONDS: Final = 2.0


async def operate(settings: SettingsConfig, namespaces: Sequence[str], health_port: int) -> None:
    """Run the operator until a signal ends it. Raises what a part died of."""
    assert settings.object_store is not None  # checked when the settings were read
    async with ApiClient(configuration=await configuration()) as client:
        cluster = Cluster(client, metrics.count_request)
        queue: WorkQueue[Key] = WorkQueue()
        controller = Controller(cluster, Results(settings.object_store), settings, queue)
        watches = Watches()

        def changed(key: Key) -> None:
            queue.add(key)
            for reader in controller.readers(key) if key.kind == "DatasetBuild" else ():
                queue.add(reader)

        resync = Resync(cluster, namespaces, watches, changed)
        health = await serve(Health(queue, watches, resync), health_port)
        try:
            await _until_there(cluster, namespaces)
            parts = [resync.run(), *(queue.work(controller.look) for _ in range(WORKERS))]
            await _together(_watch(Notice(watches, changed), namespaces), parts)
        finally:
            await health.cleanup()


async def _until_there(cluster: Cluster, namespaces: Sequence[str]) -> None:
    """Wait until every kind can be listed.

    kopf looks once for the kinds it is to watch, and ends when the API server stays away for a minute. A pod that ends
    again and again is restarted later and later, so the waiting is done here.
    """
    while True:
        try:
            for namespace in tuple(namespaces) or (None,):
                for kind in KINDS:
                    await anext(cluster.resources(kind, namespace), None)
                await anext(cluster.owned_workflows(namespace), None)
        except ClusterError as error:
            logger.warning("waiting until resources and Workflows can be listed: %s", error)
            await asyncio.sleep(WAIT_SECONDS)
        else:
            return


async def _watch(notice: Notice, namespaces: Sequence[str]) -> None:
    await kopf.operator(
        registry=handlers.registry(notice),
        standalone=True,
        clusterwide=not namespaces,
        namespaces=namespaces,
    )


async def _together(watching: Coroutine[Any, Any, None], parts: list[Coroutine[Any, Any, None]]) -> None:
    """Run all of it until one part ends: watching, by a signal or because a watch is dead; the others, never."""
    tasks = [asyncio.create_task(part) for part in parts]
    tasks.append(asyncio.create_task(watching))
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    for task in done:
        task.result()
