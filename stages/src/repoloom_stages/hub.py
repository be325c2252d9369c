"""The Hugging Face Hub: what a model's revision means, and what the Hub's refusals mean to a person.

`resolve` asks for commits; whoever fetches files does so under `hub_errors` too.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from httpx2 import HTTPError
from huggingface_hub import HfApi
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from repoloom_stages.errors import BadInput, TryAgain

TIMEOUT_SECONDS = 30


def commit_of(repository: str, revision: str) -> str:
    """The commit (40 hex digits) that a model's branch, tag or commit names. Raises as `hub_errors` does."""
    with hub_errors(repository, revision):
        commit = HfApi().model_info(repository, revision=revision, timeout=TIMEOUT_SECONDS).sha
    if commit is None:
        raise TryAgain(f"the Hub names no commit of {repository} at {revision!r}")
    return commit


@contextmanager
def hub_errors(repository: str, revision: str) -> Iterator[None]:
    """Raises BadInput for what a person must change and TryAgain for what may pass; no message shows a token."""
    where = f"huggingFace.repository {repository}"
    try:
        yield
    except GatedRepoError as error:
        raise BadInput(f"{where} is gated: ask for access at its page, and pass a token that has it") from error
    except RevisionNotFoundError as error:
        raise BadInput(f"{where} has no revision {revision!r}: name a branch, tag or commit that exists") from error
    except RepositoryNotFoundError as error:
        raise BadInput(f"{where} does not exist, or is private and the token has no access to it") from error
    except OfflineModeIsEnabled as error:
        raise BadInput(f"{where} cannot be asked for while HF_HUB_OFFLINE is set") from error
    except HfHubHTTPError as error:
        status = error.response.status_code
        if status < 500 and status not in (408, 429):
            raise BadInput(f"the Hub refuses {where}: HTTP status {status}") from error
        raise TryAgain(f"the Hub answers HTTP status {status} for {repository}") from error
    except (HTTPError, OSError) as error:
        raise TryAgain(f"the Hub cannot be reached for {repository}: {type(error).__name__}") from error
