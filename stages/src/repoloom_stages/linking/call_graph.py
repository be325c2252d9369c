"""The call graph of a snapshot: who calls what, both ways, and how central each function is.

Items are numbers here; what they are called is for `link_code`.
"""

from array import array
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

DAMPING = 0.85
ROUNDS = 50
"""Of PageRank: after as many, what is still to move is below a ten-thousandth (0.85 ** 50 is 0.0003)."""

Numbers = npt.NDArray[np.int64]


class CallGraph:
    """Calls by caller, added in the order of the callers' numbers."""

    def __init__(self) -> None:
        self._starts = array("q", [0])
        self._callees = array("q")

    def add(self, callees: Iterable[int]) -> None:
        """What the next item calls, each once, in the order of the first call."""
        self._callees.extend(callees)
        self._starts.append(len(self._callees))

    def callees(self, item: int) -> Sequence[int]:
        """What an item calls."""
        return self._callees[self._starts[item] : self._starts[item + 1]]

    def edges(self) -> tuple[Numbers, Numbers]:
        """Callers and callees of all calls."""
        starts = np.frombuffer(self._starts, dtype=np.int64)
        callers = np.repeat(np.arange(len(starts) - 1, dtype=np.int64), np.diff(starts))
        return callers, np.frombuffer(self._callees, dtype=np.int64)


class Callers:
    """The graph the other way round, over those calls that count."""

    def __init__(self, items: int, callers: Numbers, callees: Numbers) -> None:
        order = np.argsort(callees, kind="stable")
        self._callers = callers[order]
        self._starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.bincount(callees, minlength=items))])

    def number(self, item: int) -> int:
        """How many items call an item."""
        return int(self._starts[item + 1] - self._starts[item])

    def of(self, item: int) -> list[int]:
        """What calls an item, by number."""
        found: list[int] = self._callers[self._starts[item] : self._starts[item + 1]].tolist()
        return found


def centrality(nodes: Numbers, callers: Numbers, callees: Numbers) -> npt.NDArray[np.float64]:
    """PageRank of nodes (sorted item numbers) over the calls among them, in the order of the nodes.

    Always so many rounds over sorted edges, so that equal graphs give equal numbers on every machine.
    """
    count = len(nodes)
    if not count:
        return np.zeros(0)
    kept = (callers != callees) & np.isin(callers, nodes) & np.isin(callees, nodes)
    sources, targets = np.searchsorted(nodes, callers[kept]), np.searchsorted(nodes, callees[kept])
    calls = np.bincount(sources, minlength=count)
    silent = calls == 0
    scores = np.full(count, 1 / count)
    for _ in range(ROUNDS):
        given = np.bincount(targets, weights=scores[sources] / calls[sources], minlength=count)
        scores = (1 - DAMPING) / count + DAMPING * (given + scores[silent].sum() / count)
    return scores
