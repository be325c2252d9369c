"""What runs left in the object store: their records, pins and results. It only reads.

The operator's own credential, from where AWS tools look for one, has to open `runs/`, `published/` and `candidates/`
of every namespace it serves, and may open no more.
"""

from typing import Any, TypeVar

from boto3.session import Session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from repoloom_api.artifacts import RESULT_MANIFEST, pins_name, published_prefix, run_name
from repoloom_api.base import Model
from repoloom_api.runs import Pins, Result, RunRecord
from repoloom_api.settings import Addressing, ObjectStore
from repoloom_operator.outcome import object_key, result_folder

TIMEOUT_SECONDS = 10
ATTEMPTS = 3
CONNECTIONS = 16

Document = TypeVar("Document", bound=Model)


class StoreUnreachable(Exception):
    """The object store does not answer, or not as it should: to be tried again."""


class Results:
    """The store that the settings name. It may be used from many threads at once."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._client = _client(store)

    def record(self, namespace: str, run: str) -> RunRecord | None:
        """Record of a finished run; None if it is not finished. Raises StoreUnreachable, as all of these do."""
        return self._read(RunRecord, namespace, run_name(run))

    def pins(self, namespace: str, run: str) -> Pins | None:
        """What a run resolved its names to; None before it has."""
        return self._read(Pins, namespace, pins_name(run))

    def result(self, namespace: str, record: RunRecord) -> Result | None:
        """What a run published, or what was kept of it when it was refused."""
        return self._read(Result, namespace, result_folder(record) + RESULT_MANIFEST)

    def has_published(self, namespace: str, build: str, digest: str) -> bool:
        """Whether a dataset of that digest is a DatasetBuild's."""
        name = f"{published_prefix('DatasetBuild', build)}{digest}/{RESULT_MANIFEST}"
        return self._get(self._key(namespace, name)) is not None

    def _key(self, namespace: str, name: str) -> str:
        return object_key(self._store, namespace, name)

    def _read(self, model: type[Document], namespace: str, name: str) -> Document | None:
        data = self._get(self._key(namespace, name))
        return model.model_validate_json(data) if data is not None else None

    def _get(self, key: str) -> bytes | None:
        try:
            content: bytes = self._client.get_object(Bucket=self._store.bucket, Key=key)["Body"].read()
        except ClientError as error:
            if error.response["Error"].get("Code") == "NoSuchKey":
                return None
            raise StoreUnreachable(f"cannot read {key}: {error}") from error
        except BotoCoreError as error:
            raise StoreUnreachable(f"cannot read {key}: {error}") from error
        return content


def _client(store: ObjectStore) -> Any:
    style = "virtual" if store.addressing is Addressing.VIRTUAL_HOSTED else "path"
    config = Config(
        # Later defaults send CRC checksums, which S3-like servers refuse: https://github.com/boto/boto3/issues/4392
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"addressing_style": style},
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        connect_timeout=TIMEOUT_SECONDS,
        read_timeout=TIMEOUT_SECONDS,
        max_pool_connections=CONNECTIONS,
    )
    return Session().client("s3", endpoint_url=store.endpoint, region_name=store.region, config=config)
