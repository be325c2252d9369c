"""How far a process is, over all that it has to do, in the file that Argo and the local runner read.

https://argo-workflows.readthedocs.io/en/latest/progress/
"""

from pathlib import Path

from repoloom_api.runs import PROGRESS_PER_UNIT


class Progress:
    """Counts units up to a total, which may grow while they are worked on."""

    def __init__(self, path: Path | None, units: int) -> None:
        self._path = path
        self._units = units
        self._done = 0
        self._written = ""

    def grow(self, units: int) -> None:
        """So many more units there are than was known."""
        self._units += units

    def part(self, done: int, total: int) -> None:
        """So much of the unit at hand is done. Of a unit alone the stage's own numbers are shown: they say more."""
        if self._units == 1:
            self._write(done, total)
        else:
            self._write_units(self._done * PROGRESS_PER_UNIT + PROGRESS_PER_UNIT * done // total)

    def unit(self) -> None:
        """One more unit is done."""
        self._done += 1
        self._write_units(self._done * PROGRESS_PER_UNIT)

    def _write_units(self, done: int) -> None:
        self._write(done, self._units * PROGRESS_PER_UNIT)

    def _write(self, done: int, total: int) -> None:
        text = f"{done}/{total}"
        if self._path and text != self._written:
            self._path.write_text(text)
            self._written = text
