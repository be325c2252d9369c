"""The cluster owner's settings. They place work or refuse it; none may change a byte of a result or enter a key."""

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from repoloom_api.artifacts import s3_url
from repoloom_api.base import Items, Lax, Model, Path, Raw, Rule, named, only_one
from repoloom_api.v1alpha1.common import Empty, Name

LABEL_NAME_PATTERN = r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
LABEL_VALUE_PATTERN = r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$"

LabelName = Annotated[str, StringConstraints(pattern=LABEL_NAME_PATTERN, min_length=1, max_length=317)]
LabelValue = Annotated[str, StringConstraints(pattern=LABEL_VALUE_PATTERN, max_length=63)]
Labels = Annotated[dict[LabelName, LabelValue], Field(max_length=32)]
"""Labels as Kubernetes allows them."""

ObjectName = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", min_length=1, max_length=253)
]
"""Name of a Secret, a priority class or the like."""

Quantity = Annotated[str, StringConstraints(pattern=r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$", max_length=32)]
"""An amount of a resource, as Kubernetes writes it."""

ImageName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/:@-]*$", min_length=1, max_length=512)]
"""A container image, best by digest."""

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
    secret_name: ObjectName = "repoloom-object-store"  # noqa: S105 - a name
    """Secret with `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`. Stages take the one in the resource's own namespace,
    which need open no more than that namespace's prefix; the operator the one in its own, which only has to read."""

    @property
    def url(self) -> str:
        """The store as stages and the command line take it (`--store`)."""
        style = "virtual" if self.addressing is Addressing.VIRTUAL_HOSTED else "path"
        return s3_url(self.bucket, self.prefix, endpoint=self.endpoint, region=self.region, addressing=style)


class Access(StrEnum):
    """Whether something is let through."""

    ALLOWED = "Allowed"
    REFUSED = "Refused"


def host_is_listed(host: str, listed: Iterable[str]) -> bool:
    """Whether a host is one of those listed; `*.example.org` stands for any subdomain."""
    return any(host == one or (one.startswith("*.") and host.endswith(one[1:])) for one in listed)


class NamespaceSelector(Model):
    """Which namespaces' resources may use something."""

    match_labels: Labels
    """Labels that the namespace must have, all of them."""


class Connection(Model):
    """Hosts that stages may reach, and how."""

    rules: ClassVar = (only_one("github", "huggingFace", "web"),)

    name: Name
    """Name of the connection."""
    github: Empty | None = None
    """Git over HTTPS on GitHub, with `GITHUB_TOKEN` where it is set."""
    hugging_face: Empty | None = None
    """The Hugging Face Hub, with `HF_TOKEN` where it is set."""
    web: Empty | None = None
    """Any other host, with `TOKEN` as a bearer where it is set."""
    hosts: Items[Host] = Field(min_length=1, max_length=64)
    """The hosts; `*.` stands for any subdomain."""
    private_addresses: Lax[Access] = Access.REFUSED
    """Whether these hosts may resolve to loopback, private or link-local addresses."""
    secret_name: ObjectName | None = None
    """Secret with the credential, looked up in the resource's own namespace; left out or not there, access is
    anonymous. It is mounted only where the connection is used, and sent to its hosts alone."""
    namespace_selector: NamespaceSelector | None = None
    """Which namespaces may use the connection; left out, every one."""

    def covers(self, host: str) -> bool:
        """Whether the connection lists this host."""
        return host_is_listed(host, self.hosts)


class Images(Model):
    """The containers that stages run in."""

    stages: ImageName
    """For every stage without an accelerator."""
    train: ImageName
    """For training and evaluation."""


class TolerationOperator(StrEnum):
    """How a toleration's value is compared."""

    EXISTS = "Exists"
    EQUAL = "Equal"


class TaintEffect(StrEnum):
    """What a taint does."""

    NO_SCHEDULE = "NoSchedule"
    PREFER_NO_SCHEDULE = "PreferNoSchedule"
    NO_EXECUTE = "NoExecute"


class Toleration(Model):
    """A taint that a pool's pods accept."""

    key: LabelName
    """Key of the taint."""
    operator: Lax[TolerationOperator] = TolerationOperator.EXISTS
    """How the value is compared."""
    value: LabelValue | None = None
    """Value of the taint, for `Equal`."""
    effect: Lax[TaintEffect] | None = None
    """Effect of the taint; left out, every one."""


class Accelerator(Model):
    """What a pool's nodes have beside CPUs."""

    resource_name: LabelName = "nvidia.com/gpu"
    """What Kubernetes counts it as."""


class Pool(Model):
    """Nodes that tasks run on."""

    name: Name
    """Name of the pool, for `compute.pool`."""
    accelerator: Accelerator | None = None
    """The accelerator of which a training task takes one; left out, the pool has none."""
    node_selector: Labels = Field(default_factory=dict)
    """Labels that its nodes have."""
    tolerations: Items[Toleration] = Field(default=(), max_length=16)
    """Taints that its pods accept."""
    priority_class_name: ObjectName | None = None
    """Priority of its pods."""
    cpu: Quantity = "1"
    """CPUs of a pod, as request."""
    memory: Quantity = "4Gi"
    """Memory of a pod, as request and limit."""
    scratch: Quantity = "20Gi"
    """Disk that a pod may fill with inputs and outputs."""


class DefaultPools(Model):
    """The pools of tasks whose resource names none."""

    data: Name | None = None
    """Where everything without an accelerator runs; left out, on any node."""
    training: Name | None = None
    """Where a FineTune without `compute.pool` trains; left out, where `data` runs."""


class Defaults(Model):
    """How runs are carried out."""

    pools: DefaultPools = DefaultPools()
    """Where tasks run."""
    workflow_ttl_seconds: int = Field(default=86_400, ge=0, le=31_536_000, alias="workflowTTLSeconds")
    """How long a finished Workflow stays."""
    shard_pods: int | None = Field(default=None, ge=1, le=64)
    """Pods at most that share a build's shards; left out, so many that a common build comes to six pods in all."""


def _missing_pools(raw: Raw) -> Iterator[Path]:
    known = named(raw, "pools")
    defaults = raw.get("defaults")
    asked = defaults.get("pools") if isinstance(defaults, dict) else None
    if isinstance(asked, dict) and (known is not None or not raw.get("pools")):
        yield from (
            ("defaults", "pools", field)
            for field, name in asked.items()
            if isinstance(name, str) and name not in (known or [])
        )


_POOLS_EXIST = Rule("must be the name of one of the pools", "true", _missing_pools)


class SettingsConfig(Model):
    """The part of the chart's values that the operator and the local runner read."""

    keyed_by_name: ClassVar = ("connections", "pools")
    rules: ClassVar = (_POOLS_EXIST,)

    api_version: Literal["config.repoloom.dev/v1alpha1"]
    kind: Literal["Settings"]
    object_store: ObjectStore | None = None
    """Left out, the local runner uses a folder."""
    connections: Items[Connection] | None = Field(default=None, max_length=64)
    """The only hosts stages reach besides the object store. Left out, the local runner allows public HTTPS hosts."""
    images: Images | None = None
    """Needed in a cluster."""
    pools: Items[Pool] | None = Field(default=None, max_length=64)
    """Where tasks may run. Left out, on any node, without accelerators."""
    defaults: Defaults = Defaults()
    """How runs are carried out."""

    def for_namespace(self, labels: Mapping[str, str]) -> "SettingsConfig":
        """The settings as a namespace with these labels sees them: without the connections it may not use."""
        if self.connections is None:
            return self
        usable = tuple(
            one
            for one in self.connections
            if one.namespace_selector is None or one.namespace_selector.match_labels.items() <= labels.items()
        )
        return self.model_copy(update={"connections": usable})

    def pool(self, name: str) -> Pool | None:
        """The pool of that name."""
        return next((one for one in self.pools or () if one.name == name), None)

    def connection_for(self, host: str) -> Connection | None:
        """The first connection that lists the host."""
        return next((one for one in self.connections or () if one.covers(host)), None)

    def refuses(self, host: str) -> bool:
        """Whether stages may not reach the host at all."""
        return self.connections is not None and self.connection_for(host) is None


LOCAL = SettingsConfig(api_version="config.repoloom.dev/v1alpha1", kind="Settings")
"""What the local runner uses without a settings file."""
