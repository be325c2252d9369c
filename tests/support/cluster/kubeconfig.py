"""Files that say how to reach an API server, and as whom."""

import base64
from pathlib import Path
from typing import Any

import yaml

from support.cluster.certificates import Pair


def write_kubeconfig(path: Path, server: str, authority: bytes, user: dict[str, str]) -> Path:
    """Write a file with all it needs inside: `authority` is the PEM of the server's, `user` a token or certificate."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": {"server": server, "certificate-authority-data": encoded(authority)}}],
        "users": [{"name": "test", "user": user}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "current-context": "test",
    }
    path.touch(0o600)
    path.write_text(yaml.safe_dump(document))
    return path


def certified(pair: Pair) -> dict[str, str]:
    """The user whom a certificate names."""
    return {
        "client-certificate-data": encoded(pair.certificate.read_bytes()),
        "client-key-data": encoded(pair.key.read_bytes()),
    }


def reached(path: Path) -> tuple[str, bytes]:
    """The server of a file's current context, and the PEM of its authority."""
    cluster = _current(path, "cluster")
    return cluster["server"], base64.b64decode(cluster["certificate-authority-data"])


def token(path: Path) -> str | None:
    """The token of a file's current user, if that is what the user shows."""
    found: str | None = _current(path, "user").get("token")
    return found


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _current(path: Path, kind: str) -> dict[str, Any]:
    """The block of a kind, `cluster` or `user`, of the current context."""
    document = yaml.safe_load(path.read_text())
    context = _named(document["contexts"], document["current-context"])["context"]
    block: dict[str, Any] = _named(document[f"{kind}s"], context[kind])[kind]
    return block


def _named(items: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(item for item in items if item["name"] == name)
