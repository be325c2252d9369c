"""Stage `deduplicate`: which samples of one output are copies of another of it.

Copies show the same code in the same view, byte for byte, whatever their headers say. The survivor stands on the
training side if any of them does, so that dropping copies also clears training code out of what is held out. It reads
ids and hashes alone; `write-output` leaves the copies out.
"""

from collections.abc import Iterator

from repoloom_api.catalogue import DeduplicateParams
from repoloom_stages.records import TEST, TRAIN, VALIDATION, Copy, SampleId, read_all, write_records
from repoloom_stages.runtime.stage import Inputs, Outputs

PREFERENCE = (TRAIN, "", VALIDATION, TEST)
"""Whose copy survives. Where `split` still decides (the empty one), all copies come to stand on one side."""

Rank = tuple[int, str, str, int, str]


def run(params: DeduplicateParams, inputs: Inputs, outputs: Outputs) -> None:  # noqa: ARG001 (exact is the only kind)
    """Compare the samples of role `ids`, but for those of role `refused`; `copies/ids.jsonl.zst` says what to drop."""
    refused = {sample["id"] for sample in read_all(inputs.many("refused"), "ids.jsonl.zst")}
    survivors: dict[str, Rank] = {}
    for sample in _samples(inputs):
        outputs.take()
        if sample["id"] in refused:
            outputs.drop("refused")
            continue
        rank = _rank(sample)
        survivors[sample["copy_key"]] = min(rank, survivors.get(sample["copy_key"], rank))
    outputs.keep(len(survivors))
    outputs.drop("copy", outputs.records_in - outputs.kept - outputs.dropped["refused"])
    write_records(outputs.file("copies/ids.jsonl.zst"), _copies(inputs, refused, survivors))


def _samples(inputs: Inputs) -> Iterator[SampleId]:
    return read_all(inputs.many("ids"), "ids.jsonl.zst")


def _rank(sample: SampleId) -> Rank:
    return PREFERENCE.index(sample["split"]), sample["repo"], sample["path"], sample["start"], sample["id"]


def _copies(inputs: Inputs, refused: set[str], survivors: dict[str, Rank]) -> list[Copy]:
    """By id. A sample made twice under one id is no copy of itself here: `write-output` writes each id once."""
    copies = {}
    for sample in _samples(inputs):
        survivor = survivors[sample["copy_key"]][-1] if sample["id"] not in refused else sample["id"]
        if sample["id"] != survivor:
            copies[sample["id"]] = survivor
    return [Copy(id=sample, of=copies[sample]) for sample in sorted(copies)]
