"""Where an S3 store lies: the `s3://` URL of the command line, read strictly. The store itself is in `s3`."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from repoloom_api.artifacts import s3_url
from repoloom_stages.errors import BadInput
from repoloom_stages.runtime.store import is_name

FORM = "s3://BUCKET/PREFIX?endpoint=URL&region=NAME&addressing=path|virtual"

CREDENTIALS = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or an AWS profile or role"
"""Where credentials come from, in messages."""

BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
REGION = re.compile(r"[a-z0-9-]{1,64}")

EXPECTED = {
    "endpoint": "http://HOST[:PORT] or https://HOST[:PORT], without a path or a user",
    "region": "up to 64 of a-z, 0-9 and -",
    "addressing": "path or virtual",
}


@dataclass(frozen=True)
class Location:
    """A bucket and how to reach it."""

    bucket: str
    prefix: str = ""
    endpoint: str | None = None
    """URL of the S3 API; None leaves it to the AWS configuration, which means Amazon's unless it says otherwise."""
    region: str | None = None
    """Region of the bucket; None leaves it to the AWS configuration."""
    addressing: str = "path"
    """`path` suits most S3 servers; `virtual` puts the bucket into the host's name."""

    @classmethod
    def parse(cls, url: str) -> "Location":
        """Read a URL. Raises BadInput, and never repeats a value that may be a credential."""
        parts = _split(url)
        if not BUCKET.fullmatch(parts.netloc):
            raise BadInput(f"--store: s3:// needs a bucket's name, 3 to 63 of a-z, 0-9, . and -: {FORM}")
        prefix = unquote(parts.path).removeprefix("/").removesuffix("/")
        if prefix and not is_name(prefix):
            raise BadInput("--store: the prefix after the bucket has an empty, . or .. segment, or a control character")
        return cls(parts.netloc, prefix, **dict(_options(parts.query)))

    @property
    def url(self) -> str:
        """The URL that `parse` reads as this."""
        return s3_url(self.bucket, self.prefix, endpoint=self.endpoint, region=self.region, addressing=self.addressing)


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
    except ValueError:  # brackets that are no address
        raise BadInput(f"--store: not a URL of the form {FORM}") from None
    if "@" in parts.netloc:
        raise BadInput(f"--store: no credentials in a URL, logs would show them; set {CREDENTIALS}")
    if parts.fragment:
        raise BadInput(f"--store: nothing may follow a # in {FORM}; a # in the prefix is written %23")
    return parts


def _options(query: str) -> Iterator[tuple[str, str]]:
    checks: dict[str, Callable[[str], object]] = {
        "endpoint": _is_endpoint,
        "region": REGION.fullmatch,
        "addressing": ("path", "virtual").__contains__,
    }
    seen = set()
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in checks:
            raise BadInput(f"--store: unknown option {name!r} in the URL; it is {FORM}, credentials are {CREDENTIALS}")
        if name in seen:
            raise BadInput(f"--store: {name} stands in the URL twice")
        if not checks[name](value):
            raise BadInput(f"--store: {name} in the URL must be {EXPECTED[name]}")
        seen.add(name)
        yield name, value


def _is_endpoint(value: str) -> bool:
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        return False
    bare = parts.path in {"", "/"} and not parts.query and not parts.fragment and "@" not in parts.netloc
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and port != 0 and bare
