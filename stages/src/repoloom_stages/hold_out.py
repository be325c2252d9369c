"""Stage `hold-out`: on which side each file stands that no time decides, for all recipes alike. It reads facts alone.

Files that share code (whole files or items in them, byte for byte) form groups, and a group stands on one side:

1. A group with code of a file that is held out, or trained on, by time goes to that side.
2. A group larger than the larger held-out share cannot be held out; it is trained on. In code full of copies one group
   can hold most of the bytes. The shares that it would have given come from the others: test and validation widen by
   total / others, at most to all that the others have.
3. A group's number in [0, 1), a hash of its smallest repository and path, is compared with the shares: test, then
   validation, then train. No group's side depends on the others, so a new file moves no other file, unless it joins
   groups or changes rule 2 or 4.
4. Of two or more groups, at least one is tested on and one trained on: if no number says so, the group whose bytes are
   nearest to the share of test goes there, and of the rest the largest is trained on.

Items shorter than `MIN_SHARED_BYTES` join nothing. A sample of one is still never on both sides: `split` drops it as a
leak from the held-out one.
"""

import hashlib
from collections.abc import Iterator, Mapping
from itertools import chain

from repoloom_api.catalogue import HoldOutParams
from repoloom_stages.facts import IndexedFile
from repoloom_stages.links import PlacedFile
from repoloom_stages.record_files import FILES, read_records, write_records
from repoloom_stages.records import TEST, TRAIN, VALIDATION, Side, first_side
from repoloom_stages.runtime.stage import Inputs, Outputs

MIN_SHARED_BYTES = 150
"""Below, code is derived or repeated by habit: getters, empty `impl`s, `fn new() -> Self { Self::default() }`. Joining
by all of it puts 15 % of the bytes of tokio and of ruff into one group, and 72 % of those of transformers; from 150
bytes on 3 %, 2 % and 69 %. What then stands on both sides is under 0.5 % of the held-out bytes."""

File = tuple[str, str]
"""Repository and path."""


def run(params: HoldOutParams, inputs: Inputs, outputs: Outputs) -> None:
    """Read the roles `index` and `places`, line for line; write `sides/files.jsonl.zst`, sorted by repository and path.

    Counted are the files that get a side here, not those that time has given one.
    """
    by_time: dict[str, str] = {}
    groups = Groups()
    for facts, place in _files(inputs):
        if place["split"]:
            for code in _codes(facts):
                by_time[code] = first_side(place["split"], by_time.get(code, place["split"]))
        else:
            outputs.take()
            outputs.keep()
            groups.add((place["repo"], place["path"]), place["bytes"], _codes(facts))
    sides = _sides_of_files(groups, by_time, params)
    lines = (Side(repo=repo, path=path, split=side) for (repo, path), side in sorted(sides.items()))
    write_records(outputs.file(f"sides/{FILES}"), lines)


def _files(inputs: Inputs) -> Iterator[tuple[IndexedFile, PlacedFile]]:
    for index, places in zip(inputs.many("index"), inputs.many("places"), strict=True):
        yield from zip(read_records(index / FILES), read_records(places / FILES), strict=True)


def _codes(facts: IndexedFile) -> Iterator[str]:
    """What a file may share with others: itself, and items that are not trivial."""
    items = (item["sha256"] for item in facts["items"] if item["end"] - item["start"] >= MIN_SHARED_BYTES)
    return chain([facts["blob"]], items)


class Groups:
    """Files joined by the code they share (union-find); a group is known by its smallest file."""

    def __init__(self) -> None:
        self.holders: dict[str, File] = {}
        """By code: a file that has it."""
        self._parents: dict[File, File] = {}
        self._bytes: dict[File, int] = {}

    def add(self, file: File, size: int, codes: Iterator[str]) -> None:
        """Join a file with those that have the same code."""
        self._parents.setdefault(file, file)
        self._bytes[file] = size
        for code in codes:
            one, other = self.key(file), self.key(self.holders.setdefault(code, file))
            self._parents[max(one, other)] = min(one, other)

    def key(self, file: File) -> File:
        """The smallest file of its group."""
        while (parent := self._parents[file]) != file:
            self._parents[file] = file = self._parents[parent]
        return file

    def keys(self) -> dict[File, File]:
        """The group of each file, in order."""
        return {file: self.key(file) for file in sorted(self._parents)}

    def sizes(self) -> dict[File, int]:
        """Bytes of the files of each group, in order."""
        sizes: dict[File, int] = {}
        for file, key in self.keys().items():
            sizes[key] = sizes.get(key, 0) + self._bytes[file]
        return sizes


def _sides_of_files(groups: Groups, by_time: Mapping[str, str], params: HoldOutParams) -> dict[File, str]:
    sides: dict[File, str] = {}
    for code, file in groups.holders.items():
        if code in by_time:
            key = groups.key(file)
            sides[key] = first_side(by_time[code], sides.get(key, by_time[code]))
    free = {key: size for key, size in groups.sizes().items() if key not in sides}
    sides |= assign_groups(free, params.validation_percent / 100, params.test_percent / 100)
    return {file: sides[key] for file, key in groups.keys().items()}


def assign_groups(sizes: Mapping[File, int], validation: float, test: float) -> dict[File, str]:
    """Side of each group, given its bytes and the shares to hold out (rules 2 to 4)."""
    total = sum(sizes.values())
    others = {key for key, size in sizes.items() if size <= total * max(validation, test)}
    held_out = validation + test
    widening = total / max(1, sum(sizes[key] for key in others))
    scale = min(widening, 1 / held_out) if held_out else 0.0
    sides = {
        key: _side(_number(key), validation * scale, test * scale) if key in others else TRAIN for key in sorted(sizes)
    }
    return _at_least_one_each(sides, sizes, test, train=1 - held_out)


def _number(key: File) -> float:
    """A number in [0, 1) that follows from a group's key alone."""
    return int.from_bytes(hashlib.sha256("\0".join(key).encode()).digest()[:6], "big") / 2**48


def _side(number: float, validation: float, test: float) -> str:
    if number < test:
        return TEST
    return VALIDATION if number < test + validation else TRAIN


def _at_least_one_each(
    sides: dict[File, str], sizes: Mapping[File, int], test: float, *, train: float
) -> dict[File, str]:
    """Rule 4. Ties go to the smaller key: groups come in order."""
    if len(sides) < 2:
        return sides
    if test > 0 and TEST not in sides.values():
        wanted = test * sum(sizes.values())
        sides[min(sides, key=lambda key: abs(sizes[key] - wanted))] = TEST
    if train > 0 and TRAIN not in sides.values():
        rest = [key for key in sides if sides[key] != TEST] or list(sides)
        sides[max(rest, key=lambda key: sizes[key])] = TRAIN
    return sides
