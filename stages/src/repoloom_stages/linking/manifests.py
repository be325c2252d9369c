"""Manifests of a snapshot: the files that say what a folder is, whatever else of the repository is read.

`snapshot` writes them, hostile as they are; what they mean is for `packages` and `places`.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from repoloom_stages.linking.dotnet import PROJECT_ENDINGS
from repoloom_stages.links import Manifest
from repoloom_stages.origins import eligibility
from repoloom_stages.origins.git_blobs import Blobs
from repoloom_stages.origins.git_mirror import Entry
from repoloom_stages.record_files import read_records
from repoloom_stages.runtime.stage import Outputs

MANIFESTS_FILE = "manifests.jsonl.zst"

NAMES = frozenset({"Cargo.toml", "pyproject.toml", "setup.cfg", "package.json", "go.mod", "pom.xml"})
READMES = ("readme.md", "readme.markdown", "readme.rst", "readme.txt", "readme")
"""In the order in which one is taken, whatever their case."""

MAX_BYTES = 262_144
"""Ten times the largest manifest of hyperswitch (27 KB): what is longer is no person's."""

MAX_NUMBER = 20_000
"""The packages of the largest monorepos are a few thousand. Every shard's task reads all manifests."""

MAX_TOTAL_BYTES = 33_554_432
"""As much text as two shards have, at most, on top of each shard's own."""

TOO_LARGE, TOO_MANY, NOT_TEXT = "manifest too large", "too many manifests", "manifest not text"


def is_manifest(name: str) -> bool:
    """Whether a file of that name says what its folder is."""
    return name in NAMES or name.endswith(PROJECT_ENDINGS)


def read_manifests(folders: Iterable[Path]) -> Iterator[Manifest]:
    """The manifests in each folder of the role `manifests`, of which there may be none."""
    for folder in folders:
        yield from read_records(folder / MANIFESTS_FILE)


def folder_of(path: str) -> str:
    """The folder that a path lies in; empty at the root."""
    return path.rpartition("/")[0]


def manifests_of(entries: Iterable[Entry], blobs: Blobs, outputs: Outputs) -> Iterator[Manifest]:
    """The manifests among the paths of a tree, and the README beside each, by path; those left out are counted."""
    chosen: list[Entry] = []
    total = 0
    for entry in _beside_manifests(entries):
        size = entry.size or 0
        reason = TOO_LARGE if size > MAX_BYTES else None
        if len(chosen) == MAX_NUMBER or total + size > MAX_TOTAL_BYTES:
            reason = TOO_MANY
        if reason:
            _drop(outputs, reason)
        else:
            chosen.append(entry)
            total += size
    contents = blobs.read_all((entry.blob for entry in chosen), MAX_BYTES)
    for entry, content in zip(chosen, contents, strict=True):
        try:
            yield Manifest(path=entry.path.decode(), text=(content or b"").decode("utf-8-sig"))
        except UnicodeDecodeError:
            _drop(outputs, NOT_TEXT)


def _drop(outputs: Outputs, reason: str) -> None:
    outputs.take()
    outputs.drop(reason)


def _beside_manifests(entries: Iterable[Entry]) -> list[Entry]:
    """Manifests and READMEs in the same folders, by path."""
    manifests: dict[str, Entry] = {}
    readmes: dict[str, dict[str, Entry]] = {}
    for entry in entries:
        if not entry.is_file or entry.size is None or eligibility.odd_path(entry.path):
            continue
        path = entry.path.decode()
        folder, _, name = path.rpartition("/")
        if is_manifest(name) and eligibility.path_reason(path) is None:
            manifests[path] = entry
        elif name.lower() in READMES:
            readmes.setdefault(folder, {}).setdefault(name.lower(), entry)
    for folder in {folder_of(path) for path in manifests}:
        named = readmes.get(folder, {})
        if first := next((named[name] for name in READMES if name in named), None):
            manifests[first.path.decode()] = first
    return [entry for _, entry in sorted(manifests.items())]
