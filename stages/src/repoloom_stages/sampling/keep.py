"""What a recipe's `keep` takes of a source's files, and the reasons that what it leaves out is counted under."""

from repoloom_api.v1alpha1.recipes import Keep
from repoloom_stages.origins.globs import Globs

PATH, MIN_BYTES, MAX_BYTES = "path", "min-bytes", "max-bytes"
"""Why a file is left out; it counts as one sample then."""


class Kept:
    """A recipe's `keep`, its patterns compiled."""

    def __init__(self, keep: Keep) -> None:
        self._keep = keep
        self._include = Globs(keep.include or ("**",))
        self._exclude = Globs(keep.exclude)

    def reason_against(self, path: str, size: int) -> str | None:
        """Why a file of so many bytes is not taken, or None."""
        if not self._include.match(path) or self._exclude.match(path):
            return PATH
        if size < self._keep.min_bytes:
            return MIN_BYTES
        return MAX_BYTES if size > self._keep.max_bytes else None
