"""The operator's parts, and how they live and die together: when one ends, all end, and the pod is started again."""

import asyncio
import logging
import os
import threading
from collections.abc import Collection, Sequence
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
LAST_SECONDS: Final = 10.0
"""How long tasks may take to end once one of them has."""


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
            watching = await _watch(Notice(watches, changed), namespaces)
            await together([*watching, *map(asyncio.create_task, parts)])
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


async def _watch(notice: Notice, namespaces: Sequence[str]) -> Collection[asyncio.Task[Any]]:
    """Start watching; the first task that ends does so by a signal, or because a watch is dead."""
    return await kopf.spawn_tasks(
        registry=handlers.registry(notice),
        standalone=True,
        clusterwide=not namespaces,
        namespaces=namespaces,
    )


async def together(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Wait until one of the tasks ends, and end all. Raises what it died of.

    kopf's own way to end waits for every task of its own, and one can wait for ever: a watch that was about to be tried
    again asks for a new login, which nobody makes any more. Then liveness would stay 200 with every watch dead.
    """
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    _end_at_last(pending)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    for task in done:
        task.result()


def _end_at_last(tasks: Collection[asyncio.Task[Any]]) -> None:
    """End the process in a while, should it be there still."""

    def end() -> None:
        late = ", ".join(task.get_name() for task in tasks if not task.done())
        logger.warning("tasks did not end within %s seconds, so the process does: %s", LAST_SECONDS, late)
        os._exit(1)

    timer = threading.Timer(LAST_SECONDS, end)
    timer.daemon = True
    timer.start()
