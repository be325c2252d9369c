"""Stage `split`: on which side each sample of all recipes stands. It reads ids and hashes alone.

By time, the snapshot has said so already; here a held-out sample is a leak if its code stands on the training side too.

By file, files that share code (whole files or items in them, byte for byte, across recipes) form groups, and a group
stands on one side with all its samples:

1. A group with code of a sample that is held out, or trained on, by time goes to that side.
2. A group larger than the larger held-out share cannot be held out; it is trained on. In code full of copies one group
   can hold most of the bytes (74 % of those of transformers 5.23, by functions and classes). The shares that it would
   have given come from the others: test and validation widen by total / others, at most to all that the others have.
3. A group's number in [0, 1), a hash of its smallest repository and path, is compared with the shares: test, then
   validation, then train. No group's side depends on the others, so a new file moves no other file, unless it joins
   groups or changes rule 2 or 4.
4. Of two or more groups, at least one is tested on and one trained on: if no number says so, the group whose bytes are
   nearest to the share of test goes there, and of the rest the largest is trained on.
"""

import hashlib
from collections.abc import Iterator, Mapping

from repoloom_api.catalogue import SplitParams
from repoloom_stages.records import LEAK, SPLITS, TEST, TRAIN, VALIDATION, Assigned, SampleId, read_all, write_records
from repoloom_stages.stage import Inputs, Outputs

RANKS = {side: rank for rank, side in enumerate((*SPLITS, ""))}

File = tuple[str, str]
"""Repository and path."""


def run(params: SplitParams, inputs: Inputs, outputs: Outputs) -> None:
    """Assign every sample of role `ids`; `splits/ids.jsonl.zst` holds one line for each id, by id."""
    by_time: dict[str, str] = {}
    groups = Groups()
    for sample in _samples(inputs):
        if sample["split"]:
            by_time[sample["content"]] = _first(sample["split"], by_time.get(sample["content"], sample["split"]))
        else:
            groups.add(sample)
    sides = _sides_of_files(groups, by_time, params)
    trained = {content for content, side in by_time.items() if side == TRAIN}
    trained |= {content for content, file in groups.holders.items() if sides[file] == TRAIN}
    assigned: dict[str, str] = {}
    for sample in _samples(inputs):
        side = _side_of(sample, sides, trained)
        _count(side, outputs)
        assigned[sample["id"]] = _first(side, assigned.get(sample["id"], side))
    lines = (Assigned(id=sample, split=assigned[sample]) for sample in sorted(assigned))
    write_records(outputs.file("splits/ids.jsonl.zst"), lines)


def _side_of(sample: SampleId, sides: Mapping[File, str], trained: set[str]) -> str:
    side = sample["split"] or sides[sample["repo"], sample["path"]]
    return "" if side != TRAIN and sample["content"] in trained else side


def _samples(inputs: Inputs) -> Iterator[SampleId]:
    return read_all(inputs.many("ids"), "ids.jsonl.zst")


def _first(*sides: str) -> str:
    """Of the sides that one code or id stands on, the first: train, validation, test, none."""
    return min(sides, key=RANKS.__getitem__)


def _count(side: str, outputs: Outputs) -> None:
    outputs.take()
    if side:
        outputs.keep()
    else:
        outputs.drop(LEAK)


class Groups:
    """Files joined by the code they share (union-find); a group is known by its smallest file."""

    def __init__(self) -> None:
        self.holders: dict[str, File] = {}
        """By code: a file that shows it."""
        self._parents: dict[File, File] = {}
        self._bytes: dict[File, int] = {}

    def add(self, sample: SampleId) -> None:
        """Join a sample's file with those that show the same code."""
        file = sample["repo"], sample["path"]
        self._parents.setdefault(file, file)
        self._bytes[file] = self._bytes.get(file, 0) + sample["bytes"]
        one, other = self.key(file), self.key(self.holders.setdefault(sample["content"], file))
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
        """Bytes of the samples of each group, in order."""
        sizes: dict[File, int] = {}
        for file, key in self.keys().items():
            sizes[key] = sizes.get(key, 0) + self._bytes[file]
        return sizes


def _sides_of_files(groups: Groups, by_time: Mapping[str, str], params: SplitParams) -> dict[File, str]:
    sides: dict[File, str] = {}
    for content, file in groups.holders.items():
        if content in by_time:
            key = groups.key(file)
            sides[key] = _first(by_time[content], sides.get(key, by_time[content]))
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
