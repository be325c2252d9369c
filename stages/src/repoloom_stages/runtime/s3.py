"""A store in an S3 bucket: Amazon's, or any server that heeds `If-None-Match: *` on writes.

Credentials come from where AWS tools look for them (environment, profile, web identity, instance), never from the URL.
Single requests and broken downloads are repeated a few times here; what still fails raises TryAgain, and whether the
task is run again is the runner's decision.
"""

import io
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from boto3.s3.transfer import TransferConfig, create_transfer_manager
from boto3.session import Session
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConfigParseError,
    InvalidConfigError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
    ResponseStreamingError,
)
from s3transfer.exceptions import (
    RetriesExceededError,
    S3CopyFailedError,
    S3DownloadFailedError,
    S3ValidationError,
)

from repoloom_stages.errors import BadInput, StageError, TryAgain
from repoloom_stages.runtime.s3_location import CREDENTIALS, Location
from repoloom_stages.runtime.store import StoredObject, checked_name, checked_prefix, is_name, removed_on_error

TRANSFER = TransferConfig(multipart_threshold=16 << 20, multipart_chunksize=16 << 20, max_concurrency=8)
"""Large objects move in parts, eight at once; s3transfer takes larger parts where 10,000 of these do not suffice."""

REQUEST_ATTEMPTS = 5
"""How often boto3 sends a request that the server or the network failed."""

CONFLICT_ATTEMPTS = 5
"""How often a conditional write is sent that the server neither did nor refused."""

CONFLICTS = frozenset({"ConditionalRequestConflict", "OperationAborted", "NoSuchKey"})
"""What S3 answers a conditional write during which another write or delete of the name went on; it is to be repeated.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
"""

TRANSIENT_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
TRANSIENT_CODES = frozenset(
    {
        "BadDigest",
        "IncompleteBody",
        "OperationAborted",
        "RequestTimeout",
        "SlowDown",
        # An answer whose explanation was cut off: to a write during another, to the first bytes of an empty object.
        "409",
        "416",
    }
)
"""Errors that a second attempt may not meet, though their status blames the request."""

REDIRECTS = frozenset({"AuthorizationHeaderMalformed", "PermanentRedirect", "TemporaryRedirect", "301"})

MISCONFIGURED = (
    ConfigParseError,
    InvalidConfigError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
)

INTERRUPTED = (BotoCoreError, RetriesExceededError, S3CopyFailedError, S3DownloadFailedError, S3ValidationError)


class S3Store:
    """A store below a prefix of a bucket.

    It may be used from many threads at once, but only in the process that opened it; a forked child opens its own by
    `url`. A killed writer leaves no part of an object, but it may leave parts of an upload, which no listing shows: let
    the bucket expire incomplete uploads.
    """

    def __init__(self, location: Location, *, timeout_seconds: float = 60) -> None:
        """`timeout_seconds`: how long the server may be silent before a request counts as failed."""
        self.location = location
        self._bucket = location.bucket
        self._root = f"{location.prefix}/" if location.prefix else ""
        with self._explained("open it"):
            self._client = _client(location, timeout_seconds)
        self._transfers = create_transfer_manager(self._client, TRANSFER)
        self._bucket_seen = False
        self._conditions_hold = False

    @classmethod
    def open(cls, url: str) -> "S3Store":
        """The store that a URL names. Nothing is sent yet."""
        return cls(Location.parse(url))

    @property
    def url(self) -> str:
        return self.location.url

    def get(self, name: str) -> bytes | None:
        content = io.BytesIO()
        return content.getvalue() if self._download(name, content, lambda: len(content.getbuffer())) else None

    def get_file(self, name: str, path: Path) -> bool:
        with removed_on_error(path):
            return self._download(name, str(path), lambda: path.stat().st_size)

    def put(self, name: str, data: bytes) -> None:
        with self._explained(f"write {name}"):
            self._client.put_object(Bucket=self._bucket, Key=self._key(name), Body=data)

    def put_if_absent(self, name: str, data: bytes) -> bool:
        with self._explained(f"write {name}"):
            written = self._put_new(name, data)
            if written and not self._conditions_hold and self._put_new(name, data):
                raise BadInput(
                    f"the S3 server of {self.url} ignores If-None-Match on writes, so two runs at once could replace "
                    "each other's results; use a server that heeds it (Amazon S3, MinIO, versitygw) or a folder"
                )
            return written

    def put_file(self, name: str, path: Path) -> None:
        with self._explained(f"write {name}"):
            self._transfers.upload(str(path), self._bucket, self._key(name)).result()

    def exists(self, name: str) -> bool:
        with self._explained(f"read {name}"):
            return self._metadata(name) is not None

    def copy(self, name: str, target: str) -> None:
        source = {"Bucket": self._bucket, "Key": self._key(name)}
        with self._explained(f"copy {name}"):
            try:
                self._transfers.copy(source, self._bucket, self._key(target)).result()
            except ClientError as error:
                if self._is_absent(error, name):
                    raise TryAgain(f"{name} is not in the store {self.url}") from None
                raise

    def list(self, prefix: str) -> Iterator[StoredObject]:
        pages = self._client.get_paginator("list_objects_v2")
        with self._explained(f"list {prefix}*"):
            for page in pages.paginate(Bucket=self._bucket, Prefix=self._root + checked_prefix(prefix)):
                for one in page.get("Contents", ()):
                    name = one["Key"].removeprefix(self._root)
                    if is_name(name):  # what other programs put here may have none
                        yield StoredObject(name, one["Size"], one["LastModified"].timestamp())

    def delete(self, name: str) -> None:
        with self._explained(f"delete {name}"):
            self._client.delete_object(Bucket=self._bucket, Key=self._key(name))

    def _key(self, name: str) -> str:
        return self._root + checked_name(name)

    def _download(self, name: str, target: Any, length: Callable[[], int]) -> bool:
        """Write an object to a file's path or a buffer of that length; False if there is none."""
        with self._explained(f"read {name}"):
            future = self._transfers.download(self._bucket, self._key(name), target)
            try:
                future.result()
            except ClientError as error:
                if self._is_absent(error, name):
                    return False
                raise
            except OSError as error:
                raise TryAgain(f"cannot keep {name} of the store {self.url} here: {error}") from error
            if length() != future.meta.size:
                raise TryAgain(f"{name} of the store {self.url} came as {length()} bytes, not {future.meta.size}")
            return True

    def _put_new(self, name: str, data: bytes) -> bool:
        """Whether this call is the one that wrote the object."""
        # A repeated request is refused when the first one succeeded and only its answer was lost; the object then says
        # whose it is.
        writer = uuid.uuid4().hex
        for attempt in range(CONFLICT_ATTEMPTS):
            try:
                self._client.put_object(
                    Bucket=self._bucket, Key=self._key(name), Body=data, IfNoneMatch="*", Metadata={"writer": writer}
                )
            except ClientError as error:
                if _status(error) == 412:
                    self._conditions_hold = True
                    return (self._metadata(name) or {}).get("writer") == writer
                if _code(error) not in CONFLICTS:
                    raise
                time.sleep(0.1 * 2**attempt)
            else:
                return True
        raise TryAgain(f"{name} in the store {self.url} is being written and deleted by others")

    def _metadata(self, name: str) -> dict[str, str] | None:
        """What was written beside an object; None if there is no object."""
        try:
            metadata: dict[str, str] = self._client.head_object(Bucket=self._bucket, Key=self._key(name))["Metadata"]
        except ClientError as error:
            if self._is_absent(error, name):
                return None
            raise
        return metadata

    def _is_absent(self, error: ClientError, name: str) -> bool:
        """Whether an error says that there is no such object."""
        if _code(error) == "404" and not self._bucket_seen:
            # The answer to HEAD has no body, so this may mean the bucket, and to some servers the credential. A listing
            # says which, and is allowed even where a policy opens only a prefix.
            self._client.list_objects_v2(Bucket=self._bucket, Prefix=self._key(name), MaxKeys=1)
            self._bucket_seen = True
        return _code(error) in {"404", "NoSuchKey"}

    @contextmanager
    def _explained(self, doing: str) -> Iterator[None]:
        """Raise what boto3 says as what the runner understands."""
        message = f"store {self.url}: cannot {doing}"
        try:
            yield
        except ClientError as error:
            raise _fault(message, error, self._bucket) from error
        except MISCONFIGURED as error:
            raise BadInput(f"{message}: {error}; set {CREDENTIALS}") from error
        except INTERRUPTED as error:
            raise TryAgain(f"{message}: {error}") from error


def _client(location: Location, timeout_seconds: float) -> Any:
    config = Config(
        # Later defaults send CRC checksums, which S3-like servers refuse: https://github.com/boto/boto3/issues/4392
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"addressing_style": location.addressing},
        retries={"mode": "standard", "total_max_attempts": REQUEST_ATTEMPTS},
        connect_timeout=min(10, timeout_seconds),
        read_timeout=timeout_seconds,
        max_pool_connections=32,
        tcp_keepalive=True,
    )
    client = Session().client("s3", endpoint_url=location.endpoint, region_name=location.region, config=config)
    for operation in ("GetObject", "HeadObject"):
        client.meta.events.register(f"after-call.s3.{operation}", _refuse_unsized)
    return client


def _refuse_unsized(http_response: Any, parsed: dict[str, Any], **_: Any) -> None:
    """Take an object of unknown length for a broken answer: its body could end early unseen."""
    if http_response.status_code < 300 and "ContentLength" not in parsed:
        raise ResponseStreamingError(error="the server did not say how long the object is")


def _fault(message: str, error: ClientError, bucket: str) -> StageError:
    """What an answer of the server means for the run."""
    status, code = _status(error), _code(error)
    message = f"{message}: {error}"
    if status in TRANSIENT_STATUSES or code in TRANSIENT_CODES:
        return TryAgain(message)
    if code == "NoSuchBucket":
        return BadInput(f"{message}; create the bucket {bucket} or correct --store")
    if code in REDIRECTS:
        return BadInput(f"{message}; name the bucket's region in --store: ?region=…")
    if status in {400, 401, 403, 404}:
        return BadInput(f"{message}; check that {CREDENTIALS}, may list, read, write and delete there")
    return BadInput(f"{message}; the server refuses this for good")


def _status(error: ClientError) -> int:
    return int(error.response["ResponseMetadata"]["HTTPStatusCode"])


def _code(error: ClientError) -> str:
    return str(error.response["Error"].get("Code", ""))
