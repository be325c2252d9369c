"""A real S3 server on a free port of this machine, for one test session."""

import os
import secrets
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest

from support.prerequisites import built

BUCKET = "repoloom-test"
START_SECONDS = 30

# versitygw builds in a quarter of MinIO's time, so it is the one that everybody has.
DEFAULT = "versitygw"


@dataclass(frozen=True)
class S3Server:
    """A server that is up, with one empty bucket."""

    port: int
    access_key: str
    secret_key: str

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """The variables that make this server's credential the only one at hand."""
        return aws_environment(self.access_key, self.secret_key)

    def url(self, prefix: str, *, bucket: str = BUCKET, endpoint: str | None = None) -> str:
        return f"s3://{bucket}/{prefix}?endpoint={endpoint or self.endpoint}&region=us-east-1"


def aws_environment(access_key: str, secret_key: str) -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_ACCESS_KEY": secret_key,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _versitygw(port: int, folder: Path, keys: tuple[str, str]) -> tuple[list[str], dict[str, str]]:
    data, metadata = folder / "data", folder / "metadata"
    data.mkdir()
    metadata.mkdir()
    # Metadata in files of their own: a temporary folder may lie on a disk without extended attributes.
    options = ["--port", f"127.0.0.1:{port}", "--quiet", "--keep-alive", "posix", "--sidecar", str(metadata), str(data)]
    return options, {"ROOT_ACCESS_KEY": keys[0], "ROOT_SECRET_KEY": keys[1]}


def _minio(port: int, folder: Path, keys: tuple[str, str]) -> tuple[list[str], dict[str, str]]:
    options = ["server", "--quiet", "--address", f"127.0.0.1:{port}", str(folder)]
    return options, {"MINIO_ROOT_USER": keys[0], "MINIO_ROOT_PASSWORD": keys[1]}


SERVERS: dict[str, Callable[[int, Path, tuple[str, str]], tuple[list[str], dict[str, str]]]] = {
    "versitygw": _versitygw,
    "minio": _minio,
}


def server_program(config: pytest.Config) -> tuple[str, Path]:
    """Name and path of the server that REPOLOOM_TEST_S3 names."""
    name = os.environ.get("REPOLOOM_TEST_S3", DEFAULT)
    return name, built(config, name)


@contextmanager
def running_s3(config: pytest.Config, folder: Path) -> Iterator[S3Server]:
    """A server with its data below a folder, gone when the block ends."""
    name, program = server_program(config)
    server = S3Server(free_port(), f"test{secrets.token_hex(8)}", secrets.token_hex(20))
    options, variables = SERVERS[name](server.port, folder, (server.access_key, server.secret_key))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, *options], env=os.environ | variables, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        _wait(process, server.port, folder / "log")
        make_bucket(server)
        yield server
    finally:
        process.kill()
        process.wait()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _wait(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    pytest.fail(f"the S3 server did not start: {log.read_text(errors='replace')[-2000:]}", pytrace=False)


def make_bucket(server: S3Server) -> None:
    """Make the bucket, unless the server has it."""
    client = boto3.session.Session(server.access_key, server.secret_key, region_name="us-east-1").client(
        "s3", endpoint_url=server.endpoint
    )
    with suppress(client.exceptions.BucketAlreadyOwnedByYou):
        client.create_bucket(Bucket=BUCKET)
