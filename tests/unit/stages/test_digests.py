"""Packed digests answer as sets and dictionaries of the same digests do."""

from hypothesis import given
from hypothesis import strategies as st

from repoloom_stages.runtime.digests import Digests, SortedDigests, hexadecimal

LENGTH = 2
"""Bytes: so short that digests meet each other, and end in zeros."""

HEX = st.binary(min_size=4, max_size=4).map(bytes.hex)


@given(st.lists(HEX), st.lists(HEX))
def test_what_was_added_is_found_and_nothing_else(added: list[str], asked: list[str]) -> None:
    known = SortedDigests(Digests(LENGTH, added).packed())
    expected = {one[: 2 * LENGTH] for one in added}
    assert [one in known for one in added + asked] == [one[: 2 * LENGTH] in expected for one in added + asked]
    assert known.holds(Digests(LENGTH, asked).packed()).tolist() == [one in known for one in asked]
    assert len(known) == len(expected)


@given(st.lists(HEX))
def test_places_are_in_the_order_of_the_digits(added: list[str]) -> None:
    known = SortedDigests(Digests(LENGTH, added).packed())
    in_order = sorted({one[: 2 * LENGTH] for one in added})
    assert [known.place(one) for one in in_order] == list(range(len(in_order)))
    assert [hexadecimal(one, LENGTH) for one in known.digests] == in_order
