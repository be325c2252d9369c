"""Files in the order in which they need each other: what is used stands before its users, outside cycles."""

from array import array
from collections.abc import Iterator, Sequence
from heapq import heapify, heappop, heappush

from repoloom_stages.linking.number_lists import NumberLists


def ordered(needs: NumberLists, firm: NumberLists) -> list[tuple[int, int]]:
    """Nodes, each after what it needs, with the number of its cycle, from 1 in that order; 0 for none.

    `needs` are the nodes that each node needs, sorted. Of nodes that could be next, the lowest is. In a cycle, what
    counts first are the needs that are `firm`, and where these have a cycle too, the next is a node that lacks the
    fewest of them.
    """
    result: list[tuple[int, int]] = []
    cycles = 0
    for part in _in_order(_components(needs), needs):
        if len(part) == 1:
            result.append((part[0], 0))
        else:
            cycles += 1
            result += [(node, cycles) for node in _within(part, firm)]
    return result


def _in_order(parts: Sequence[list[int]], needs: NumberLists) -> Iterator[list[int]]:
    """Components, each after those that it needs."""
    lacks = _between(parts, needs)
    numbers, needed = lacks.pairs()
    users = NumberLists.grouped(needed, numbers, len(parts))
    lacking = [lacks.size(number) for number in range(len(parts))]
    ready = [(min(parts[number]), number) for number, left in enumerate(lacking) if not left]
    heapify(ready)
    while ready:
        _, number = heappop(ready)
        yield parts[number]
        for user in users[number]:
            lacking[user] -= 1
            if not lacking[user]:
                heappush(ready, (min(parts[user]), user))


def _between(parts: Sequence[Sequence[int]], needs: NumberLists) -> NumberLists:
    """Which other components each component needs."""
    part_of = array("I", bytes(4 * len(needs)))
    for number, part in enumerate(parts):
        for node in part:
            part_of[node] = number
    lacks = NumberLists()
    for number, part in enumerate(parts):
        lacks.add(sorted({part_of[one] for node in part for one in needs[node]} - {number}))
    return lacks


def _within(cycle: list[int], firm: NumberLists) -> Iterator[int]:
    """The nodes of a cycle, by their firm needs in it."""
    position = {node: number for number, node in enumerate(cycle)}
    needs = NumberLists()
    for node in cycle:
        needs.add(position[one] for one in firm[node] if one in position)
    for part in _in_order(_components(needs), needs):
        yield from (cycle[one] for one in _least_lacking(part, needs))


def _least_lacking(part: list[int], needs: NumberLists) -> Iterator[int]:
    """The nodes of a cycle, next always one that lacks the fewest of its needs in the cycle."""
    users = {node: array("I") for node in part}
    lacking = dict.fromkeys(part, 0)
    for node in part:
        for one in needs[node]:
            if one in users and one != node:
                users[one].append(node)
                lacking[node] += 1
    waiting = [(number, node) for node, number in lacking.items()]
    heapify(waiting)
    done: set[int] = set()
    while waiting:
        number, node = heappop(waiting)
        if node in done or number != lacking[node]:
            continue
        done.add(node)
        yield node
        for user in users[node]:
            if user not in done:
                lacking[user] -= 1
                heappush(waiting, (lacking[user], user))


def _components(needs: NumberLists) -> list[list[int]]:
    """Strongly connected components."""
    search = _Tarjan(needs)
    for root in range(len(needs)):
        search.visit(root)
    return search.found


class _Tarjan:
    """Tarjan's algorithm without recursion: `work` holds the nodes that are open, with the needs still to follow."""

    def __init__(self, needs: NumberLists) -> None:
        self.found: list[list[int]] = []
        self._needs = needs
        self._index: dict[int, int] = {}
        self._low: dict[int, int] = {}
        self._stack: list[int] = []
        self._on_stack: set[int] = set()

    def visit(self, root: int) -> None:
        """Find the components that can be reached from a node."""
        work = [(root, self._open(root))] if root not in self._index else []
        while work:
            node, following = work[-1]
            for one in following:
                if one not in self._index:
                    work.append((one, self._open(one)))
                    break
                if one in self._on_stack:
                    self._low[node] = min(self._low[node], self._index[one])
            else:
                work.pop()
                self._close(node)
                if work and node in self._on_stack:
                    above = work[-1][0]
                    self._low[above] = min(self._low[above], self._low[node])

    def _open(self, node: int) -> Iterator[int]:
        self._index[node] = self._low[node] = len(self._index)
        self._stack.append(node)
        self._on_stack.add(node)
        return iter(self._needs[node])

    def _close(self, node: int) -> None:
        """Take a component off the stack, if its first node is closed."""
        if self._low[node] == self._index[node]:
            part: list[int] = []
            while not part or part[-1] != node:
                part.append(self._stack.pop())
            self._on_stack.difference_update(part)
            self.found.append(sorted(part))
