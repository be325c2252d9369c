"""What is used stands before its users; cycles are named; packed lists hold what Python's would."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repoloom_stages.linking import item_ids
from repoloom_stages.linking.file_order import ordered
from repoloom_stages.linking.item_ids import ItemIds
from repoloom_stages.linking.number_lists import NumberLists

Graph = list[list[int]]


def graphs() -> st.SearchStrategy[Graph]:
    def of(size: int) -> st.SearchStrategy[Graph]:
        return st.lists(st.sets(st.integers(0, size - 1), max_size=4).map(sorted), min_size=size, max_size=size)

    return st.integers(1, 12).flatmap(of)


def packed(lists: Graph) -> NumberLists:
    made = NumberLists()
    for one in lists:
        made.add(one)
    return made


def reached(graph: Graph, start: int) -> set[int]:
    """What a node needs, and what that needs."""
    found: set[int] = set()
    open_ = [start]
    while open_:
        new = set(graph[open_.pop()]) - found
        found |= new
        open_ += new
    return found


@given(graphs())
def test_a_node_comes_after_all_it_needs_outside_its_own_cycle(graph: Graph) -> None:
    order = ordered(packed(graph), packed(graph))
    place = {node: number for number, (node, _) in enumerate(order)}
    assert sorted(place) == list(range(len(graph)))
    for node in range(len(graph)):
        for need in reached(graph, node):
            assert node in reached(graph, need) or place[need] < place[node]


@given(graphs())
def test_nodes_have_one_number_if_and_only_if_they_need_each_other(graph: Graph) -> None:
    cycles = dict(ordered(packed(graph), packed(graph)))
    for node in range(len(graph)):
        together = {one for one in reached(graph, node) if node in reached(graph, one)} | {node}
        assert {one for one in cycles if cycles[one] and cycles[one] == cycles[node]} == (
            together if len(together) > 1 else set()
        )
    assert sorted(set(cycles.values()) - {0}) == list(range(1, len(set(cycles.values()) - {0}) + 1))


def test_of_nodes_that_could_be_next_the_lowest_is() -> None:
    graph = packed([[3], [], [1], []])
    assert ordered(graph, graph) == [(1, 0), (2, 0), (3, 0), (0, 0)]


def test_in_a_cycle_the_node_that_lacks_the_fewest_is_next() -> None:
    graph = packed([[1, 2], [0], [0, 1]])
    assert ordered(graph, graph) == [(1, 1), (0, 1), (2, 1)]


@given(graphs(), st.data())
def test_in_a_cycle_a_node_comes_after_what_it_needs_firmly(graph: Graph, data: st.DataObject) -> None:
    firm = [data.draw(st.sets(st.sampled_from(needs)).map(sorted)) if needs else [] for needs in graph]
    place = {node: number for number, (node, _) in enumerate(ordered(packed(graph), packed(firm)))}
    for node in range(len(graph)):
        for need in reached(firm, node):
            assert node in reached(firm, need) or place[need] < place[node]


@given(graphs())
def test_lists_turned_round_are_by_value(graph: Graph) -> None:
    lists = packed(graph)
    assert [list(lists[one]) for one in range(len(lists))] == graph
    assert [lists.size(one) for one in range(len(lists))] == [len(one) for one in graph]
    numbers, values = lists.pairs()
    users = NumberLists.grouped(values, numbers, len(graph))
    assert [list(users[one]) for one in range(len(users))] == [
        [user for user, needs in enumerate(graph) if one in needs] for one in range(len(graph))
    ]


def test_ids_are_sorted_in_parts_as_they_are_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = ItemIds()
    ids.add(["b", "é", "a", "b"], training=True)
    ids.add(["0"], training=False)
    ids.add(["ab", "B"], training=True)
    ids.settle()
    for at_once in (2, 100):
        monkeypatch.setattr(item_ids, "SORTED_AT_ONCE", at_once)
        numbers = ids.training()[ids.training_by_id()].tolist()
        assert [ids[one] for one in numbers] == sorted(["b", "é", "a", "b#2", "ab", "B"])
