"""What other processes do to a store while a test watches, or until it kills them."""

import functools
import hashlib
import itertools
import os
from collections.abc import Mapping
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from pathlib import Path

from repoloom_stages.runtime.store import Store, open_store

SMALL_BYTES = 300_000
LARGE_BYTES = 17_000_000
"""Above the size from which an S3 upload goes in parts."""

PROCESSES = get_context("forkserver")
PROCESSES.set_forkserver_preload(["repoloom_stages.runtime.s3"])


@functools.lru_cache(maxsize=32)
def content(text: str, size: int = SMALL_BYTES) -> bytes:
    """Bytes that differ everywhere between any two texts, so that a mixture of two shows."""
    return hashlib.shake_256(text.encode()).digest(size)


def race(url: str, environment: Mapping[str, str], start: Barrier, name: str, writer: int, won: Connection) -> None:
    """Write one name at the same moment as others do, and send whether this writer won."""
    store = opened(url, environment)
    start.wait()
    won.send(store.put_if_absent(name, content(f"writer {writer}")))


def write_until_killed(url: str, environment: Mapping[str, str], folder: Path, prefix: str, ready: Connection) -> None:
    """Write objects in every way there is, each with what its name says."""
    store = opened(url, environment)
    file = folder / "upload"
    file.write_bytes(content(f"{prefix}/large", LARGE_BYTES))
    store.put(f"{prefix}/first", content(f"{prefix}/first"))
    ready.send(True)
    for number in itertools.count():
        name = f"{prefix}/{number}"
        store.put_file(f"{name}/large", file)
        store.copy(f"{name}/large", f"{name}/copy/large")
        store.put_if_absent(f"{name}/absent", content(f"{name}/absent"))
        store.put(f"{name}/put", content(f"{name}/put"))


def is_whole(store: Store, name: str) -> bool:
    """Whether an object of `write_until_killed` is what its name says."""
    if name.endswith("/large"):
        return store.get(name) == content(f"{name.partition('/')[0]}/large", LARGE_BYTES)
    return store.get(name) == content(name)


def opened(url: str, environment: Mapping[str, str]) -> Store:
    os.environ.update(environment)
    return open_store(url)
