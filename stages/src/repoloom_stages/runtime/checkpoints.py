"""State of a training run that is not finished: saved whole or not at all, and read back newest first."""

from collections.abc import Iterator
from pathlib import Path


class Checkpoints:
    """Nowhere to keep anything: a run without a store starts over. `execute` passes the kind that keeps."""

    def save(self, step: int, folder: Path) -> None:
        """Keep a folder as the state after that optimizer step."""

    def newest_first(self, into: Path) -> Iterator[tuple[int, Path]]:
        """Restore kept states below a folder, verified, newest first, as (step, folder); broken ones are left out."""
        del into
        return iter(())

    def clear(self) -> None:
        """Forget all of them: the run is finished."""
