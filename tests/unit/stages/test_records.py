"""Files of records: what is written comes back, whatever its size."""

from pathlib import Path

import orjson
import pytest

from repoloom_stages.records import READ_BYTES, count_records, read_records, write_lines, write_records

RECORDS = [{"text": "x" * size} for size in (0, 3 * READ_BYTES, 1, READ_BYTES - 11, READ_BYTES, 5)]


@pytest.mark.parametrize("number", [0, 1, len(RECORDS)])
def test_records_of_any_length_come_back(tmp_path: Path, number: int) -> None:
    assert write_records(tmp_path / "new" / "records", RECORDS[:number]) == number
    assert list(read_records(tmp_path / "new" / "records")) == RECORDS[:number]
    assert count_records(tmp_path / "new" / "records") == number


def test_lines_are_records_that_are_json_already(tmp_path: Path) -> None:
    write_records(tmp_path / "one", RECORDS)
    write_lines(tmp_path / "other", map(orjson.dumps, RECORDS))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()
