"""Files of records: what is written comes back, whatever its size."""

from pathlib import Path

import orjson
import pytest

from repoloom_stages.record_files import (
    READ_BYTES,
    count_records,
    open_lines,
    read_lines,
    read_records,
    without_text,
    write_records,
)
from repoloom_stages.records import SourceFile
from support.shards import source_file

RECORDS = [{"text": "x" * size} for size in (0, 3 * READ_BYTES, 1, READ_BYTES - 11, READ_BYTES, 5)]


@pytest.mark.parametrize("number", [0, 1, len(RECORDS)])
def test_records_of_any_length_come_back(tmp_path: Path, number: int) -> None:
    assert write_records(tmp_path / "new" / "records", RECORDS[:number]) == number
    assert list(read_records(tmp_path / "new" / "records")) == RECORDS[:number]
    assert count_records(tmp_path / "new" / "records") == number


def test_lines_are_records_that_are_json_already(tmp_path: Path) -> None:
    write_records(tmp_path / "one", RECORDS)
    with open_lines(tmp_path / "other") as write:
        for record in RECORDS:
            write(orjson.dumps(record))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_a_files_line_is_read_without_its_text_whatever_that_and_its_path_hold(tmp_path: Path) -> None:
    tricky = 'a","text":"b\\","text":"'
    novel = [{"start": 1, "end": 2, "group": "c" * 40}]
    files = [source_file(tricky, tricky, novel=novel), source_file("b.py", "")]
    write_records(tmp_path / "files", files)
    found = [orjson.loads(without_text(line)) for line in read_lines(tmp_path / "files")]
    assert found == [{name: value for name, value in file.items() if name != "text"} for file in files]
    assert list(SourceFile.__annotations__)[-1] == "text"
