"""Pieces become parts within a window; next to nothing is left over, and nothing is in two parts."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from repoloom_stages.sampling.packing import Part, Sized, Window, fold, pack

Name = tuple[int, int]
"""Number and true size of a piece."""


def count(pieces: Sequence[Name]) -> int:
    """Two pieces together cost two tokens more than apart: the estimates of the packer are too low."""
    return sum(size for _, size in pieces) + 2 * (len(pieces) - 1)


def packed(sizes: Sequence[int], least: int, most: int) -> tuple[list[Part[Name]], list[Part[Name]]]:
    pieces = [Sized((number, size), size) for number, size in enumerate(sizes)]
    return pack(pieces, Window(least, most, count))


def sizes_of(parts: Sequence[Part[Name]]) -> list[list[int]]:
    return [[one.tokens for one in part.pieces] for part in parts]


def test_pieces_are_packed_in_order_as_long_as_they_fit() -> None:
    parts, left = packed([40, 40, 60, 30, 95, 50], 50, 100)
    assert sizes_of(parts) == [[40, 40], [60, 30], [95], [50]]
    assert not left


def test_what_is_short_between_large_pieces_is_packed_together() -> None:
    parts, left = packed([30, 95, 30, 95, 30], 50, 100)
    assert sizes_of(parts) == [[30, 30, 30], [95], [95]]
    assert not left


def test_a_short_rest_takes_pieces_of_the_part_before_it() -> None:
    parts, left = packed([30, 30, 30, 10], 35, 100)
    assert sizes_of(parts) == [[30, 30], [30, 10]]
    assert not left


def test_what_is_too_short_and_has_no_neighbour_is_left() -> None:
    parts, left = packed([10, 5], 35, 100)
    assert not parts
    assert sizes_of(left) == [[10, 5]]


@given(st.lists(st.integers(1, 100), max_size=40), st.integers(0, 50))
def test_every_piece_is_in_one_part_within_the_window_or_left(sizes: list[int], least: int) -> None:
    parts, left = packed(sizes, least, 100)
    numbers = sorted(one.piece[0] for part in [*parts, *left] for one in part.pieces)
    assert numbers == list(range(len(sizes)))
    assert all(least <= part.tokens == count([one.piece for one in part.pieces]) <= 100 for part in parts)
    assert all(part.tokens < least for part in left)
    assert all([*part.pieces] == sorted(part.pieces, key=lambda one: one.piece) for part in parts)


@given(st.lists(st.integers(1, 20), min_size=1, max_size=60))
def test_of_small_pieces_nothing_is_left_unless_they_are_too_few_together(sizes: list[int]) -> None:
    _, left = packed(sizes, 25, 100)
    assert not left or count([(0, size) for size in sizes]) < 25


def test_folders_that_are_too_small_join_the_one_above_them() -> None:
    folders = {"a/b": [5], "a/c": [30], "a": [6], "d": [40], "e/f/g": [4], "": [3]}
    assert fold(folders, int, 10) == [("a", [6, 5]), ("a/c", [30]), ("d", [40, 3, 4])]


def test_what_is_all_there_is_stands_by_itself() -> None:
    assert fold({"a/b": [1], "c": [2]}, int, 10) == [("", [1, 2])]
