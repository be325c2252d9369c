"""What a stage sees: folders to read, a folder to write, and counters.

A stage cannot tell whether the local runner or Argo started it.
"""

import math
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from repoloom_api.runs import Pin
from repoloom_stages.runtime.checkpoints import Checkpoints
from repoloom_stages.runtime.connections import Connections
from repoloom_stages.runtime.memos import Memo
from repoloom_stages.runtime.publication import Publication

PIN_FILE = "pin.json"
"""Name of the file in which a stage finds a pin."""

PROGRESS_SECONDS = 0.2
"""Between two words on progress, each of which is a small file written."""


@dataclass(frozen=True)
class Inputs:
    """Read-only folders by role, in the plan's order; of a fan-out, one for each shard."""

    folders: Mapping[str, tuple[Path, ...]]
    digests: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Digests of those folders, by role."""
    checkouts: Mapping[str, Path] = field(default_factory=dict)
    """Clones at hand, by pin (`source/<name>`), that stand in for the source's URL. Only bytes come from them."""
    latest_dataset: Callable[[str], str | None] = dict[str, str]().get
    """Digest of the newest published result of the DatasetBuild of that name, for `resolve`."""
    known_pins: Mapping[str, Pin] = field(default_factory=dict)
    """Pins that were settled before the run started, for `resolve`."""
    connections: Connections = field(default_factory=Connections)
    """How a stage with network access reaches its hosts."""

    @property
    def checkout(self) -> Path | None:
        """The clone for a task that reads one pinned source; `execute` passes no other."""
        return next(iter(self.checkouts.values()), None)

    def pin(self, role: str) -> Pin:
        """What a role's name was pinned to."""
        return Pin.model_validate_json((self.one(role) / PIN_FILE).read_bytes())

    def many(self, role: str) -> tuple[Path, ...]:
        """All folders of a role; none is no error."""
        return self.folders.get(role, ())

    def one(self, role: str) -> Path:
        """The only folder of a role. Raises LookupError if there is not exactly one."""
        (folder,) = self.folders[role]
        return folder


@dataclass
class Outputs:
    """Where a stage writes, and what it counts. `execute` publishes the folder and puts the manifest last."""

    folder: Path
    memo: Memo = field(default_factory=Memo)
    """Results per blob from earlier runs; of use to stages that the catalogue marks so."""
    checkpoints: Checkpoints = field(default_factory=Checkpoints)
    """State of an interrupted training run; without a store, nothing is kept."""
    publication: Publication | None = None
    """Where `publish` puts the result; no other stage has it."""
    tell: Callable[[int, int], None] | None = None
    """Hears how much is done, of how much."""
    records_in: int = 0
    kept: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    _told_at: float = field(default=-math.inf, init=False, repr=False)

    def file(self, path: str) -> Path:
        """Where to write the file of that path, its folder made."""
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        return target

    def take(self, number: int = 1) -> None:
        """Count records read."""
        self.records_in += number

    def keep(self, number: int = 1) -> None:
        """Count records written."""
        self.kept += number

    def drop(self, reason: str, number: int = 1) -> None:
        """Count records not written."""
        self.dropped[reason] += number

    def progress(self, done: int, total: int) -> None:
        """Say how far the work is, as often as one likes: a word now and then is passed on, and the last one."""
        if self.tell is None or total <= 0:
            return
        now = time.monotonic()
        if done >= total or now - self._told_at >= PROGRESS_SECONDS:
            self._told_at = now
            self.tell(min(done, total), total)
