"""What an artifact is, and where everything lies in the object store.

An artifact has a *key*, what was asked, and a *digest*, what came out. Its files are stored by content under `blobs/`;
its manifest, stored by key, is written last and only if absent, so an artifact without a manifest does not exist.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from pydantic import Field, StringConstraints

from repoloom_api.base import Items, Model

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$", max_length=64)]
FilePath = Annotated[str, StringConstraints(pattern=r"^[^/\x00][^\x00]*$", max_length=1024)]

COUNTS_FILE = "counts.json"
"""In every artifact: what its stage counted. It is a file so that the digest covers it."""

SHARDS_FILE = "shards.json"
"""In the artifact of a task that others fan out over: the shards' names."""


COMMIT_FILE = "commit.json"
"""In the artifact of a snapshot: the commit whose files it holds. The files' records do not repeat it, so that a new
commit changes those shards alone whose files it changed."""


class FileEntry(Model):
    """One file of an artifact."""

    path: FilePath
    """Path below the artifact's root, with `/` between folders."""
    sha256: Sha256
    """Its content's hash, and the name it is stored under."""
    bytes: int
    """Its size."""


class Counts(Model):
    """Records a stage took, kept and dropped; `records_in = kept + sum(dropped)` for filters."""

    records_in: int = 0
    """Records read."""
    kept: int = 0
    """Records written."""
    dropped: dict[str, int] = Field(default_factory=dict)
    """Records not written, by reason."""


class Manifest(Model):
    """The proof that an artifact exists, and what it is."""

    stage: str
    """Stage that made it."""
    key: Sha256
    """What was asked."""
    digest: Sha256
    """What came out."""
    code: Sha256
    """The stage's code and the versions of the libraries its bytes depend on."""
    inputs: dict[str, Items[Sha256]]
    """Digests of what went in, by role."""
    files: Items[FileEntry]
    """Its files, sorted by path."""
    counts: Counts
    """What the stage counted."""


def canonical_json(value: Any) -> bytes:
    """JSON with sorted keys and no spaces: equal values give equal bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sha256_of(data: bytes) -> str:
    """Hex SHA-256 of bytes."""
    return hashlib.sha256(data).hexdigest()


def file_sha256(path: Path) -> str:
    """Hex SHA-256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def tree_digest(files: Iterable[FileEntry]) -> str:
    """Digest of a folder: over its sorted paths and their contents' hashes, nothing else."""
    return sha256_of(canonical_json(sorted((entry.path, entry.sha256) for entry in files)))


def artifact_key(stage: str, code: str, params: Mapping[str, Any], inputs: Mapping[str, Iterable[str]]) -> str:
    """Key of what is asked: no clock, namespace, run, machine, or name of a task is in it."""
    asked = {
        "stage": stage,
        "code": code,
        "params": params,
        "inputs": {role: list(digests) for role, digests in inputs.items()},
    }
    return sha256_of(canonical_json(asked))


def below(files: Iterable[FileEntry], prefix: str) -> tuple[FileEntry, ...]:
    """The files whose path starts with a prefix, their paths relative to its folder.

    An input that is part of an artifact depends on that part alone: its digest, and so the key of the task that reads
    it, does not change with the rest.
    """
    folder = prefix[: prefix.rfind("/") + 1]
    return tuple(
        FileEntry(path=entry.path.removeprefix(folder), sha256=entry.sha256, bytes=entry.bytes)
        for entry in files
        if entry.path.startswith(prefix)
    )


def s3_url(bucket: str, prefix: str, **options: str | None) -> str:
    """A place in a bucket, as `--store` reads it: endpoint, region and addressing are options of the query."""
    query = urlencode({name: value for name, value in options.items() if value}, safe="/:[]")
    return f"s3://{bucket}/{quote(prefix)}?{query}"


# Names of objects, all below <prefix>/<namespace>/ of the store.


def blob_name(sha256: str) -> str:
    """Content of a file."""
    return f"blobs/{sha256[:2]}/{sha256}"


def manifest_name(stage: str, key: str) -> str:
    """Manifest of an artifact."""
    return f"manifests/{stage}/{key}.json"


def memo_prefix(stage: str, code: str) -> str:
    """Packs of per-blob results of one version of a stage."""
    return f"memos/{stage}/{code}/"


def checkpoint_prefix(key: str) -> str:
    """Checkpoints of a training task that is not finished."""
    return f"checkpoints/{key}/"


def run_name(run: str) -> str:
    """Record of a finished run."""
    return f"runs/{run}.json"


def pins_name(run: str) -> str:
    """What a run resolved its names to."""
    return f"runs/{run}/pins.json"


def published_prefix(kind: str, name: str) -> str:
    """Published results of a resource."""
    return f"published/{kind.lower()}/{name}/"


def candidate_prefix(name: str) -> str:
    """Results of a FineTune that its gate refused, kept for a while."""
    return f"candidates/{name}/"


RESULT_MANIFEST = "manifest.json"
"""Beside a result's files: the list of them. It is written last."""

LATEST = "latest.json"
"""Beside a resource's results: which is the newest. It moves last of all."""
