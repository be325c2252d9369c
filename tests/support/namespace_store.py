"""What the resources of one namespace have in the object store, as a test reads it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import boto3

from repoloom_api.artifacts import Manifest, blob_name, manifest_name, published_prefix, run_name
from repoloom_api.runs import RunRecord, TaskRecord
from support.builders import Document
from support.s3_server import BUCKET, S3Server


@dataclass(frozen=True)
class NamespaceStore:
    """All below the namespace's prefix; names are as `repoloom_api.artifacts` makes them."""

    server: S3Server
    namespace: str

    def read(self, prefix: str) -> dict[str, bytes]:
        """Contents by name below a prefix, from where the prefix ends."""
        return {name.removeprefix(prefix): one.get()["Body"].read() for name, one in self._objects(prefix)}

    def written(self, prefix: str = "") -> dict[str, datetime]:
        """When each object was written last, by its name."""
        return {name: one.last_modified for name, one in self._objects(prefix)}

    def published(self, document: Document, digest: str) -> dict[str, bytes]:
        """The files of a published result, by their paths."""
        return self.read(f"{published_prefix(document['kind'], document['metadata']['name'])}{digest}/")

    def record(self, run: str) -> RunRecord:
        """What a run came to."""
        (content,) = self.read(run_name(run)).values()
        return RunRecord.model_validate_json(content)

    def blobs(self, task: TaskRecord) -> list[str]:
        """Names of the objects with the content of a task's files."""
        (content,) = self.read(manifest_name(task.stage, task.key)).values()
        return [blob_name(file.sha256) for file in Manifest.model_validate_json(content).files]

    def _objects(self, prefix: str) -> Iterator[tuple[str, Any]]:
        whole = f"repoloom/{self.namespace}/"
        for one in self._bucket.objects.filter(Prefix=whole + prefix):
            yield one.key.removeprefix(whole), one

    @cached_property
    def _bucket(self) -> Any:
        session = boto3.session.Session(self.server.access_key, self.server.secret_key, region_name="us-east-1")
        return session.resource("s3", endpoint_url=self.server.endpoint).Bucket(BUCKET)
