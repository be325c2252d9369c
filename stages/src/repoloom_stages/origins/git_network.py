"""Which URLs git may fetch from, and what its complaints about one mean. `git_process` starts it."""

import base64
import re
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies, proxy_bypass

from repoloom_stages.errors import (
    BadInput,
    CredentialMissing,
    NoSuchSource,
    SourceUnavailable,
    StageError,
    UnsafeInput,
)
from repoloom_stages.origins.addresses import public_addresses
from repoloom_stages.runtime.connections import GIT_KEYS, Connection

_DEFAULT_PORTS = {"https": 443, "http": 80}
_CREDENTIALS = re.compile(r"//[^/]*@")
_UNPRINTABLE = re.compile(r"[\s\x00-\x1f\x7f-\x9f]")


_USE_A_CLONE = "clone it by other means and pass --source NAME=DIR"
_BUSY = ("408", "425", "429")


class NoSuchReference(NoSuchSource):
    """The server has no reference or commit of that name."""


_MEANINGS: tuple[tuple[re.Pattern[str], type[StageError], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), error, advice)
    for pattern, error, advice in (
        (
            r"couldn't find remote ref|no such remote ref|not our ref|unadvertised object",
            NoSuchReference,
            "has no such branch, tag or commit",
        ),
        (
            r"redirect|returned error: 3\d\d",
            NoSuchSource,
            "redirects, which is not followed: write the address it leads to (often the same with .git)",
        ),
        (
            r"authentication failed|could not read (username|password)|prompts disabled|returned error: 40[13]",
            CredentialMissing,
            "does not exist or refuses anonymous access: correct it",
        ),
        (
            r"not found|not a git repository|is this a git repository|returned error: (404|410)",
            NoSuchSource,
            f"is no repository: correct it, or {_USE_A_CLONE}",
        ),
        (
            r"certificate",
            NoSuchSource,
            "has no certificate that this machine trusts: use another address, or have it added",
        ),
        (rf"returned error: ({'|'.join(_BUSY)})", SourceUnavailable, "is busy"),
        (
            r"returned error: 4\d\d|mismatched algorithms|dumb http",
            NoSuchSource,
            f"cannot be fetched from: {_USE_A_CLONE}",
        ),
    )
)
"""What git says, and what that means; the first that fits. Anything else may pass by itself."""


def check_url(url: str, *, private_addresses: bool) -> SplitResult:
    """The parts of a URL that may be fetched from.

    Raises UnsafeInput unless it is HTTPS (plain HTTP too, where private addresses are allowed), and BadInput if it
    holds credentials: those come from connections, and a URL ends up in every record.
    """
    try:
        parts = urlsplit(url)
        port_is_right = parts.port is None or parts.port > 0
    except ValueError:
        raise BadInput(f"{shown(url)} is no URL") from None
    allowed = ("https", "http") if private_addresses else ("https",)
    if parts.scheme not in allowed or not url.startswith(f"{parts.scheme}://"):
        raise UnsafeInput(f"{shown(url)}: repositories are fetched over https:// only; --source NAME=DIR reads a clone")
    if parts.username is not None or parts.password is not None:
        raise BadInput(f"{shown(url)}: leave the credentials out of the URL; they belong to a connection")
    if not parts.hostname or not port_is_right or _UNPRINTABLE.search(url):
        raise BadInput(f"{shown(url)} is no URL")
    return parts


def pinned_address(parts: SplitResult) -> dict[str, str]:
    """Git's configuration that makes it connect to the public addresses which the host has now.

    Raises UnsafeInput if the host has any other. Git before 2.37 does not know the setting and looks the name up again.
    """
    host = parts.hostname or ""
    port = parts.port or _DEFAULT_PORTS[parts.scheme]
    try:
        addresses = public_addresses(host, port)
    except SourceUnavailable:
        if _proxied(parts.scheme, host):
            return {}  # Behind a proxy there may be no name service; the proxy has one, and its own rules.
        raise
    if ":" in host:
        return {}
    return {"http.curloptResolve": f"{host}:{port}:{','.join(addresses)}"}


def _proxied(scheme: str, host: str) -> bool:
    return not getproxies().keys().isdisjoint((scheme, "all")) and not proxy_bypass(host)


def credential(parts: SplitResult, token: str | None) -> dict[str, str]:
    """Environment that makes git show a token to the host and port of a URL and to no other.

    An argument would show it to every process on the machine.
    """
    if token is None:
        return {}
    login = base64.b64encode(f"x-access-token:{token}".encode()).decode()
    return {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"http.{parts.scheme}://{parts.netloc}/.extraHeader",
        "GIT_CONFIG_VALUE_0": f"Authorization: Basic {login}",
    }


def network_error(url: str, message: str, connection: Connection) -> StageError:
    """What git's message about a URL means to a person: try again, or change something."""
    for pattern, error, advice in _MEANINGS:
        if pattern.search(message):
            said = f"(git says: {message})"
            if error is not CredentialMissing:
                return error(f"{url} {advice} {said}")
            if connection.token:
                return NoSuchSource(f"{url} does not exist, or the credential for its host does not open it {said}")
            return error(f"{url} {advice}, {connection.advice(GIT_KEYS)}, or {_USE_A_CLONE} {said}")
    return SourceUnavailable(f"{url} cannot be reached (git says: {message})")


def shown(url: str) -> str:
    """A URL as messages may show it: without credentials and control characters."""
    return repr(_CREDENTIALS.sub("//", url[:1024])).strip("'")
