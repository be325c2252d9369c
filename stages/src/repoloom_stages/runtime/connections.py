"""Which credential goes to which host, and whether the host may be a private one.

A credential of a connection goes to the hosts which that connection lists; it is in no message, and in no argument of a
process. Who talks to a host asks here with its URL, and no other module looks for credentials of sources.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from repoloom_api.settings import host_is_listed
from repoloom_api.tasks import HUB_HOST, Reach
from repoloom_stages.errors import BadInput

GIT_KEYS = ("GITHUB_TOKEN", "TOKEN")
"""What a connection's Secret may call the token for git, first choice first."""
HUB_KEYS = ("HF_TOKEN",)

ENVIRONMENT_KEYS = ("GITHUB_TOKEN", "HF_TOKEN")
"""Variables that hold a credential where no Secrets are mounted."""

GITHUB_HOST = "github.com"


@dataclass(frozen=True)
class Connection:
    """How one host is reached."""

    name: str = ""
    """Of the connection in the settings that lists the host; empty if none does."""
    private_addresses: bool = False
    """Whether the host may resolve to loopback, private or link-local addresses."""
    token: str | None = field(default=None, repr=False)
    """What to show the host; None for anonymous access."""

    def advice(self, keys: tuple[str, ...]) -> str:
        """What a person can do who has no credential, for the end of a message."""
        if self.name:
            return f"put {keys[0]} into the Secret of the connection {self.name}"
        return f"set {keys[0]}"


@dataclass(frozen=True)
class Connections:
    """What a task may reach, and where the credentials for it lie."""

    reaches: tuple[Reach, ...] = ()
    folder: Path | None = None
    """Mounted Secrets, as `<connection>/<KEY>`; None where credentials are in the environment, as on a laptop."""

    def to(self, url: str, keys: tuple[str, ...]) -> Connection:
        """How the host of a URL is reached, its token under the first of the keys that has one."""
        host = urlsplit(url).hostname or ""
        reach = next((one for one in self.reaches if host_is_listed(host, one.hosts)), None)
        known = self._mounted(reach, keys) if self.folder else _from_environment(host)
        token = next((known[key] for key in keys if key in known), None)
        return Connection(reach.connection, reach.private_addresses, token) if reach else Connection(token=token)

    def _mounted(self, reach: Reach | None, keys: tuple[str, ...]) -> Mapping[str, str]:
        if reach is None or self.folder is None:
            return {}
        files = {key: self.folder / reach.connection / key for key in keys}
        found = {key: file.read_text().strip() for key, file in files.items() if file.is_file()}
        where = f"of the connection {reach.connection}"
        return {key: _checked(token, f"{key} {where}") for key, token in found.items() if token}


def _from_environment(host: str) -> Mapping[str, str]:
    """What the environment holds for that very host."""
    hub = urlsplit(os.environ.get("HF_ENDPOINT", "")).hostname or HUB_HOST
    key = {GITHUB_HOST: "GITHUB_TOKEN", hub: "HF_TOKEN"}.get(host)
    token = os.environ.get(key, "") if key else ""
    return {key: _checked(token, key)} if key and token else {}


def _checked(token: str, where: str) -> str:
    """The token itself. Raises BadInput where it would break a header."""
    if not (token.isascii() and token.isprintable()):
        raise BadInput(f"{where} is no token: it has characters that no header may have")
    return token
