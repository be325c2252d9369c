"""Stage `split`: on which side each sample of all recipes stands. It reads ids and hashes alone.

By time, the snapshot has said so already; by file, `hold-out` has, and a sample stands where its first file does. A
held-out sample whose code some training sample shows, byte for byte and in whatever recipe, is a leak.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from repoloom_api.catalogue import SplitParams
from repoloom_stages.errors import BadInput
from repoloom_stages.record_files import read_all, read_sides, write_records
from repoloom_stages.records import LEAK, SPLITS, TRAIN, Assigned, SampleId
from repoloom_stages.runtime.digests import CODE_BYTES, ID_BYTES, Digests, Packed, SortedDigests, hexadecimal
from repoloom_stages.runtime.stage import Inputs, Outputs

Sides = Mapping[tuple[str, str], str]
"""By repository and path."""

ORDER = (*SPLITS, "")
"""Of the sides that one id stands on, the first counts; the last is none."""


def run(params: SplitParams, inputs: Inputs, outputs: Outputs) -> None:  # noqa: ARG001 - as every stage
    """Assign every sample of role `ids`; `splits/ids.jsonl.zst` holds one line for each id, by id.

    Raises BadInput if a sample is of a file that neither the snapshot nor role `sides` has a side for.
    """
    by_file = read_sides(inputs.many("sides"))
    ids, codes, stands = Digests(ID_BYTES), Digests(CODE_BYTES), bytearray()
    for sample in _samples(inputs):
        ids.add(sample["id"])
        codes.add(sample["content"])
        stands.append(ORDER.index(_stands(sample, by_file)))
    sides = np.frombuffer(stands, dtype=np.uint8).copy()
    held_out = sides != ORDER.index(TRAIN)
    trained = SortedDigests(codes.packed()[~held_out])
    sides[held_out & trained.holds(codes.packed())] = ORDER.index("")
    _count(sides, outputs)
    write_records(outputs.file("splits/ids.jsonl.zst"), _assigned(ids.packed(), sides))


def _samples(inputs: Inputs) -> Iterator[SampleId]:
    return read_all(inputs.many("ids"), "ids.jsonl.zst")


def _stands(sample: SampleId, sides: Sides) -> str:
    """Where its file stands, whoever said so."""
    try:
        return sample["split"] or sides[sample["repo"], sample["path"]]
    except KeyError:
        raise BadInput(
            f"sides/files.jsonl.zst has no {sample['path']} of {sample['repo']}: run hold-out again"
        ) from None


def _count(sides: npt.NDArray[np.uint8], outputs: Outputs) -> None:
    leaks = int((sides == ORDER.index("")).sum())
    outputs.take(len(sides))
    outputs.keep(len(sides) - leaks)
    if leaks:
        outputs.drop(LEAK, leaks)


def _assigned(ids: Packed, sides: npt.NDArray[np.uint8]) -> Iterator[Assigned]:
    """One line for each id, by id."""
    order = np.lexsort((sides, ids))
    before = None
    for place in order:
        if ids[place] != before:
            before = ids[place]
            yield Assigned(id=hexadecimal(before, ID_BYTES), split=ORDER[sides[place]])
