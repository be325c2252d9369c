"""What gates, `deduplicate` and `split` decided about each sample, for `write-output`.

Ids are packed: of each sample of the dataset, memory holds some 20 bytes.
"""

from collections.abc import Iterable

import numpy as np

from repoloom_stages.errors import BadInput
from repoloom_stages.record_files import read_all
from repoloom_stages.records import LEAK, SPLITS, Assigned, Copy, Record, Refused
from repoloom_stages.runtime.digests import ID_BYTES, Digests, SortedDigests
from repoloom_stages.runtime.stage import Inputs

SIDES = (*SPLITS, "")
"""The last is a leak's."""

REASONS = (None, "refused", "copy", LEAK)
"""Why a record is left out, the first that holds; or it is not."""


class Selection:
    """Decisions about samples, by id, and which of them are written already."""

    def __init__(self, refused: Iterable[Refused], copies: Iterable[Copy], splits: Iterable[Assigned]) -> None:
        ids, sides = Digests(ID_BYTES), bytearray()
        for one in splits:
            ids.add(one["id"])
            sides.append(SIDES.index(one["split"]))
        self._ids = SortedDigests(ids.packed())
        in_order = np.frombuffer(sides, np.uint8)[np.unique(ids.packed(), return_index=True)[1]]
        reasons = np.where(in_order == SIDES.index(""), REASONS.index(LEAK), 0).astype(np.uint8)
        for reason, against in (("copy", copies), ("refused", refused)):
            decided = SortedDigests(Digests(ID_BYTES, (one["id"] for one in against)).packed())
            reasons[decided.holds(self._ids.digests)] = REASONS.index(reason)
        self._sides, self._reasons = in_order.tobytes(), reasons.tobytes()
        self._written = bytearray(len(self._ids))
        self._last = ("", 0)

    @classmethod
    def read(cls, inputs: Inputs) -> "Selection":
        """The decisions that are inputs."""
        return cls(*(read_all(inputs.many(role), "ids.jsonl.zst") for role in ("refused", "copies", "splits")))

    def reason_against(self, record: Record) -> str | None:
        """Why a record is left out, if it is."""
        return REASONS[self._reasons[self._place(record)]]

    def side(self, record: Record) -> str:
        """Its split; empty if it is a leak."""
        return SIDES[self._sides[self._place(record)]]

    def write_once(self, record: Record) -> bool:
        """Note that a record is written; false if one of its id was before."""
        place = self._place(record)
        before, self._written[place] = self._written[place], True
        return not before

    def _place(self, record: Record) -> int:
        """That of its id among all; the last is remembered. Raises BadInput for a record that `split` never saw."""
        if record["id"] != self._last[0]:
            place = self._ids.place(record["id"])
            if place is None:
                where = f"{record['source'][0]['path']} ({record['recipe']})"
                raise BadInput(f"splits/ids.jsonl.zst has no sample {record['id']} of {where}: run split again")
            self._last = record["id"], place
        return self._last[1]
