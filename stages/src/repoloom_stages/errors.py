"""How a stage fails: the exit codes of the command line, each with the reason that status shows."""


class StageError(Exception):
    """A failure that a person can act on: the message names the field or file, and what to do."""

    exit_code = 1
    reason = "StageFailed"


class BadInput(StageError):
    """What was asked cannot be done as written (exit 64)."""

    exit_code = 64


class UnsafeInput(StageError):
    """The input tries something it must not, or the run diverged (exit 65)."""

    exit_code = 65


class GateNotMet(StageError):
    """The result is not good enough to publish (exit 66)."""

    exit_code = 66
    reason = "VerdictRefused"


class TryAgain(StageError):
    """Something outside failed that may work later (exit 75); the runner and Argo retry these alone."""

    exit_code = 75
    reason = "SourceUnavailable"
