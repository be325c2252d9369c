"""The base model shipped with the stages, as data: `scripts/make_tiny.py` made it and README.md measures it.

Import it for where the model lies and which model it is; nothing here loads it, so torch is not needed.
"""

import hashlib
from pathlib import Path

_FOLDER = Path(__file__).parent
_SUMS = "SHA256SUMS"

SHA256 = hashlib.sha256((_FOLDER / _SUMS).read_bytes()).hexdigest()
"""One digest for the whole model: of the committed list of its files' digests."""


def path() -> Path:
    """The folder for `from_pretrained`. A plain one: transformers reads no zip, and wheels are installed unpacked."""
    return _FOLDER


def file_digests() -> dict[str, str]:
    """The sha256 of each file the model is read from, by name, as committed in SHA256SUMS."""
    lines = (_FOLDER / _SUMS).read_text().splitlines()
    return {name: digest for digest, name in (line.split("  ", 1) for line in lines)}
