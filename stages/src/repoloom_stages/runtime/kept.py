"""What the store keeps for stages besides artifacts: memo packs and checkpoints. Both are lost without harm."""

import sys
from collections.abc import Iterator
from pathlib import Path

import zstandard
from pydantic import ValidationError

from repoloom_api.artifacts import FileEntry, checkpoint_prefix, memo_prefix, sha256_of
from repoloom_api.base import Items, Model
from repoloom_stages.runtime.artifact_store import ArtifactStore, Damaged
from repoloom_stages.runtime.checkpoints import Checkpoints
from repoloom_stages.runtime.code_digest import code_digest
from repoloom_stages.runtime.memos import Memo

MOST_PACKS = 8
"""Packs of a shard before they are merged into one."""

CHECKPOINTS_KEPT = 2
"""The newest, and one to fall back to."""


class MemoPacks:
    """The packs of one shard of a source, of one version of a stage. A shard that was split finds its parents' too."""

    def __init__(self, artifacts: ArtifactStore, stage: str, source: str, shard: str | None) -> None:
        """`source` tells apart shards of one name: those of every small repository are called `b`."""
        self._artifacts = artifacts
        self._prefix = f"{memo_prefix(stage, code_digest(stage))}{source}/"
        self._shard = shard or "all"
        self._own: list[str] = []

    def load(self) -> Memo:
        """Everything that is known of this shard's blobs; an unreadable pack is as good as none."""
        known: dict[str, bytes] = {}
        for length in range(1, len(self._shard) + 1):
            folder = f"{self._prefix}{self._shard[:length]}/"
            for pack in list(self._artifacts.list(folder)):
                data = self._artifacts.get(pack.name)
                if data is not None and pack.name == folder + sha256_of(data):
                    known.update(_unpack(data))
                if length == len(self._shard):
                    self._own.append(pack.name)
        return Memo(known)

    def save(self, memo: Memo) -> None:
        """Add one pack with what is new. When there are many, one with all that was of use takes their place: the blobs
        of files as they once were would be read for ever.
        """
        if not memo.computed:
            return
        merge = len(self._own) >= MOST_PACKS
        put = self._put(memo.used() if merge else memo.added())
        for name in self._own if merge else ():
            if name != put:  # as a damaged pack's may be, which this one replaces
                self._artifacts.delete(name)

    def _put(self, results: dict[str, bytes]) -> str:
        data = _pack(results)
        name = f"{self._prefix}{self._shard}/{sha256_of(data)}"
        self._artifacts.store.put(self._artifacts.name(name), data)
        return name


def _pack(results: dict[str, bytes]) -> bytes:
    lines = b"".join(blob.encode() + b"\t" + result + b"\n" for blob, result in sorted(results.items()))
    return zstandard.ZstdCompressor(level=3).compress(lines)


def _unpack(data: bytes) -> Iterator[tuple[str, bytes]]:
    """What `_pack` packed; nothing if it did not."""
    try:
        lines = zstandard.ZstdDecompressor().decompress(data).splitlines()
    except zstandard.ZstdError:
        return
    for line in lines:
        blob, _, result = line.partition(b"\t")
        yield blob.decode(), result


class Saved(Model):
    """A checkpoint: the files of its folder."""

    files: Items[FileEntry]


class StoredCheckpoints(Checkpoints):
    """Checkpoints of one key: files by content, then the list that makes them one."""

    def __init__(self, artifacts: ArtifactStore, key: str) -> None:
        self._artifacts = artifacts
        self._prefix = checkpoint_prefix(key)

    def save(self, step: int, folder: Path) -> None:
        """Keep a folder as the state after that step, and forget all but the newest few."""
        self._artifacts.put(f"{self._prefix}{step:08d}.json", Saved(files=self._artifacts.store_files(folder)))
        for name in self._names()[:-CHECKPOINTS_KEPT]:
            self._artifacts.delete(name)

    def newest_first(self, into: Path) -> Iterator[tuple[int, Path]]:
        """Kept states, verified, newest first. A broken one is passed over with a message."""
        for name in reversed(self._names()):
            step = int(name.removeprefix(self._prefix).removesuffix(".json"))
            folder = into / f"checkpoint-{step}"
            try:
                saved = Saved.model_validate_json(self._artifacts.get(name) or b"")
                self._artifacts.fetch(saved.files, folder)
            except (Damaged, ValidationError) as error:
                print(f"checkpoint {step} cannot be read, falling back to the one before: {error}", file=sys.stderr)
                continue
            yield step, folder

    def clear(self) -> None:
        """Forget all of them: the run is finished."""
        for name in self._names():
            self._artifacts.delete(name)

    def _names(self) -> list[str]:
        return [one.name for one in self._artifacts.list(self._prefix)]
