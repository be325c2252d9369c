"""A port of this machine that leads to a Service of a cluster, whoever made it."""

import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from support.cluster.cluster import Cluster
from support.cluster.processes import Process
from support.go_tools import go_tool
from support.s3_server import free_port

START_SECONDS = 30


@contextmanager
def forwarded(cluster: Cluster, namespace: str, service: str, port: int) -> Iterator[int]:
    """The port that leads to a Service's, until the block ends. Raises NotReady."""
    local = free_port()
    process = Process(cluster.folder, f"forward-{service}-{secrets.token_hex(4)}")
    reached = (f"--kubeconfig={cluster.kubeconfig}", f"--namespace={namespace}", f"service/{service}")
    process.start([go_tool("kubectl"), "port-forward", *reached, f"{local}:{port}"], tied=True)
    try:
        process.wait_until(lambda: _listens(local), seconds=START_SECONDS)
        yield local
    finally:
        process.stop()
        process.log.unlink(missing_ok=True)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
