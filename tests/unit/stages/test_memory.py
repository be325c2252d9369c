"""What stages hold of a whole source or dataset takes some bytes a piece, so that a gigabyte of source fits."""

import gc
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

from repoloom_stages.linking.number_lists import NumberLists
from repoloom_stages.runtime.digests import ID_BYTES, Digests, SortedDigests
from repoloom_stages.runtime.scratch import Scratch
from repoloom_stages.sampling.code_file import CodeFile
from repoloom_stages.sampling.related_code import CrossCrateUses, Implementations
from repoloom_stages.syntax.grammars import grammar_of
from support.whole_sources import Code, item

TEXT = "impl From<Other> for Thing {}\n"


@contextmanager
def at_most(held: int) -> Iterator[None]:
    """Fails if more bytes are held at the end than at the start."""
    tracemalloc.start()
    try:
        yield
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] <= held
    finally:
        tracemalloc.stop()


def test_a_parser_lets_go_of_what_it_has_read() -> None:
    grammar, lines = grammar_of("python"), 10_000
    assert grammar is not None
    with at_most(3 * 6 * lines):
        for one in range(8):
            assert grammar.parse(b"x = %d\n" % (one % 10) * lines) is not None


def test_an_id_takes_half_of_its_digits() -> None:
    number = 20_000
    ids = [f"{one * 7919:024x}" for one in range(number)]
    SortedDigests(Digests(ID_BYTES, ids[:1]).packed())  # what NumPy takes once is not counted
    with at_most(2 * (ID_BYTES + 2) * number):  # as added, and sorted
        packed = Digests(ID_BYTES, ids)
        known = SortedDigests(packed.packed())
    assert all(one in known for one in ids[:10])


def test_a_number_in_a_list_takes_four_bytes() -> None:
    lists = NumberLists()
    with at_most(20_000 * (8 + 5 * 4) * 5 // 4):  # arrays grow by an eighth
        for one in range(20_000):
            lists.add(range(one, one + 5))
    assert list(lists[19_999]) == [19_999, 20_000, 20_001, 20_002, 20_003]


def test_implementations_and_uses_wait_on_disk() -> None:
    number = 4_000
    impl = item(TEXT, "impl", "From<Other> for Thing", TEXT, type="Thing", bases=["From<Other>"])
    callers = {"From<Other> for Thing": {"callers": [f"other::user{one}" for one in range(20)]}}
    code = Code("src/a.rs", TEXT, items=[impl] * number, crate="crate", links=callers)
    file = CodeFile(code.file, code.indexed, code.placed, code.linked)
    with Scratch() as scratch, Scratch() as used:
        found, uses = Implementations(scratch), CrossCrateUses(used)
        with at_most(100 * number):
            found.see(0, file)
            uses.see(0, file)
