"""Results per blob, kept between runs: pure functions of a stage's code and a blob's bytes.

A memo is an optimisation that cannot lie: losing or doubling one changes no output. `execute` loads a shard's packs
before the stage runs and saves what the stage added as one more pack.
"""


class Memo:
    """A mapping from blob to result that counts what it saved."""

    def __init__(self, known: dict[str, bytes] | None = None) -> None:
        self._known = known or {}
        self._used: dict[str, bytes] = {}
        self._added: dict[str, bytes] = {}
        self.reused = 0

    def get(self, blob: str) -> bytes | None:
        """The result for a blob, if an earlier run or file had it."""
        found = self._known.get(blob) or self._added.get(blob)
        if found is not None:
            self.reused += 1
            self._used[blob] = found
        return found

    def put(self, blob: str, result: bytes) -> None:
        """Keep a result for later runs."""
        self._added[blob] = result

    @property
    def computed(self) -> int:
        """How many results this run had to make."""
        return len(self._added)

    def added(self) -> dict[str, bytes]:
        """What this run added."""
        return dict(self._added)

    def used(self) -> dict[str, bytes]:
        """What this run asked for, and what it added."""
        return self._used | self._added
