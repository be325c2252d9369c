"""What a revision may name, and what a clone at hand says it means. References are read as files: running git in a
folder means reading its configuration.
"""

import re
from pathlib import Path

from repoloom_stages.errors import BadInput

COMMIT = re.compile(r"[0-9a-f]{40}")
ABBREVIATED_COMMIT = re.compile(r"[0-9a-f]{7,39}")

_SHA256_NAME = re.compile(r"[0-9a-f]{64}")
_REFERENCE = re.compile(r"refs/[^\x00-\x20\x7f~^:?*\[\\]+")
_BAD_PART = re.compile(r"^$|^\.|\.\.|@\{|\.lock$")
_MAX_REFERENCE_BYTES = 1024
_MAX_LINKS = 5


def checked_name(name: str) -> str:
    """The full name of a commit or other object, if it is one: nothing else may stand among git's arguments."""
    if not COMMIT.fullmatch(name):
        raise BadInput(f"{name!r} is no commit: 40 hexadecimal digits are needed")
    return name


def meanings(revision: str, *folders: str) -> list[str]:
    """Full references, `HEAD` or a commit that a revision can mean, the likeliest first; none for what is no name.

    `folders` are those of the references it may lie in, such as `refs/heads`. No syntax of git's for expressions
    (`main~1`, `a..b`) is understood.
    """
    if revision == "HEAD":
        return ["HEAD"]
    if not _is_reference(f"refs/heads/{revision}"):
        return []
    names = [revision] if revision.startswith("refs/") else [f"{folder}/{revision}" for folder in folders]
    return [*names, revision] if COMMIT.fullmatch(revision) else names


def _is_reference(name: str) -> bool:
    """Whether it may be a reference's name (git-check-ref-format), and so a path that stays where it starts."""
    return _REFERENCE.fullmatch(name) is not None and not any(map(_BAD_PART.search, name.split("/")))


class CheckoutFiles:
    """The files of a clone, a bare repository or a linked work tree that say which commits it holds."""

    def __init__(self, checkout: Path) -> None:
        """Raises BadInput where there is nothing that could be read."""
        self._checkout = checkout
        self._own = _git_folder(checkout)
        common = _small_text(self._own / "commondir").strip()
        self._common = (self._own / common).resolve() if common else self._own
        if not self.objects.is_dir():
            raise BadInput(f"{checkout} is no git checkout: pass a folder that has .git in it, or a bare repository")
        if (self._common / "reftable").is_dir():
            raise BadInput(f"{checkout} keeps its references as reftables, which are not read; clone it anew without")

    @property
    def objects(self) -> Path:
        """Where its contents, trees and commits lie."""
        return self._common / "objects"

    @property
    def shallow(self) -> bytes:
        """Which commits' parents it lacks, as git writes it; empty for a whole clone."""
        file = self._common / "shallow"
        return file.read_bytes() if file.is_file() else b""

    def target(self, name: str) -> str | None:
        """The object that `HEAD` or a full reference names: loose, packed, or by way of another reference."""
        for _ in range(_MAX_LINKS):
            text = _small_text((self._own if name == "HEAD" else self._common) / name)
            if not text.startswith("ref: "):
                return self._object(text.strip() or self._packed(name))
            name = text.removeprefix("ref: ").strip()
            if not _is_reference(name):
                break
        return None

    def _object(self, value: str) -> str | None:
        if _SHA256_NAME.fullmatch(value):
            raise BadInput(f"{self._checkout} names its objects by SHA-256, which is not supported")
        return value if COMMIT.fullmatch(value) else None

    def _packed(self, name: str) -> str:
        file = self._common / "packed-refs"
        if file.is_file():
            with file.open(errors="replace") as lines:
                for line in lines:
                    value, _, packed = line.rstrip("\n").partition(" ")
                    if packed == name:
                        return value
        return ""


def _git_folder(checkout: Path) -> Path:
    """Where HEAD lies: `.git`, what a `.git` file of a linked work tree points at, or the folder itself."""
    inside = checkout / ".git"
    if inside.is_dir():
        return inside.resolve()
    link = _small_text(inside)
    if link.startswith("gitdir: "):
        return (checkout / link.removeprefix("gitdir: ").strip()).resolve()
    return checkout.resolve()


def _small_text(file: Path) -> str:
    """A file's text, or nothing where there is no such file or more in it than a reference."""
    if not file.is_file() or file.stat().st_size > _MAX_REFERENCE_BYTES:
        return ""
    return file.read_text(errors="replace")
