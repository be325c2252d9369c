"""Artifacts in a store: content by hash, manifests last, everything verified when read.

Whatever happens between two writes, a reader sees an artifact whole or not at all: blobs alone mean nothing, and the
manifest that names them is put after them, once, and only if absent.
"""

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from repoloom_api.artifacts import (
    Counts,
    FileEntry,
    Manifest,
    blob_name,
    canonical_json,
    file_sha256,
    manifest_name,
    sha256_of,
    tree_digest,
)
from repoloom_api.base import Model
from repoloom_stages.errors import TryAgain
from repoloom_stages.runtime.store import Store, StoredObject


class ArtifactStore:
    """One namespace of a store. No name outside `<namespace>/` is ever read or written."""

    def __init__(self, store: Store, namespace: str) -> None:
        self.store = store
        self.namespace = namespace

    def name(self, name: str) -> str:
        """The full name of an object of this namespace."""
        return f"{self.namespace}/{name}"

    # Small documents

    def get(self, name: str) -> bytes | None:
        """A small object's content; None if there is none."""
        return self.store.get(self.name(name))

    def put(self, name: str, document: Model) -> None:
        """Write a document, replacing any before it."""
        self.store.put(self.name(name), canonical_json(document.document()))

    def put_if_absent(self, name: str, document: Model) -> bool:
        """Write a document unless there is one; whether it was written."""
        return self.store.put_if_absent(self.name(name), canonical_json(document.document()))

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """Objects of this namespace by prefix, their names relative to it."""
        for one in self.store.list(self.name(prefix)):
            yield StoredObject(one.name.removeprefix(f"{self.namespace}/"), one.bytes, one.modified)

    def delete(self, name: str) -> None:
        """Remove an object; none is no error."""
        self.store.delete(self.name(name))

    # Artifacts

    def manifest(self, stage: str, key: str) -> Manifest | None:
        """The manifest of a key; None if there is no such artifact. One that cannot be read is removed, so that its
        task runs again.
        """
        name = manifest_name(stage, key)
        data = self.get(name)
        if data is None:
            return None
        try:
            found = Manifest.model_validate_json(data)
        except ValidationError:
            found = None
        if found is None or found.key != key or found.digest != tree_digest(found.files):
            self.delete(name)
            return None
        return found

    def publish(
        self,
        stage: str,
        key: str,
        code: str,
        inputs: Mapping[str, Iterable[str]],
        folder: Path,
        counts: Counts,
    ) -> Manifest:
        """Store a folder as the artifact of a key. If another was first, that one is the artifact."""
        files = self.store_files(folder)
        manifest = Manifest(
            stage=stage,
            key=key,
            digest=tree_digest(files),
            code=code,
            inputs={role: tuple(digests) for role, digests in inputs.items()},
            files=files,
            counts=counts,
        )
        if self.put_if_absent(manifest_name(stage, key), manifest):
            return manifest
        winner = self.manifest(stage, key)
        if winner is None:
            raise TryAgain(f"the artifact {stage}/{key[:12]} appeared and vanished again; is the store being cleaned?")
        return winner

    def store_files(self, folder: Path) -> tuple[FileEntry, ...]:
        """Store every file below a folder by content; returns them sorted by path."""
        files = []
        for path in sorted(folder.rglob("*")):
            if path.is_symlink() or not path.is_file():
                continue
            entry = FileEntry(
                path=path.relative_to(folder).as_posix(), sha256=file_sha256(path), bytes=path.stat().st_size
            )
            # Also where there is such a blob: it may be damaged, and what made it runs again for that very reason.
            self.store.put_file(self.name(blob_name(entry.sha256)), path)
            files.append(entry)
        return tuple(sorted(files, key=lambda entry: entry.path))

    def fetch(self, files: Iterable[FileEntry], into: Path) -> None:
        """Write files below a folder, verified. Raises Damaged with all that are missing or not what they should be."""
        damaged = [entry for entry in files if not self._fetched(entry, into / entry.path, into)]
        if damaged:
            raise Damaged(damaged)

    def _fetched(self, entry: FileEntry, target: Path, into: Path) -> bool:
        if not target.resolve().is_relative_to(into.resolve()):
            return False
        target.parent.mkdir(parents=True, exist_ok=True)
        if not self.store.get_file(self.name(blob_name(entry.sha256)), target):
            return False
        if file_sha256(target) != entry.sha256:
            self.delete(blob_name(entry.sha256))
            return False
        return True

    def read(self, entry: FileEntry) -> bytes:
        """Content of a small file, verified. Raises Damaged as `fetch` does."""
        data = self.get(blob_name(entry.sha256))
        if data is not None and sha256_of(data) == entry.sha256:
            return data
        if data is not None:
            self.delete(blob_name(entry.sha256))
        raise Damaged([entry])

    def read_path(self, files: Iterable[FileEntry], path: str) -> bytes | None:
        """Content of the file of that path; None if there is none."""
        return next((self.read(entry) for entry in files if entry.path == path), None)

    def discard(self, manifest: Manifest) -> None:
        """Forget an artifact whose files are gone, so that its task runs again."""
        self.delete(manifest_name(manifest.stage, manifest.key))

    def copy_files(self, files: Sequence[FileEntry], prefix: str) -> None:
        """Give stored files readable names below a prefix. Raises Damaged as `fetch` does, before any is copied."""
        with tempfile.TemporaryDirectory(prefix="repoloom-") as folder:
            self.fetch(files, Path(folder))
        for entry in files:
            self.store.copy(self.name(blob_name(entry.sha256)), self.name(prefix + entry.path))


class Damaged(TryAgain):
    """Stored files are missing or are not what their names say."""

    def __init__(self, entries: Sequence[FileEntry]) -> None:
        names = ", ".join(f"{blob_name(entry.sha256)} ({entry.path})" for entry in entries[:3])
        more = f" and {len(entries) - 3} more" if len(entries) > 3 else ""
        super().__init__(f"stored files are missing or damaged, and what made them runs again: {names}{more}")
        self.entries = frozenset(entries)
