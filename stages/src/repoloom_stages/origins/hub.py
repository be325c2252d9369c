"""The Hugging Face Hub: what a model's revision means, and what the Hub's refusals mean to a person.

`resolve` asks for commits; whoever fetches files does so under `hub_errors` too.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from httpx2 import HTTPError
from huggingface_hub import HfApi, constants
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from repoloom_stages.errors import BadInput, CredentialMissing, NoSuchSource, SourceUnavailable
from repoloom_stages.runtime.connections import HUB_KEYS, Connection, Connections

TIMEOUT_SECONDS = 30
UNAUTHORIZED = 401


def hub_connection(connections: Connections) -> Connection:
    """How the Hub is reached, or what stands in for it on this machine."""
    return connections.to(constants.ENDPOINT, HUB_KEYS)


def hub_api(connection: Connection) -> HfApi:
    """A client with the connection's token or none: False keeps it from a login that lies in the home folder."""
    return HfApi(endpoint=constants.ENDPOINT, token=connection.token or False)


def commit_of(repository: str, revision: str, connections: Connections) -> str:
    """The commit (40 hex digits) that a model's branch, tag or commit names. Raises as `hub_errors` does."""
    connection = hub_connection(connections)
    with hub_errors(repository, revision, connection):
        commit = hub_api(connection).model_info(repository, revision=revision, timeout=TIMEOUT_SECONDS).sha
    if commit is None:
        raise SourceUnavailable(f"the Hub names no commit of {repository} at {revision!r}")
    return commit


@contextmanager
def hub_errors(repository: str, revision: str, connection: Connection) -> Iterator[None]:
    """Raises BadInput for what a person must change and TryAgain for what may pass; no message shows a token."""
    where = f"huggingFace.repository {repository}"
    try:
        yield
    except GatedRepoError as error:
        raise _closed(f"{where} is gated: ask for access at its page", connection) from error
    except RevisionNotFoundError as error:
        raise NoSuchSource(f"{where} has no revision {revision!r}: name a branch, tag or commit that exists") from error
    except RepositoryNotFoundError as error:
        raise _closed(f"{where} does not exist, or is private", connection) from error
    except OfflineModeIsEnabled as error:
        raise BadInput(f"{where} cannot be asked for while HF_HUB_OFFLINE is set") from error
    except HfHubHTTPError as error:
        status = error.response.status_code
        if status == UNAUTHORIZED:
            raise _closed(f"the Hub refuses {where}: HTTP status {status}", connection) from error
        if status < 500 and status not in (408, 429):
            raise NoSuchSource(f"the Hub refuses {where}: HTTP status {status}") from error
        raise SourceUnavailable(f"the Hub answers HTTP status {status} for {repository}") from error
    except (HTTPError, OSError) as error:
        raise SourceUnavailable(f"the Hub cannot be reached for {repository}: {type(error).__name__}") from error


def _closed(message: str, connection: Connection) -> BadInput:
    """What is wrong where a token may be: that there is none, or that it does not open this."""
    if connection.token is None:
        return CredentialMissing(f"{message}, and there is no token to show; {connection.advice(HUB_KEYS)}")
    return NoSuchSource(f"{message}, and the token does not open it")
