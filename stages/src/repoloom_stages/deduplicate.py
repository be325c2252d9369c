"""Stage `deduplicate`: which samples of one output are copies of another of it.

Copies show the same code in the same view, byte for byte, whatever their headers say. The survivor stands on the
training side if any of them does, so that dropping copies also clears training code out of what is held out. It reads
ids and hashes alone; `write-output` leaves the copies out.
"""

from array import array
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from repoloom_api.catalogue import DeduplicateParams
from repoloom_stages.record_files import read_all, write_records
from repoloom_stages.records import TEST, TRAIN, VALIDATION, Copy, SampleId
from repoloom_stages.runtime.digests import CODE_BYTES, ID_BYTES, Digests, Packed, SortedDigests, hexadecimal
from repoloom_stages.runtime.stage import Inputs, Outputs

PREFERENCE = (TRAIN, "", VALIDATION, TEST)
"""Whose copy survives. Where `split` still decides (the empty one), all copies come to stand on one side."""

Places = npt.NDArray[np.int64]
"""Places of samples among all that are compared."""


def run(params: DeduplicateParams, inputs: Inputs, outputs: Outputs) -> None:  # noqa: ARG001 (exact is the only kind)
    """Compare the samples of role `ids`, but for those of role `refused`; `copies/ids.jsonl.zst` says what to drop."""
    refused = read_all(inputs.many("refused"), "ids.jsonl.zst")
    apart = SortedDigests(Digests(ID_BYTES, (one["id"] for one in refused)).packed())
    samples = _Samples()
    for sample in _samples(inputs):
        outputs.take()
        if sample["id"] in apart:
            outputs.drop("refused")
        else:
            samples.add(sample)
    survivors = samples.survivors()
    outputs.keep(len(np.unique(survivors)))
    outputs.drop("copy", outputs.records_in - outputs.kept - outputs.dropped["refused"])
    write_records(outputs.file("copies/ids.jsonl.zst"), _copies(samples.ids.packed(), survivors))


def _samples(inputs: Inputs) -> Iterator[SampleId]:
    return read_all(inputs.many("ids"), "ids.jsonl.zst")


class _Samples:
    """What is compared of samples, packed."""

    def __init__(self) -> None:
        self.ids = Digests(ID_BYTES)
        self._keys = Digests(CODE_BYTES)
        self._preferences = bytearray()
        self._files: dict[tuple[str, str], int] = {}
        """Numbers by repository and path."""
        self._file_of, self._starts = array("I"), array("I")

    def add(self, sample: SampleId) -> None:
        self.ids.add(sample["id"])
        self._keys.add(sample["copy_key"])
        self._preferences.append(PREFERENCE.index(sample["split"]))
        self._file_of.append(self._files.setdefault((sample["repo"], sample["path"]), len(self._files)))
        self._starts.append(sample["start"])

    def survivors(self) -> Places:
        """For each sample the place of the one that stays of its copies: by preference, then where it stands."""
        by_path = np.zeros(len(self._files), np.uint32)
        by_path[[number for _, number in sorted(self._files.items())]] = np.arange(len(self._files))
        files, starts = by_path[np.frombuffer(self._file_of, np.uint32)], np.frombuffer(self._starts, np.uint32)
        keys, preferences = self._keys.packed(), np.frombuffer(self._preferences, np.uint8)
        order = np.lexsort((self.ids.packed(), starts, files, preferences, keys))
        first = np.append(True, keys[order][1:] != keys[order][:-1])[: len(order)]
        survivors = np.empty(len(order), np.int64)
        survivors[order] = order[first][np.cumsum(first) - 1]
        return survivors


def _copies(ids: Packed, survivors: Places) -> Iterator[Copy]:
    """By id. A sample made twice under one id is no copy of itself here: `write-output` writes each id once."""
    last_first = np.flatnonzero(ids[survivors] != ids)[::-1]
    _, firsts = np.unique(ids[last_first], return_index=True)
    for place in last_first[firsts]:
        yield Copy(id=hexadecimal(ids[place], ID_BYTES), of=hexadecimal(ids[survivors[place]], ID_BYTES))
