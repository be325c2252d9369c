"""The one module that talks to the API server: it reads resources, creates children, stops runs and writes status.

Requests are raw JSON: the client's typed models would be built and thrown away for every list. Watches are kopf's.
"""

import json
import os
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal, cast
from urllib.parse import quote, urlencode

import aiohttp
from kubernetes.aio.client.api_client import ApiClient
from kubernetes.aio.client.configuration import Configuration
from kubernetes.aio.config.incluster_config import load_incluster_config
from kubernetes.aio.config.kube_config import load_kube_config

from repoloom_api import API_VERSION
from repoloom_api.artifacts import canonical_json, sha256_of
from repoloom_operator import labels
from repoloom_operator.marks import STOPPED
from repoloom_operator.run import Owner
from repoloom_operator.status import Event

FIELD_MANAGER: Final = "repoloom-operator"
TIMEOUT_SECONDS: Final = 30
PAGE: Final = 200
"""Objects to a page of a list; with Workflows of 100 KB a page is 20 MB at worst."""
CONNECTIONS: Final = 16
NOTE_BYTES: Final = 1024
"""https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/"""

Document = dict[str, Any]
Verb = Literal["GET", "POST", "PATCH"]

KINDS: Final = {"DatasetBuild": "datasetbuilds", "FineTune": "finetunes"}
"""Kinds that the operator reconciles, and their names in paths."""


class ClusterError(Exception):
    """A request that the API server refused or did not answer."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status
        """HTTP status; 0 where there was no answer."""


class NamespaceEnds(ClusterError):
    """A namespace is being deleted and takes nothing new; all that is in it will be gone."""


@dataclass(frozen=True, order=True)
class Key:
    """Names a resource."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


async def configuration() -> Configuration:
    """How to reach the API server: as a pod's service account, otherwise by the usual kubeconfig."""
    result = Configuration()
    file = os.environ.get("KUBECONFIG")
    if "KUBERNETES_SERVICE_HOST" in os.environ and not file:
        load_incluster_config(client_configuration=result)  # type: ignore[no-untyped-call]  # the client's own code
    else:
        await load_kube_config(file, client_configuration=result, persist_config=False)  # type: ignore[no-untyped-call]  # the same
    result.connection_pool_maxsize = CONNECTIONS
    return result


class Cluster:
    """An API server, for as long as the client given to it is open."""

    def __init__(self, client: ApiClient, counted: Callable[[str, str, int], None]) -> None:
        """`counted(verb, resource, status)` is told of every answer."""
        self._client = client
        self._counted = counted

    async def resource(self, key: Key) -> Document | None:
        """A resource; None if there is none."""
        return await self._read(_ours(key.namespace, KINDS[key.kind], key.name))

    async def resources(self, kind: str, namespace: str | None) -> AsyncIterator[Document]:
        """Resources of a kind in a namespace, or in all."""
        async for item in self._list(_ours(namespace, KINDS[kind])):
            # Kubernetes leaves these out of a list's items.
            yield {"apiVersion": API_VERSION, "kind": kind, **item}

    async def workflows(self, owner: Owner) -> list[Document]:
        """The Workflows of a resource. Earlier resources of its name had another uid."""
        selector = {"labelSelector": f"{labels.KIND}={owner.kind},{labels.NAME}={owner.name}"}
        items = self._list(_argo(owner.namespace), selector)
        return [item async for item in items if owner.uid in owner_uids(item)]

    async def owned_workflows(self, namespace: str | None) -> AsyncIterator[Document]:
        """The Workflows of every run in a namespace, or in all."""
        async for item in self._list(_argo(namespace), {"labelSelector": labels.RUN}):
            yield item

    async def namespace_labels(self, namespace: str) -> Mapping[str, str]:
        """Labels of a namespace."""
        found = await self._read(f"/api/v1/namespaces/{namespace}") or {}
        return found.get("metadata", {}).get("labels") or {}

    async def create_config_map(self, document: Document) -> None:
        """Create a ConfigMap. One that exists is the same: its name is its content's and its owner's digest."""
        await self._create(f"/api/v1/namespaces/{document['metadata']['namespace']}/configmaps", document)

    async def create_workflow(self, document: Document, owner: Owner) -> None:
        """Create a Workflow. One that exists already is the same run, or else another's: then this fails."""
        if await self._create(_argo(owner.namespace), document):
            return
        found = await self._read(_argo(owner.namespace, document["metadata"]["name"]))
        if found is not None and owner.uid not in owner_uids(found):
            raise ClusterError(f"the Workflow {owner.namespace}/{document['metadata']['name']} is somebody else's")

    async def stop_workflow(self, namespace: str, name: str) -> None:
        """Have Argo end a Workflow and its pods; what it left in the store stays."""
        change = {"metadata": {"annotations": {STOPPED: "true"}}, "spec": {"shutdown": "Terminate"}}
        await self._patch(_argo(namespace, name), change, "application/merge-patch+json")

    async def write_status(self, key: Key, uid: str, status: Document) -> None:
        """Make status what it shall be. A resource that is gone, or made anew under the name, has none to write."""
        document = {"apiVersion": API_VERSION, "kind": key.kind, "metadata": {"name": key.name, "uid": uid}}
        path = f"{_ours(key.namespace, KINDS[key.kind], key.name)}/status"
        await self._patch(path, {**document, "status": status}, "application/apply-patch+yaml", {"force": "true"})

    async def tell(self, owner: Owner, run: str, event: Event) -> None:
        """Post an event about a resource. Its name is its content's digest, so that it is posted once."""
        digest = sha256_of(canonical_json([owner.uid, run, event.reason, event.note]))[:16]
        namespace = owner.namespace
        document = {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": f"{owner.name}.{digest}", "namespace": namespace},
            "eventTime": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}",
            "type": "Warning" if event.warning else "Normal",
            "reason": event.reason,
            "note": event.note.encode()[:NOTE_BYTES].decode(errors="ignore"),
            "action": "Reconcile",
            "reportingController": "repoloom.dev/operator",
            "reportingInstance": os.environ.get("HOSTNAME", FIELD_MANAGER),
            "regarding": {
                "apiVersion": API_VERSION,
                "kind": owner.kind,
                "name": owner.name,
                "namespace": namespace,
                "uid": owner.uid,
            },
        }
        await self._create(f"/apis/events.k8s.io/v1/namespaces/{namespace}/events", document)

    async def _create(self, path: str, document: Document) -> bool:
        """Whether it was created; False if it exists."""
        try:
            await self._ask("POST", path, {"fieldManager": FIELD_MANAGER}, document)
        except ClusterError as error:
            if error.status != 409:
                raise
            return False
        return True

    async def _patch(self, path: str, change: Document, kind: str, options: Mapping[str, str] | None = None) -> None:
        try:
            await self._ask("PATCH", path, {"fieldManager": FIELD_MANAGER, **(options or {})}, change, kind)
        except ClusterError as error:
            # 409: the uid is another's. What it was about is gone either way, and so is the need.
            if error.status not in {404, 409}:
                raise

    async def _read(self, path: str) -> Document | None:
        try:
            return await self._ask("GET", path)
        except ClusterError as error:
            if error.status != 404:
                raise
            return None

    async def _list(self, path: str, query: Mapping[str, str] | None = None) -> AsyncIterator[Document]:
        following: str | None = ""
        while following is not None:
            page = await self._ask("GET", path, {**(query or {}), "limit": str(PAGE), "continue": following})
            for item in page["items"]:
                yield item
            following = page["metadata"].get("continue") or None

    async def _ask(
        self,
        verb: Verb,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Document | None = None,
        kind: str = "application/json",
    ) -> Document:
        status = 0
        try:
            status, data = await self._send(verb, path, query or {}, body, kind)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise ClusterError(f"{verb} {path}: {error or type(error).__name__}") from error
        finally:
            self._counted(verb, _resource(path), status)
        if not 200 <= status < 300:
            raise _refusal(f"{verb} {path}", status, data)
        return cast("Document", json.loads(data))

    async def _send(
        self, verb: Verb, path: str, query: Mapping[str, str], body: Document | None, kind: str
    ) -> tuple[int, bytes]:
        headers = {"Accept": "application/json", "Content-Type": kind}
        # Signs the request, with the service account's token read anew each minute.
        await self._client.update_params_for_auth(headers, [], ["BearerToken"], path, verb, None)
        url = f"{self._client.configuration.host}{path}?{urlencode({k: v for k, v in query.items() if v})}"
        send: Any = self._client.rest_client.request
        answer = await send(verb, url, headers, body, _request_timeout=TIMEOUT_SECONDS)
        return answer.status, await answer.read()


def owner_uids(document: Document) -> set[str]:
    """The uids of what an object belongs to."""
    return {one["uid"] for one in document["metadata"].get("ownerReferences") or ()}


def _ours(namespace: str | None, plural: str, name: str = "") -> str:
    return _path(f"/apis/{API_VERSION}", namespace, plural, name)


def _argo(namespace: str | None, name: str = "") -> str:
    return _path("/apis/argoproj.io/v1alpha1", namespace, "workflows", name)


def _path(group: str, namespace: str | None, plural: str, name: str) -> str:
    parts = (group, f"namespaces/{quote(namespace)}" if namespace else "", plural, quote(name))
    return "/".join(part for part in parts if part)


def _resource(path: str) -> str:
    """The resource that a path is about, for a metric's label: a name would make one series of each object."""
    parts = Path(path).parts
    below = parts[parts.index("namespaces") + 2 :] if "namespaces" in parts and len(parts) > 5 else parts[-1:]
    return "/".join([below[0] if below else "namespaces", *below[2:]])


def _refusal(request: str, status: int, data: bytes) -> ClusterError:
    """What an answer says, which is a Status unless something between us and the API server gave it."""
    try:
        said = json.loads(data)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        return ClusterError(f"{request}: {status} {data[:200].decode(errors='replace')}", status)
    causes = {cause.get("reason") for cause in (said.get("details") or {}).get("causes") or ()}
    kind = NamespaceEnds if "NamespaceTerminating" in causes else ClusterError
    return kind(f"{request}: {status} {said.get('message', '')}", status)
