"""Objects by name, in a folder or an S3 bucket, behind one interface.

Names are `/`-separated and relative to the store's root; the artifact store above gives them meaning. Whatever may work
later raises TryAgain, so that only the runner decides about retries; what a person must change raises BadInput. No
reader sees an object in part: it is there whole or not at all.
"""

import errno
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from repoloom_stages.errors import BadInput, TryAgain

STAGING = ".incoming"
"""Folder of a FolderStore for what is being written. What a killed process leaves here is no object."""

STAGING_SECONDS = 86_400.0
"""Age at which a file in STAGING counts as left behind: no writer is silent for that long."""

COPY_BYTES = 1 << 20


@dataclass(frozen=True)
class StoredObject:
    """An object as a listing shows it."""

    name: str
    bytes: int
    modified: float
    """Seconds since 1970, by the store's clock."""


class Store(Protocol):
    """What artifacts need of a store. All methods raise TryAgain, BadInput, and ValueError for what is no name."""

    @property
    def url(self) -> str:
        """What opens this store again, in another process."""
        ...

    def get(self, name: str) -> bytes | None:
        """Content of a small object; None if there is none."""
        ...

    def get_file(self, name: str, path: Path) -> bool:
        """Write an object to a file; False if there is none. When it raises, there is no file."""
        ...

    def put(self, name: str, data: bytes) -> None:
        """Write a small object whole, replacing any before it."""
        ...

    def put_if_absent(self, name: str, data: bytes) -> bool:
        """Write a small object unless there is one; whether it was written. Of two writers at once, one wins."""
        ...

    def put_file(self, name: str, path: Path) -> None:
        """Write a file's content whole."""
        ...

    def exists(self, name: str) -> bool:
        """Whether there is such an object."""
        ...

    def copy(self, name: str, target: str) -> None:
        """Give an object's content to another name, not through this process. TryAgain if there is no such object."""
        ...

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """Objects whose name starts with a prefix, in order of name."""
        ...

    def delete(self, name: str) -> None:
        """Remove an object; none is no error."""
        ...


def open_store(url: str) -> Store:
    """A store by what the command line calls it: `s3://bucket/prefix?endpoint=…`, or a folder."""
    if url.startswith("s3://"):
        from repoloom_stages.runtime.s3 import S3Store

        return S3Store.open(url)
    if "://" in url:
        # Without the rest of it: whoever mistypes a scheme may have put a password into the URL.
        raise BadInput(f"--store: {url.partition('://')[0]}:// is neither a folder nor s3://bucket/prefix")
    return FolderStore(Path(url))


def is_name(name: str) -> bool:
    """Whether every store can keep an object of that name and list it again.

    No segment is empty, `.` or `..`, nothing is a control character or outside Unicode. That no name is a folder of
    another (`a` and `a/b`) is for the caller to see to.
    """
    segments = name.split("/")
    if segments[0] == STAGING or any(segment in {"", ".", ".."} for segment in segments):
        return False
    return not any(letter < " " or "\x7f" <= letter < "\xa0" or "\ud800" <= letter < "\ue000" for letter in name)


def checked_name(name: str) -> str:
    """The name itself. Raises ValueError if it is none."""
    if not is_name(name):
        raise ValueError(f"not an object's name: {name!r}")
    return name


def checked_prefix(prefix: str) -> str:
    """The prefix itself. Raises ValueError if no name starts with it."""
    folder, slash, _ = prefix.rpartition("/")
    if slash:
        checked_name(folder)
    return prefix


NO_OBJECT = (FileNotFoundError, NotADirectoryError, IsADirectoryError)

REFUSED = frozenset(
    {
        errno.EACCES,
        errno.EPERM,  # also a link on a disk without links
        errno.EROFS,
        errno.ENAMETOOLONG,
        errno.ENOTSUP,
        # An object where the name needs a folder, or the other way round.
        errno.EEXIST,
        errno.ENOTDIR,
        errno.EISDIR,
    }
)
"""Errors that stay until a person changes something."""


class FolderStore:
    """A store in a folder, for one machine. It may be used from many threads and processes at once.

    Every write appears by a rename or a link on the same disk, after its bytes are on the disk: neither a killed
    process nor a power cut leaves part of an object under its name.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.expanduser().resolve()
        self._swept = False

    @property
    def url(self) -> str:
        return str(self.root)

    def get(self, name: str) -> bytes | None:
        with self._explained("read", name):
            try:
                return self._path(name).read_bytes()
            except NO_OBJECT:
                return None

    def get_file(self, name: str, path: Path) -> bool:
        with self._explained("read", name):
            try:
                source = self._path(name).open("rb")
            except NO_OBJECT:
                return False
            with source, removed_on_error(path), path.open("wb") as target:
                shutil.copyfileobj(source, target, COPY_BYTES)
            return True

    def put(self, name: str, data: bytes) -> None:
        with self._explained("write", name), self._staged() as staged:
            staged.write_bytes(data)
            self._publish(staged, name)

    def put_if_absent(self, name: str, data: bytes) -> bool:
        with self._explained("write", name), self._staged() as staged:
            staged.write_bytes(data)
            target = self._ready(staged, name)
            try:
                target.hardlink_to(staged)
            except FileExistsError:
                return False
            return True

    def put_file(self, name: str, path: Path) -> None:
        with path.open("rb") as source, self._explained("write", name), self._staged() as staged:
            with staged.open("wb") as target:
                shutil.copyfileobj(source, target, COPY_BYTES)
            self._publish(staged, name)

    def exists(self, name: str) -> bool:
        with self._explained("read", name):
            try:
                self._path(name).open("rb").close()
            except NO_OBJECT:
                return False
            return True

    def copy(self, name: str, target: str) -> None:
        # Never a link: whoever edits a published file in place would edit the blob that later runs read.
        with self._explained("copy", name), self._staged() as staged:
            try:
                shutil.copyfile(self._path(name), staged)
            except NO_OBJECT:
                raise TryAgain(f"{name} is not in the store {self.root}") from None
            self._publish(staged, target)

    def list(self, prefix: str) -> Iterator[StoredObject]:
        folder = checked_prefix(prefix).rpartition("/")[0]
        with self._explained("list", prefix):
            for path in self._walk(self.root / folder, prefix):
                with suppress(*NO_OBJECT):  # deleted meanwhile
                    status = path.stat()
                    yield StoredObject(self._name(path), status.st_size, status.st_mtime)

    def delete(self, name: str) -> None:
        with self._explained("delete", name), suppress(*NO_OBJECT):
            self._path(name).unlink()

    def _path(self, name: str) -> Path:
        return self.root / checked_name(name)

    def _name(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

    def _walk(self, folder: Path, prefix: str) -> Iterator[Path]:
        """Files below a folder whose name starts with a prefix, in order of name; memory follows one folder."""
        try:
            with os.scandir(folder) as found:
                # A folder takes its place by its name with a slash: `a.b` stands before `a/c`.
                entries = sorted((entry.name + "/" * entry.is_dir(follow_symlinks=False)) for entry in found)
        except NO_OBJECT:
            return
        for entry in entries:
            path = folder / entry
            name = self._name(path)
            if not entry.endswith("/"):
                if name.startswith(prefix) and is_name(name):
                    yield path
            elif f"{name}/".startswith(prefix) or prefix.startswith(f"{name}/"):
                yield from self._walk(path, prefix)

    @contextmanager
    def _staged(self) -> Iterator[Path]:
        """A name for a file on the store's disk that is gone when the block ends, whatever happened."""
        folder = self.root / STAGING
        folder.mkdir(parents=True, exist_ok=True)
        self._sweep(folder)
        staged = folder / secrets.token_hex(16)
        try:
            yield staged
        finally:
            staged.unlink(missing_ok=True)

    def _sweep(self, folder: Path) -> None:
        """Remove, once, what killed processes left behind."""
        if self._swept:
            return
        self._swept = True
        before = time.time() - STAGING_SECONDS
        for path in folder.iterdir():
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < before:
                    path.unlink()

    def _publish(self, staged: Path, name: str) -> None:
        staged.replace(self._ready(staged, name))

    def _ready(self, staged: Path, name: str) -> Path:
        """Where a staged file goes, its bytes on the disk and the folder made."""
        with staged.open("rb") as file:
            os.fsync(file.fileno())
        path = self._path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    @contextmanager
    def _explained(self, doing: str, name: str) -> Iterator[None]:
        """Raise what the operating system says as what the runner understands."""
        try:
            yield
        except OSError as error:
            message = f"cannot {doing} {name or 'objects'} in the store {self.root}: {error}"
            if error.errno in REFUSED:
                raise BadInput(f"{message}; make the folder writable or choose another --store") from error
            raise TryAgain(message) from error


@contextmanager
def removed_on_error(path: Path) -> Iterator[None]:
    """Leave no part of a file where the block raises."""
    try:
        yield
    except BaseException:
        path.unlink(missing_ok=True)
        raise
