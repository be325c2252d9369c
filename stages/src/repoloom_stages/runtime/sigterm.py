"""SIGTERM ends a process with exit 75 and nothing half-written: what it was doing unwinds, and its folders go."""

import signal
from types import FrameType

from repoloom_stages.errors import Stopped


class Sigterm:
    """Notes SIGTERM from the moment it is made, and ends what is going on with Stopped."""

    def __init__(self) -> None:
        self._came = False
        signal.signal(signal.SIGTERM, self._end)

    def check(self) -> None:
        """Raise Stopped if SIGTERM came: Python drops what a handler raises in the middle of a finaliser."""
        if self._came:
            raise Stopped("stopped by SIGTERM: run it again")

    def _end(self, _number: int, _frame: FrameType | None) -> None:
        if not self._came:  # a second one must not break into what the first one cleans up
            self._came = True
            self.check()
