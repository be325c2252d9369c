"""Contents of a repository by name, read from one git that answers request by request."""

import hashlib
import subprocess
from collections import deque
from collections.abc import Iterable, Iterator

from repoloom_stages.errors import BadInput
from repoloom_stages.origins.git_process import output_of
from repoloom_stages.origins.references import checked_name

REQUESTS_AHEAD = 200
"""Contents asked for before the first is read, so that git and we need not wait in turn. Their names (41 bytes each)
must fit into a pipe's 64 KiB: git reads none of them while it waits for us to read its answer."""


class Blobs:
    """Contents by name, from a git that waits for requests."""

    def __init__(self, name: str, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None  # Mirror.blobs asks for it
        self._name = name
        self._requests, self._answers = process.stdin, output_of(process)
        self._waiting: deque[str] = deque()

    def read(self, blob: str, max_bytes: int) -> bytes | None:
        """A content, or None if it is larger. Raises BadInput if the repository lacks it."""
        (content,) = self.read_all([blob], max_bytes)
        return content

    def read_all(self, blobs: Iterable[str], max_bytes: int) -> Iterator[bytes | None]:
        """Contents in the order of their names, as `read` gives each. Nothing else can be read before the last one."""
        if self._waiting:
            raise RuntimeError("contents asked for before were not all read")
        for blob in blobs:
            self._waiting.append(checked_name(blob))
            self._requests.write(f"{blob}\n".encode())
            if len(self._waiting) == REQUESTS_AHEAD:
                yield self._answer(max_bytes)
        while self._waiting:
            yield self._answer(max_bytes)

    def _answer(self, max_bytes: int) -> bytes | None:
        blob = self._waiting.popleft()
        try:
            self._requests.flush()
        except BrokenPipeError as error:
            raise self._damaged(blob) from error
        header = self._answers.readline().split()
        if len(header) != 3 or header[1] != b"blob":
            raise self._damaged(blob)
        left = int(header[2])
        content = self._answers.read(left) if left <= max_bytes else None
        while content is None and left > 0 and (skipped := self._answers.read(min(left, 1 << 20))):
            left -= len(skipped)
        if self._answers.read(1) != b"\n" or (content is not None and _blob_name(content) != blob):
            raise self._damaged(blob)
        return content

    def _damaged(self, blob: str) -> BadInput:
        return BadInput(f"{self._name}: the content {blob} is missing or damaged; is it a partial or broken clone?")


def _blob_name(content: bytes) -> str:
    """What git calls a content. It does not look again when it reads, and a clone may have been tampered with."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
