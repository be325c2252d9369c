"""All files of a source, shard after shard, for the stages that look across files."""

import json
from collections.abc import Iterator

from repoloom_api.artifacts import SHARDS_FILE
from repoloom_stages.record_files import FILES, count_records, read_records
from repoloom_stages.runtime.stage import Inputs
from repoloom_stages.sampling.code_file import CodeFile


def shard_names(inputs: Inputs) -> list[str]:
    """The shards of role `shards`, in the order in which the roles `index` and `places` list theirs."""
    names: list[str] = json.loads((inputs.one("shards") / SHARDS_FILE).read_bytes())
    return sorted(names)


def source_files(inputs: Inputs) -> Iterator[CodeFile]:
    """Every file, by shard and path; one is in memory. Roles `shards`, `files`, `index`, `places`, `links`."""
    index, places = inputs.many("index"), inputs.many("places")
    for name, indexed, placed in zip(shard_names(inputs), index, places, strict=True):
        folders = [inputs.one("files") / name, indexed, placed, inputs.one("links") / name]
        for parts in zip(*(read_records(folder / FILES) for folder in folders), strict=True):
            yield CodeFile(*parts)


def count_source_files(inputs: Inputs) -> int:
    """How many files `source_files` gives."""
    return sum(count_records(folder / FILES) for folder in inputs.many("places"))
