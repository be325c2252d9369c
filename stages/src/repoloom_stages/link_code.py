"""Stage `link-code`: what the facts of a whole snapshot say together: imports, calls both ways, crates, an order.

It reads the index three times and holds what links need of it packed in memory, no text; what a call means is found by
`linker`. Recipes read what it writes, per shard (`links/`) and about the whole (`graph/`).
"""

from array import array
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import orjson

from repoloom_api.artifacts import SHARDS_FILE
from repoloom_api.catalogue import LinkCodeParams
from repoloom_stages.facts import Import, IndexedFile, Item
from repoloom_stages.linking.call_graph import centrality
from repoloom_stages.linking.crates import crates_of
from repoloom_stages.linking.declarations import Declarations
from repoloom_stages.linking.file_order import ordered
from repoloom_stages.linking.item_ids import ItemIds, item_id
from repoloom_stages.linking.linker import Linker
from repoloom_stages.linking.manifests import read_manifests
from repoloom_stages.linking.number_lists import NumberLists, Numbers
from repoloom_stages.linking.packages import read_packages
from repoloom_stages.linking.snapshot_facts import Place, SnapshotFacts
from repoloom_stages.links import Figures, GraphFile, GraphItem, LinkedFile, LinkedItem, PlacedFile
from repoloom_stages.record_files import FILES, read_records, write_records
from repoloom_stages.records import TRAIN
from repoloom_stages.runtime.scratch import Scratch
from repoloom_stages.runtime.stage import Inputs, Outputs

MOST_CALLERS = 50
"""Callers of an item that are named; `called` counts them all."""

BROKEN_MANIFEST = "broken manifest"

_FUNCTION = "function"


def run(params: LinkCodeParams, inputs: Inputs, outputs: Outputs) -> None:  # noqa: ARG001 - as every stage
    """Write `links/<shard>/files.jsonl.zst`, `graph/crates.json`, `files`, `items` and `figures.json`."""
    with Scratch() as scratch:
        _Links(inputs, outputs, scratch).write()


class _Links:
    """One run of the stage."""

    def __init__(self, inputs: Inputs, outputs: Outputs, scratch: Scratch) -> None:
        self._outputs, self._scratch = outputs, scratch
        self._shards: list[str] = orjson.loads((inputs.one("shards") / SHARDS_FILE).read_bytes())
        self._index, self._places = inputs.many("index"), inputs.many("places")
        self._packages = read_packages(read_manifests(inputs.many("manifests")))
        self._facts, self._ids = SnapshotFacts(), ItemIds()
        self._declarations = Declarations()
        self._docs: dict[str, str] = {}
        self._functions = array("I")
        """Numbers of the training side's functions."""
        self._calls_of = NumberLists()
        """By item, what it calls, each once, in the order of the first call."""
        self._imports = NumberLists()
        """Numbers of the files that each file imports from."""
        self._needs = NumberLists()
        """Of each training file: the numbers of those that it imports or calls; of a held-out file, nothing."""
        self._firm = NumberLists()
        """Of those, what it imports for its own code: not for its tests alone, and not to give it on."""
        self._calls: Counter[str] = Counter()
        self._resolved: Counter[str] = Counter()

    def write(self) -> None:
        self._read()
        self._link()
        places_by_id = self._ids.training_by_id()
        self._write_links(self._ids.training()[places_by_id])
        self._write_graph(places_by_id)

    def _files(self) -> Iterator[tuple[int, IndexedFile]]:
        """Every file's number and facts, shard after shard."""
        number = 0
        for folder in self._index:
            for file in read_records(folder / FILES):
                yield number, file
                number += 1

    def _read(self) -> None:
        for index, places in zip(self._index, self._places, strict=True):
            for file, place in zip(read_records(index / FILES), read_records(places / FILES), strict=True):
                self._outputs.take()
                self._outputs.keep()
                self._add(file, place)
        self._ids.settle()
        self._declarations.settle()
        if self._packages.broken:
            self._outputs.take(self._packages.broken)
            self._outputs.drop(BROKEN_MANIFEST, self._packages.broken)

    def _add(self, file: IndexedFile, place: PlacedFile) -> None:
        training = file["split"] in ("", TRAIN)
        number = self._facts.add(file, place["crate"], place["module"], place["bytes"])
        first = self._facts.files[number].first
        self._ids.add(
            [item_id(file["language"], place["module"], file["path"], item["name"]) for item in file["items"]],
            training=training,
        )
        self._declarations.add(number, first, file, training=training)
        if training:
            self._facts.number_of[file["path"]] = number
            self._functions.extend(first + one for one, item in enumerate(file["items"]) if item["kind"] == _FUNCTION)
            if file["doc"]:
                self._docs[file["path"]] = file["doc"]

    def _link(self) -> None:
        linker = Linker(self._facts, self._packages)
        total = len(self._facts.files)
        for number, file in self._files():
            if self._is_training(number):
                self._link_file(linker, number, file, None)
            else:
                with linker.held_out(number) as version:
                    self._link_file(linker, number, file, version)
            self._outputs.progress(number + 1, total)

    def _link_file(self, linker: Linker, number: int, file: IndexedFile, version: int | None) -> None:
        """Link a file; what it would take from its own training version, it does not have."""
        training = self._is_training(number)
        callee_of = linker.callee_of(number, file)
        calls: dict[int, dict[int, None]] = {}
        needs: set[int] = set()
        for call in file["calls"]:
            found = callee_of(call)
            found = None if found and found[0] == version else found
            if training:
                self._calls[call[2]] += 1
                self._resolved[call[2]] += found is not None
            if found:
                needs.add(found[0])
                calls.setdefault(call[0], {})[self._called(found, version)] = None
        for position in range(len(file["items"])):
            self._calls_of.add(calls.get(position, ()))
        own, others = (linker.imported(number, file, some) - {version} for some in _own_imports(file))
        self._imports.add(sorted(own | others))
        self._needs.add((own | others | needs) - {number} if training else ())
        self._firm.add(own - {number} if training else ())

    def _called(self, place: Place, version: int | None) -> int:
        """The item that a call of a place means: its definition, unless that is in the file's own training version."""
        item = self._facts.item(place)
        definition = self._declarations.definition_of(item)
        return item if self._facts.file_of(definition) == version else definition

    def _is_training(self, number: int) -> bool:
        return self._facts.files[number].split in ("", TRAIN)

    def _counted(self, by_id: Numbers) -> tuple[NumberLists, Numbers]:
        """Who calls what, and the rank of each function; no held-out file's calls count towards a training item.

        `by_id` are the training side's items by id.
        """
        callers, callees = self._calls_of.pairs()
        held_out = np.ones(self._facts.items, dtype=bool)
        for entry in self._facts.files:
            held_out[entry.first : entry.first + entry.items] = entry.split not in ("", TRAIN)
        kept = ~held_out[callers] | held_out[callees]
        callers, callees = callers[kept], callees[kept]
        functions = np.frombuffer(self._functions, np.uint32)
        scores = centrality(functions, callers, callees, self._facts.items)
        place_by_id = np.zeros(self._facts.items, np.uint32)
        place_by_id[by_id] = np.arange(len(by_id))
        ranks = np.zeros(self._facts.items, np.uint32)
        ranks[functions[np.lexsort((place_by_id[functions], -scores))]] = np.arange(1, len(functions) + 1)
        return NumberLists.grouped(callees, callers, self._facts.items), ranks

    def _write_links(self, by_id: Numbers) -> None:
        callers, ranks = self._counted(by_id)
        number = 0
        for shard, folder in zip(self._shards, self._index, strict=True):
            count = write_records(
                self._outputs.file(f"links/{shard}/{FILES}"), self._linked(folder, number, callers, ranks)
            )
            number += count

    def _linked(self, folder: Path, number: int, callers: NumberLists, ranks: Numbers) -> Iterator[LinkedFile]:
        for file in read_records(folder / FILES):
            first = self._facts.files[number].first
            items = [self._item(first + one, callers, ranks) for one in range(len(file["items"]))]
            if self._is_training(number):
                for item, linked in zip(file["items"], items, strict=True):
                    self._scratch.put(_graph_item(file["path"], item, linked))
            imports = sorted(self._facts.files[one].path for one in self._imports[number])
            yield LinkedFile(path=file["path"], split=file["split"], imports=imports, items=items)
            number += 1

    def _item(self, item: int, callers: NumberLists, ranks: Numbers) -> LinkedItem:
        return LinkedItem(
            id=self._ids[item],
            calls=[self._ids[one] for one in self._calls_of[item]],
            callers=sorted(self._ids[one] for one in callers[item])[:MOST_CALLERS],
            called=callers.size(item),
            rank=int(ranks[item]),
        )

    def _write_graph(self, places_by_id: Numbers) -> None:
        items = (self._scratch.get(place) for place in places_by_id.tolist())
        write_records(self._outputs.file("graph/items.jsonl.zst"), items)
        files = list(self._ordered())
        write_records(self._outputs.file(f"graph/{FILES}"), files)
        crates = crates_of(self._packages, files, self._docs)
        self._outputs.file("graph/crates.json").write_bytes(orjson.dumps(crates))
        figures = Figures(
            calls=dict(sorted(self._calls.items())),
            resolved={how: self._resolved[how] for how in sorted(self._calls)},
            files=len(files),
            crates=len(crates),
            cycles=max((file["cycle"] for file in files), default=0),
        )
        self._outputs.file("graph/figures.json").write_bytes(orjson.dumps(figures))

    def _ordered(self) -> Iterator[GraphFile]:
        """The training files, each after those that it needs."""
        training = (one for one in range(len(self._facts.files)) if self._is_training(one))
        numbers = sorted(training, key=lambda one: self._facts.files[one].path)
        positions = {number: position for position, number in enumerate(numbers)}
        needs, firm = NumberLists(), NumberLists()
        for number in numbers:
            needs.add(sorted(positions[one] for one in self._needs[number]))
            firm.add(sorted(positions[one] for one in self._firm[number]))
        for position, cycle in ordered(needs, firm):
            file = self._facts.files[numbers[position]]
            yield GraphFile(path=file.path, crate=file.crate, module=file.module, bytes=file.bytes, cycle=cycle)


def _own_imports(file: IndexedFile) -> tuple[list[Import], list[Import]]:
    """Imports for the file's own code; and those for its tests alone, and of what it gives on."""
    own: list[Import] = []
    others: list[Import] = []
    for one in file["imports"]:
        tested = one["owner"] >= 0 and file["items"][one["owner"]]["test"]
        (others if one["public"] or tested else own).append(one)
    return own, others


def _graph_item(path: str, item: Item, linked: LinkedItem) -> GraphItem:
    return GraphItem(
        path=path,
        kind=item["kind"],
        start=item["start"],
        end=item["end"],
        start_line=item["start_line"],
        end_line=item["end_line"],
        signature=item["signature"],
        **linked,
    )
