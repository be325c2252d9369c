"""A Hugging Face Hub on this machine: as much of its API as huggingface_hub needs to find and fetch a model.

It fails as the real one does (status and X-Error-Code), and sends weights to a storage server of another origin, which
must never see a token.
"""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

COMMIT = "c0ffee" + "0" * 34


@dataclass(frozen=True)
class Request:
    """What a server was asked."""

    method: str
    path: str
    authorization: str | None


@dataclass
class StubHub:
    """The Hub's contents and moods, and what it was asked."""

    url: str = ""
    storage_url: str = ""
    models: dict[str, dict[str, bytes]] = field(default_factory=dict)
    """Files by repository; each has the one commit COMMIT, which is `main`."""
    tokens: dict[str, str] = field(default_factory=dict)
    """Repositories that are private, each with the token that opens it."""
    gated: dict[str, str] = field(default_factory=dict)
    """Repositories that everybody sees and only a token may download."""
    status: int | None = None
    """Answer every request with this status."""
    damaged: set[str] = field(default_factory=set)
    """Files whose last byte is another on the way."""
    requests: list[Request] = field(default_factory=list)
    storage_requests: list[Request] = field(default_factory=list)

    def use(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Point huggingface_hub here. It reads HF_ENDPOINT when it is first imported, so a process may be too late."""
        from huggingface_hub import constants

        monkeypatch.setattr(constants, "ENDPOINT", self.url)
        template = self.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: None)
        monkeypatch.delenv("HF_TOKEN", raising=False)

    def downloaded(self) -> set[str]:
        """Names of the files whose bytes were asked for."""
        fetched = [*self.requests, *self.storage_requests]
        return {
            request.path.rsplit("/", 1)[-1]
            for request in fetched
            if request.method == "GET" and "/api/" not in request.path
        }


@contextmanager
def stub_hub() -> Iterator[StubHub]:
    """Run a Hub and its storage until the block ends."""
    hub = StubHub()
    with _serving(_HubHandler, hub) as hub.url, _serving(_StorageHandler, hub) as hub.storage_url:
        yield hub


@contextmanager
def _serving(handler: type["_Handler"], hub: StubHub) -> Iterator[str]:
    bound = type(handler.__name__, (handler,), {"hub": hub})
    with ThreadingHTTPServer(("127.0.0.1", 0), bound) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    hub: StubHub

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Keep quiet."""

    def _answer(self) -> None:
        raise NotImplementedError

    @property
    def _request(self) -> Request:
        return Request(self.command, unquote(urlsplit(self.path).path), self.headers.get("Authorization"))

    def _send(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def _send_file(self, name: str, data: bytes, **headers: str) -> None:
        lost = name in self.hub.damaged
        self._send(
            200, data[:-1] + b"?" if lost else data, ETag=f'"{_git_blob(data)}"', X_Repo_Commit=COMMIT, **headers
        )


class _StorageHandler(_Handler):
    def _answer(self) -> None:
        request = self._request
        self.hub.storage_requests.append(request)
        repository, name = request.path[1:].rsplit("/", 1)
        self._send_file(name, self.hub.models[repository][name])


class _HubHandler(_Handler):
    def _answer(self) -> None:
        request = self._request
        self.hub.requests.append(request)
        path = request.path.removeprefix("/api/models").lstrip("/")
        repository = "/".join(path.split("/")[:2])
        rest = path.split("/")[2:]
        refusal = self._refusal(request, repository, rest)
        if refusal:
            self._send(refusal[0], X_Error_Code=refusal[1])
        elif not request.path.startswith("/api/models/"):
            self._resolve(repository, "/".join(rest[2:]))
        elif rest[:1] == ["tree"]:
            self._send_json([_tree_entry(*item) for item in sorted(self.hub.models[repository].items())])
        else:
            self._send_json({"id": repository, "sha": COMMIT, "private": False, "siblings": []})

    def _refusal(self, request: Request, repository: str, rest: list[str]) -> tuple[int, str] | None:
        files = self.hub.models.get(repository)
        if self.hub.status:
            return self.hub.status, ""
        if files is None or not _opens(self.hub.tokens, repository, request):
            # The real one does not say which, and to a stranger not even that it might exist.
            return (404 if request.authorization else 401), "RepoNotFound"
        if len(rest) > 1 and rest[1] not in ("main", COMMIT):
            return 404, "RevisionNotFound"
        if rest[:1] == ["resolve"] and not _opens(self.hub.gated, repository, request):
            return 403 if request.authorization else 401, "GatedRepo"
        if rest[:1] == ["resolve"] and "/".join(rest[2:]) not in files:
            return 404, "EntryNotFound"
        return None

    def _resolve(self, repository: str, name: str) -> None:
        data = self.hub.models[repository][name]
        if not _is_large(name):
            self._send_file(name, data)
            return
        self._send(
            302,
            Location=f"{self.hub.storage_url}/{repository}/{name}",
            X_Repo_Commit=COMMIT,
            X_Linked_Etag=f'"{hashlib.sha256(data).hexdigest()}"',
            X_Linked_Size=str(len(data)),
        )

    def _send_json(self, document: Any) -> None:
        self._send(200, json.dumps(document).encode(), Content_Type="application/json")


def _opens(locked: dict[str, str], repository: str, request: Request) -> bool:
    return repository not in locked or request.authorization == f"Bearer {locked[repository]}"


def _is_large(name: str) -> bool:
    return name.endswith((".safetensors", ".bin"))


def _tree_entry(name: str, data: bytes) -> dict[str, Any]:
    entry = {"type": "file", "path": name, "size": len(data), "oid": _git_blob(data)}
    if _is_large(name):
        entry["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
    return entry


def _git_blob(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
