"""How a result becomes visible: its files by readable names, their list, the pointer to the newest, the run's record.

Each step may be repeated; a reader who follows `latest.json` sees the old result or the new one, whole.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from repoloom_api.artifacts import LATEST, RESULT_MANIFEST, FileEntry, candidate_prefix, published_prefix, tree_digest
from repoloom_api.runs import Result
from repoloom_stages.runtime.artifact_store import ArtifactStore


@dataclass(frozen=True)
class Publication:
    """The files that make up a result, and where it would go."""

    artifacts: ArtifactStore
    kind: str
    name: str
    files: tuple[FileEntry, ...]
    finish: Callable[[Result, bool], None]
    """Records the run as finished with this result, published or refused."""

    def read(self, path: str) -> bytes | None:
        """Content of one of the files; None if there is none of that path."""
        return self.artifacts.read_path(self.files, path)

    def publish(self, facts: dict[str, Any]) -> Result:
        """Make it the newest published result of its resource."""
        return self._put(published_prefix(self.kind, self.name), facts, published=True)

    def refuse(self, facts: dict[str, Any]) -> Result:
        """Keep it for a while where nothing takes it for a published result."""
        return self._put(candidate_prefix(self.name), facts, published=False)

    def _put(self, prefix: str, facts: dict[str, Any], *, published: bool) -> Result:
        files = tuple(sorted(self.files, key=lambda entry: entry.path))
        result = Result(kind=self.kind, name=self.name, digest=tree_digest(files), files=files, facts=facts)
        folder = f"{prefix}{result.digest}/"
        if self.artifacts.get(folder + RESULT_MANIFEST) is None:
            self.artifacts.copy_files(files, folder)
            self.artifacts.put(folder + RESULT_MANIFEST, result)
        if published:
            self.artifacts.put(prefix + LATEST, result)
        self.finish(result, published)
        return result


def latest_result(artifacts: ArtifactStore, kind: str, name: str) -> Result | None:
    """The newest published result of a resource; None if nothing is published."""
    data = artifacts.get(published_prefix(kind, name) + LATEST)
    return Result.model_validate_json(data) if data else None


def published_result(
    artifacts: ArtifactStore, kind: str, name: str, digest: str, *, candidate: bool = False
) -> Result | None:
    """A result by its digest; None if there is none. A refused one is a candidate."""
    prefix = candidate_prefix(name) if candidate else published_prefix(kind, name)
    data = artifacts.get(f"{prefix}{digest}/{RESULT_MANIFEST}")
    return Result.model_validate_json(data) if data else None
