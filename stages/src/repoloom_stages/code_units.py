"""Stage `code-units`: the recipe `codeUnits` on one shard, samples of each file or item that it asks for.

How a unit becomes samples, `samples` says; overviews of modules, crates and repositories are `code_overviews`.
"""

from collections.abc import Iterator

from repoloom_api.catalogue import CodeUnitsParams
from repoloom_api.v1alpha1.recipes import OVERVIEWS, Granularity, HeaderField
from repoloom_stages.facts import Item
from repoloom_stages.record_files import write_samples
from repoloom_stages.records import Record
from repoloom_stages.runtime.stage import Inputs, Outputs
from repoloom_stages.sampling.call_graph_view import CallGraph
from repoloom_stages.sampling.code_file import CodeFile, code_files, count_files
from repoloom_stages.sampling.samples import Samples, Unit
from repoloom_stages.tokens import TokenCounter

KIND = "code-unit"


def run(params: CodeUnitsParams, inputs: Inputs, outputs: Outputs) -> None:
    """Make the samples of a shard from the roles `files`, `index`, `places` and `tokenizer`.

    The view `callGraph` reads `links` and `graph` too. `records/records.jsonl.zst` and `ids/ids.jsonl.zst` are sorted
    by path, split and place. Counted are samples made or dropped: each part of a unit that was cut, in each view.
    """
    samples = Samples(
        params,
        kind=KIND,
        header=params.units.header,
        views=params.units.views,
        counter=TokenCounter.load(inputs.one("tokenizer")),
        outputs=outputs,
        notes=CallGraph.read(inputs).notes if params.units.views.call_graph else None,
    )
    write_samples(outputs.folder, _records(params, samples, inputs, outputs))


def _records(params: CodeUnitsParams, samples: Samples, inputs: Inputs, outputs: Outputs) -> Iterator[Record]:
    total = count_files(inputs)
    wanted = frozenset(params.units.granularities) - OVERVIEWS
    for number, file in enumerate(code_files(inputs), start=1):
        yield from samples.of(file, _units(file, wanted))
        outputs.progress(number, total)


def _units(file: CodeFile, wanted: frozenset[Granularity]) -> Iterator[Unit]:
    """The file and the items in it that are asked for. A function without a body is part of what declares it."""
    if Granularity.FILE in wanted:
        yield Unit(Granularity.FILE.value, "", 0, len(file.source))
    for item in file.facts["items"]:
        if item["kind"] in wanted and not _only_declared(item):
            facts = {HeaderField.DOC: item["doc"], HeaderField.HOLDER: file.part_of(item)}
            yield Unit(item["kind"], item["name"], item["start"], item["end"], facts)


def _only_declared(item: Item) -> bool:
    return item["kind"] == Granularity.FUNCTION and item["body"] >= item["end"]
