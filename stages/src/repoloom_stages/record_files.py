"""Files of records: zstd-compressed JSON lines, written and read one record at a time.

Equal records give equal bytes: compression is single-threaded. What they are, `records`, `facts` and `links` say.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import zstandard

from repoloom_stages.records import Record, id_of

LEVEL = 3
"""zstd level: 239 MB per CPU second here, against 196 for plain JSON of the standard library."""

READ_BYTES = 1 << 17
"""At a time: stages that merge have a hundred shards of a large source open at once."""

FILES = "files.jsonl.zst"
"""A shard's files, and beside them, line for line, their facts, places and links; also their sides, and their order."""


def write_records(path: Path, records: Iterable[Any]) -> int:
    """Write JSON lines, compressed; returns how many. The folder is made."""
    number = 0
    with open_lines(path) as write:
        for record in records:
            write(orjson.dumps(record))
            number += 1
    return number


@contextmanager
def open_lines(path: Path) -> Iterator[Callable[[bytes], None]]:
    """The same for records that are JSON already: what to call with each, in order. The folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file, zstandard.ZstdCompressor(level=LEVEL).stream_writer(file) as stream:

        def write(line: bytes) -> None:
            stream.write(line + b"\n")

        yield write


def read_records(path: Path) -> Iterator[Any]:
    """Read what `write_records` wrote, one at a time."""
    return map(orjson.loads, read_lines(path))


def read_lines(path: Path) -> Iterator[bytes]:
    """The same, as JSON."""
    with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as stream:
        parts: list[bytes] = []
        while chunk := stream.read(READ_BYTES):
            parts.append(chunk)
            if b"\n" in chunk:
                *lines, rest = b"".join(parts).split(b"\n")
                parts = [rest]
                yield from lines


def without_text(line: bytes) -> bytes:
    """A source file's JSON without its text, which comes last and is most of it.

    What ends before it stands in no string: JSON writes a backslash before quotes there.
    """
    return line[: line.index(b',"text":"')] + b"}"


def count_records(path: Path) -> int:
    """How many records there are."""
    with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as stream:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: stream.read(READ_BYTES), b""))


def read_all(folders: Iterable[Path], name: str) -> Iterator[Any]:
    """Read the file of that name in each folder, as the shards of a fan-out leave them, one record at a time."""
    for folder in folders:
        yield from read_records(folder / name)


def write_samples(folder: Path, records: Iterable[Record]) -> None:
    """Write what every recipe leaves in its folder: `records/`, and their ids in `ids/`, in the same order."""
    with (
        open_lines(folder / "records/records.jsonl.zst") as write,
        open_lines(folder / "ids/ids.jsonl.zst") as write_id,
    ):
        for record in records:
            write(orjson.dumps(record))
            write_id(orjson.dumps(id_of(record)))


def read_sides(folders: Iterable[Path]) -> dict[tuple[str, str], str]:
    """The sides that `hold-out` chose, by repository and path."""
    return {(one["repo"], one["path"]): one["split"] for one in read_all(folders, FILES)}
