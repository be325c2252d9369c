"""The cluster owner's settings. They place work or refuse it; none may change a byte of a result or enter a key."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from repoloom_api.base import Items, Lax, Model, only_one
from repoloom_api.v1alpha1.common import Empty, Name

Host = Annotated[str, StringConstraints(pattern=r"^(\*\.)?[a-z0-9.-]+$", min_length=1, max_length=253)]


class Addressing(StrEnum):
    """How a bucket is named in a request."""

    PATH = "Path"
    VIRTUAL_HOSTED = "VirtualHosted"


class ObjectStore(Model):
    """Where artifacts and results lie."""

    endpoint: str | None = Field(default=None, max_length=512)
    """URL of the S3 API; left out, Amazon's."""
    region: str = Field(default="us-east-1", max_length=64)
    """Region of the bucket."""
    bucket: str = Field(min_length=3, max_length=63)
    """Name of the bucket."""
    prefix: str = Field(default="repoloom", max_length=256)
    """Everything lies under `<prefix>/<namespace>/`."""
    addressing: Lax[Addressing] = Addressing.PATH
    """Path suits most S3 servers; Amazon prefers VirtualHosted."""


class Access(StrEnum):
    """Whether something is let through."""

    ALLOWED = "Allowed"
    REFUSED = "Refused"


def host_is_listed(host: str, listed: Iterable[str]) -> bool:
    """Whether a host is one of those listed; `*.example.org` stands for any subdomain."""
    return any(host == one or (one.startswith("*.") and host.endswith(one[1:])) for one in listed)


class Connection(Model):
    """Hosts that stages may reach, and how."""

    rules: ClassVar = (only_one("github", "huggingFace", "web"),)

    name: Name
    """Name of the connection."""
    github: Empty | None = None
    """Git over HTTPS on GitHub."""
    hugging_face: Empty | None = None
    """The Hugging Face Hub, with HF_TOKEN where it is set."""
    web: Empty | None = None
    """Any other host over HTTPS, without a credential."""
    hosts: Items[Host] = Field(min_length=1, max_length=64)
    """The hosts; `*.` stands for any subdomain."""
    private_addresses: Lax[Access] = Access.REFUSED
    """Whether these hosts may resolve to loopback, private or link-local addresses."""

    def covers(self, host: str) -> bool:
        """Whether the connection lists this host."""
        return host_is_listed(host, self.hosts)


class SettingsConfig(Model):
    """The part of the chart's values that the operator and the local runner read."""

    keyed_by_name: ClassVar = ("connections",)

    api_version: Literal["config.repoloom.dev/v1alpha1"]
    kind: Literal["Settings"]
    object_store: ObjectStore | None = None
    """Left out, the local runner uses a folder."""
    connections: Items[Connection] | None = Field(default=None, max_length=64)
    """The only hosts stages reach besides the object store. Left out, the local runner allows public HTTPS hosts."""

    def connection_for(self, host: str) -> Connection | None:
        """The first connection that lists the host."""
        return next((one for one in self.connections or () if one.covers(host)), None)

    def refuses(self, host: str) -> bool:
        """Whether stages may not reach the host at all."""
        return self.connections is not None and self.connection_for(host) is None


LOCAL = SettingsConfig(api_version="config.repoloom.dev/v1alpha1", kind="Settings")
"""What the local runner uses without a settings file."""
