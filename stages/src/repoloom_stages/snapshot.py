"""Stage `snapshot`: the files of a pinned repository, as shards of records.

It reads the tree at the training commit; where samples are held out by time, also what later commits changed, with the
lines that are novel marked. What is in a file is `index-code`'s to find, which samples to make the recipes'.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from repoloom_api.artifacts import COMMIT_FILE, SHARDS_FILE, canonical_json
from repoloom_api.catalogue import SnapshotParams
from repoloom_api.runs import GitPin, SplitMode
from repoloom_stages.errors import BadInput
from repoloom_stages.linking.manifests import MANIFESTS_FILE, manifests_of
from repoloom_stages.origins import eligibility
from repoloom_stages.origins.git import open_mirror
from repoloom_stages.origins.git_blobs import Blobs
from repoloom_stages.origins.git_mirror import Change, Commit, Entry, Mirror
from repoloom_stages.origins.globs import Globs
from repoloom_stages.origins.novel_lines import Brought, novel_lines, ranges, who_brought
from repoloom_stages.record_files import FILES, write_records
from repoloom_stages.records import TEST, TRAIN, VALIDATION, SnapshotCommit, SourceFile
from repoloom_stages.runtime.connections import GIT_KEYS
from repoloom_stages.runtime.stage import Inputs, Outputs
from repoloom_stages.syntax.languages import TEXT, language_of

_HASH_BITS = 256


@dataclass(frozen=True)
class Candidate:
    """A file that becomes a record unless its content speaks against it."""

    path: str
    blob: str
    size: int
    language: str
    split: str
    commit: Commit | None = None
    """Of a held-out file: the newest that changed it."""
    changes: Sequence[Change] = ()
    """Of a held-out file: what changed it since the training commit, newest first."""


def run(params: SnapshotParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write `shards.json`, `commit.json`, `manifests/` and, for each shard, `shards/<name>/files.jsonl.zst`.

    Raises BadInput if no file is left.
    """
    pin = inputs.pin("pin").git
    assert pin is not None  # the planner gives this stage sources, and their pins are of git
    with open_mirror(pin.url, inputs.checkout, inputs.connections.to(pin.url, GIT_KEYS)) as mirror:
        mirror.bring(pin.head, pin.commits)
        with mirror.blobs() as blobs:
            _Snapshot(params, pin, mirror, blobs, outputs).write()
    if not outputs.kept:
        counted = ", ".join(f"{number} {reason}" for reason, number in sorted(outputs.dropped.items()))
        raise BadInput(
            f"{pin.url}: no file of commit {pin.train} is left ({counted or 'it is empty'}); "
            f"see code.include {list(params.include)} and code.exclude {list(params.exclude)} of the source"
        )


@dataclass(frozen=True)
class _Window:
    """Where a commit after the training commit falls: a split, or the gap."""

    split: str
    commit: Commit


class _Snapshot:
    """One run of the stage."""

    def __init__(self, params: SnapshotParams, pin: GitPin, mirror: Mirror, blobs: Blobs, outputs: Outputs) -> None:
        self._pin, self._mirror, self._blobs, self._outputs = pin, mirror, blobs, outputs
        self._include, self._exclude = Globs(params.include), Globs(params.exclude)
        self._all_included = not params.include
        self._read = self._total = 0
        self._max_file_bytes, self._shard_bytes = params.max_file_bytes, params.shard_bytes

    def write(self) -> None:
        training = list(self._training())
        windows = _windows(self._mirror, self._pin) if self._pin.mode is SplitMode.TIME else {}
        held_out = list(self._held_out(windows)) if windows else []
        brought = self._brought(training, held_out, windows) if held_out else {}
        self._total = len(training) + len(held_out)
        shards = dict(buckets([*training, *held_out], self._shard_bytes))
        for name, files in shards.items():
            written = write_records(self._outputs.file(f"shards/{name}/{FILES}"), self._records(files, brought))
            self._outputs.keep(written)
        self._outputs.file(SHARDS_FILE).write_bytes(canonical_json(sorted(shards)))
        manifests = manifests_of(self._entries(self._pin.train), self._blobs, self._outputs)
        write_records(self._outputs.file(f"manifests/{MANIFESTS_FILE}"), manifests)
        at = _commit_fields(self._mirror.commit(self._pin.train))
        self._outputs.file(COMMIT_FILE).write_bytes(canonical_json(at))

    def _training(self) -> Iterator[Candidate]:
        """What the training commit holds."""
        split = TRAIN if self._pin.mode is SplitMode.TIME else ""
        for entry in self._entries(self._pin.train):
            self._outputs.take()
            if candidate := self._candidate(entry, split):
                yield candidate

    def _held_out(self, windows: dict[str, _Window]) -> Iterator[Candidate]:
        """What the newest commit holds otherwise than the training commit."""
        changed = _changed(self._mirror, self._pin)
        for entry in self._entries(self._pin.head):
            changes = changed.get(entry.path)
            if not changes or changes[0].new == changes[-1].old:
                continue
            self._outputs.take()
            window = windows[changes[0].commit]
            if window.split == eligibility.GAP:
                self._outputs.drop(eligibility.GAP)
            elif candidate := self._candidate(entry, window.split):
                yield replace(candidate, commit=window.commit, changes=changes)

    def _entries(self, commit: str) -> Iterator[Entry]:
        """The paths of a commit's tree, each once: nothing keeps a tree from having two entries of one name."""
        seen: set[bytes] = set()
        for entry in self._mirror.tree(commit):
            if entry.path not in seen:
                seen.add(entry.path)
                yield entry

    def _candidate(self, entry: Entry, split: str) -> Candidate | None:
        reason = self._path_reason(entry)
        if reason is None and entry.size is None:
            raise BadInput(f"{self._mirror.name} lacks the content of {entry.path!r}; it may be a partial clone")
        size = entry.size or 0
        if reason is None and size > self._max_file_bytes:
            reason = eligibility.TOO_LARGE
        if reason:
            self._outputs.drop(reason)
            return None
        path = entry.path.decode()
        return Candidate(path, entry.blob, size, language_of(path) or TEXT, split)

    def _path_reason(self, entry: Entry) -> str | None:
        """Why the file is out, for its kind or its path."""
        if not entry.is_file:
            return eligibility.SYMLINK if entry.is_symlink else eligibility.SUBMODULE
        if eligibility.odd_path(entry.path):
            return eligibility.ODD_PATH
        path = entry.path.decode()
        if not (self._all_included or self._include.match(path)):
            return eligibility.NOT_INCLUDED
        if self._exclude.match(path):
            return eligibility.EXCLUDED
        if reason := eligibility.path_reason(path):
            return reason
        return eligibility.UNKNOWN_LANGUAGE if self._all_included and not language_of(path) else None

    def _texts(self, files: Sequence[Candidate]) -> Iterator[tuple[Candidate, str, str | None]]:
        """Each file's text, which encoded again is the blob byte for byte, or why there is none to learn from."""
        contents = self._blobs.read_all((file.blob for file in files), self._max_file_bytes)
        for file, content in zip(files, contents, strict=True):
            data = content or b""
            reason = eligibility.content_reason(data, file.language)
            yield file, "" if reason else data.decode(), reason

    def _old_text(self, blob: str) -> str:
        return (self._blobs.read(blob, self._max_file_bytes) or b"").decode(errors="replace")

    def _brought(
        self, training: list[Candidate], held_out: list[Candidate], windows: dict[str, _Window]
    ) -> dict[str, Brought]:
        """By path, the held-out files' novel lines and the commits that brought them, except what the gap brought."""
        in_order = sorted(held_out, key=lambda file: (file.split == TEST, file.path))
        novel = novel_lines(
            ((file.path, text) for file, text, _ in self._texts(in_order)),
            (text for _, text, _ in self._texts(training)),
        )
        result = {}
        for file in in_order:
            brought = who_brought(novel.get(file.path, set()), file.changes, self._old_text)
            result[file.path] = {line: sha for line, sha in brought.items() if windows[sha].split != eligibility.GAP}
        return result

    def _records(self, files: list[Candidate], brought: dict[str, Brought]) -> Iterator[SourceFile]:
        for file, text, reason in self._texts(sorted(files, key=lambda one: (one.path, one.split))):
            self._read += 1
            self._outputs.progress(self._read, self._total)
            if reason:
                self._outputs.drop(reason)
            else:
                yield _record(self._pin.url, file, text, brought.get(file.path, {}) if file.changes else {})


def _windows(mirror: Mirror, pin: GitPin) -> dict[str, _Window]:
    """The window of each commit after the training commit, by its name."""
    result = {}
    split = eligibility.GAP
    for commit in reversed(mirror.first_parents(pin.head, after=pin.train)):
        split = {pin.validation: VALIDATION, pin.test: TEST}.get(commit.sha, split)
        result[commit.sha] = _Window(split, commit)
    return result


def _changed(mirror: Mirror, pin: GitPin) -> dict[bytes, list[Change]]:
    """By path, what changed its content after the training commit, newest first."""
    result: dict[bytes, list[Change]] = {}
    for change in mirror.changes(pin.train, pin.head):
        if change.old != change.new:
            result.setdefault(change.path, []).append(change)
    return result


def _record(repo: str, file: Candidate, text: str, brought: Brought) -> SourceFile:
    data = text.encode()
    return SourceFile(
        repo=repo,
        path=file.path,
        blob=file.blob,
        sha256=hashlib.sha256(data).hexdigest(),
        bytes=len(data),
        language=file.language,
        **(_commit_fields(file.commit) if file.commit else SnapshotCommit(commit="", committed_at="")),
        split=file.split,
        novel=ranges(text, brought) if brought else [],
        text=text,
    )


def _commit_fields(commit: Commit) -> SnapshotCommit:
    at = datetime.fromtimestamp(commit.seconds, UTC)
    return SnapshotCommit(commit=commit.sha, committed_at=at.strftime("%Y-%m-%dT%H:%M:%SZ"))


def buckets(files: Iterable[Candidate], shard_bytes: int) -> Iterator[tuple[str, list[Candidate]]]:
    """Divide files by their paths' hashes, in two and again while there is more than `shard_bytes` in a bucket.

    A bucket's name says which hashes it holds (`b`: all, `b01`: those that begin with the bits 01), so that a change
    elsewhere neither renames it nor moves its files. One path is never divided.
    """
    hashed = [(int.from_bytes(hashlib.sha256(file.path.encode()).digest(), "big"), file) for file in files]
    return _divide("b", hashed, shard_bytes)


def _divide(name: str, files: list[tuple[int, Candidate]], shard_bytes: int) -> Iterator[tuple[str, list[Candidate]]]:
    if sum(file.size for _, file in files) <= shard_bytes or len({path_hash for path_hash, _ in files}) == 1:
        yield name, [file for _, file in files]
        return
    shift = _HASH_BITS - len(name)
    for bit in (0, 1):
        half = [(path_hash, file) for path_hash, file in files if path_hash >> shift & 1 == bit]
        if half:
            yield from _divide(f"{name}{bit}", half, shard_bytes)
