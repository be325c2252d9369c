"""Stage `split`: on which side each sample of all recipes stands. It reads ids and hashes alone.

By time, the snapshot has said so already; by file, `hold-out` has, and a sample stands where its first file does. A
held-out sample whose code some training sample shows, byte for byte and in whatever recipe, is a leak.
"""

from collections.abc import Iterator, Mapping

from repoloom_api.catalogue import SplitParams
from repoloom_stages.errors import BadInput
from repoloom_stages.records import LEAK, TRAIN, Assigned, SampleId, first_side, read_all, read_sides, write_records
from repoloom_stages.runtime.stage import Inputs, Outputs

Sides = Mapping[tuple[str, str], str]
"""By repository and path."""


def run(params: SplitParams, inputs: Inputs, outputs: Outputs) -> None:  # noqa: ARG001 - as every stage
    """Assign every sample of role `ids`; `splits/ids.jsonl.zst` holds one line for each id, by id.

    Raises BadInput if a sample is of a file that neither the snapshot nor role `sides` has a side for.
    """
    sides = read_sides(inputs.many("sides"))
    trained = {sample["content"] for sample in _samples(inputs) if _stands(sample, sides) == TRAIN}
    assigned: dict[str, str] = {}
    for sample in _samples(inputs):
        side = _stands(sample, sides)
        if side != TRAIN and sample["content"] in trained:
            side = ""
        _count(side, outputs)
        assigned[sample["id"]] = first_side(side, assigned.get(sample["id"], side))
    lines = (Assigned(id=sample, split=assigned[sample]) for sample in sorted(assigned))
    write_records(outputs.file("splits/ids.jsonl.zst"), lines)


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


def _count(side: str, outputs: Outputs) -> None:
    outputs.take()
    if side:
        outputs.keep()
    else:
        outputs.drop(LEAK)
