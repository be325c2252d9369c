"""How central each function of a snapshot is in the graph of calls.

Items are numbers here; what they are called is for `link_code`.
"""

import numpy as np
import numpy.typing as npt

from repoloom_stages.linking.number_lists import Numbers

DAMPING = 0.85
ROUNDS = 50
"""Of PageRank: after as many, what is still to move is below a ten-thousandth (0.85 ** 50 is 0.0003)."""


def centrality(nodes: Numbers, callers: Numbers, callees: Numbers, items: int) -> npt.NDArray[np.float64]:
    """PageRank of nodes (sorted numbers below `items`) over the calls among them, in the order of the nodes.

    Always so many rounds over sorted edges, so that equal graphs give equal numbers on every machine.
    """
    count = len(nodes)
    if not count:
        return np.zeros(0)
    place = np.full(items, -1, dtype=np.int64)
    place[nodes] = np.arange(count)
    kept = (callers != callees) & (place[callers] >= 0) & (place[callees] >= 0)
    sources, targets = place[callers[kept]], place[callees[kept]]
    del place, kept
    calls = np.bincount(sources, minlength=count)
    silent = calls == 0
    scores = np.full(count, 1 / count)
    for _ in range(ROUNDS):
        given = np.bincount(targets, weights=scores[sources] / calls[sources], minlength=count)
        scores = (1 - DAMPING) / count + DAMPING * (given + scores[silent].sum() / count)
    return scores
