"""How a stage fails: the exit codes of the command line, each with the reason that status shows."""

import errno
import os

from repoloom_api.v1alpha1.conditions import Reason


class StageError(Exception):
    """A failure that a person can act on: the message names the field or file, and what to do."""

    exit_code = 1
    reason = Reason.STAGE_FAILED


class BadInput(StageError):
    """What was asked cannot be done as written (exit 64)."""

    exit_code = 64


class NoSuchSource(BadInput):
    """What is to be read is not there, or its host refuses it for good."""

    reason = Reason.SOURCE_UNAVAILABLE


class CredentialMissing(BadInput):
    """A host refuses anonymous access, and the connection to it has no credential."""

    reason = Reason.CREDENTIAL_MISSING


class DatasetChanged(BadInput):
    """What a run read at its start is no longer what it is to read."""

    reason = Reason.DATASET_CHANGED


class UnsafeInput(StageError):
    """The input tries something it must not, or the run diverged (exit 65)."""

    exit_code = 65


class ConnectionDenied(UnsafeInput):
    """A host is where the settings let no stage go."""

    reason = Reason.CONNECTION_DENIED


class GateNotMet(StageError):
    """The result is not good enough to publish (exit 66)."""

    exit_code = 66
    reason = Reason.VERDICT_REFUSED


class TryAgain(StageError):
    """Something outside failed that may work later (exit 75); the runner and Argo retry these alone."""

    exit_code = 75


class SourceUnavailable(TryAgain):
    """A host that a stage reads from does not answer, or not well."""

    reason = Reason.SOURCE_UNAVAILABLE


class DiskFull(TryAgain):
    """The disk is full. A retry gets a folder of its own, perhaps on another machine, and often fits there."""

    reason = Reason.STAGE_DISK_FULL


class Stopped(BaseException):
    """SIGTERM came (exit 75). No `Exception`: libraries that catch those would go on, or say that something broke."""

    exit_code = TryAgain.exit_code
    reason = Reason.STAGE_FAILED


_FULL = tuple(os.strerror(number) for number in (errno.ENOSPC, errno.EDQUOT))


def says_disk_full(error: BaseException) -> bool:
    """Whether a full disk is behind an error. Its words are looked at: git, torch and Rust hand on nothing else."""
    seen: BaseException | None = error
    while seen is not None:
        if any(words in str(seen) for words in _FULL):
            return True
        seen = seen.__cause__ or seen.__context__
    return False
