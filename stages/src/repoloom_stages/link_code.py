"""Stage `link-code`: what the facts of a whole snapshot say together: imports, calls both ways, crates, an order.

It reads the index three times and holds what links need of it packed in memory, no text; what a call means is found by
`linker`. Recipes read what it writes, per shard (`links/`) and about the whole (`graph/`).
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import orjson

from repoloom_api.artifacts import SHARDS_FILE
from repoloom_api.catalogue import LinkCodeParams
from repoloom_stages.facts import IndexedFile, Item
from repoloom_stages.linking.call_graph import Callers, CallGraph, centrality
from repoloom_stages.linking.crates import crates_of
from repoloom_stages.linking.file_order import ordered
from repoloom_stages.linking.item_ids import ItemIds, item_id
from repoloom_stages.linking.linker import Linker
from repoloom_stages.linking.manifests import read_manifests
from repoloom_stages.linking.packages import read_packages
from repoloom_stages.linking.snapshot_facts import SnapshotFacts
from repoloom_stages.links import Figures, GraphFile, GraphItem, LinkedFile, LinkedItem, PlacedFile
from repoloom_stages.records import TRAIN, read_records, write_records
from repoloom_stages.runtime.scratch import Scratch
from repoloom_stages.runtime.stage import Inputs, Outputs

MOST_CALLERS = 50
"""Callers of an item that are named; `called` counts them all."""

BROKEN_MANIFEST = "broken manifest"
FILES = "files.jsonl.zst"
PROGRESS_FILES = 200

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
        self._facts, self._ids, self._graph = SnapshotFacts(), ItemIds(), CallGraph()
        self._docs: dict[str, str] = {}
        self._functions: list[int] = []
        """Numbers of the training side's functions."""
        self._imports: list[list[int]] = []
        """Numbers of the files that each file imports from."""
        self._needs: dict[int, set[int]] = {}
        """Of training files: the numbers of those that they import or call."""
        self._calls: Counter[str] = Counter()
        self._resolved: Counter[str] = Counter()

    def write(self) -> None:
        self._read()
        self._link()
        self._write_links()
        self._write_graph()

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
        if training:
            self._facts.number_of[file["path"]] = number
            self._functions += [first + one for one, item in enumerate(file["items"]) if item["kind"] == _FUNCTION]
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
            if number % PROGRESS_FILES == 0 or number + 1 == total:
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
                calls.setdefault(call[0], {})[self._facts.item(found)] = None
        for position in range(len(file["items"])):
            self._graph.add(calls.get(position, ()))
        imports = linker.imported(number, file) - {version}
        self._imports.append(sorted(imports))
        if training:
            self._needs[number] = (imports | needs) - {number}

    def _is_training(self, number: int) -> bool:
        return self._facts.files[number].split in ("", TRAIN)

    def _counted(self) -> tuple[Callers, dict[int, int]]:
        """Who calls what, and the rank of each function; no held-out file's calls count towards a training item."""
        callers, callees = self._graph.edges()
        held_out = np.ones(self._facts.items, dtype=bool)
        for entry in self._facts.files:
            held_out[entry.first : entry.first + entry.items] = entry.split not in ("", TRAIN)
        kept = ~held_out[callers] | held_out[callees]
        nodes = np.array(self._functions, dtype=np.int64)
        scores = centrality(nodes, callers[kept], callees[kept])
        ranked = sorted(range(len(nodes)), key=lambda one: (-scores[one], self._ids[self._functions[one]]))
        ranks = {self._functions[one]: rank for rank, one in enumerate(ranked, start=1)}
        return Callers(self._facts.items, callers[kept], callees[kept]), ranks

    def _write_links(self) -> None:
        callers, ranks = self._counted()
        number = 0
        for shard, folder in zip(self._shards, self._index, strict=True):
            count = write_records(
                self._outputs.file(f"links/{shard}/{FILES}"), self._linked(folder, number, callers, ranks)
            )
            number += count

    def _linked(self, folder: Path, number: int, callers: Callers, ranks: dict[int, int]) -> Iterator[LinkedFile]:
        for file in read_records(folder / FILES):
            first = self._facts.files[number].first
            items = [self._item(first + one, callers, ranks) for one in range(len(file["items"]))]
            if self._is_training(number):
                for item, linked in zip(file["items"], items, strict=True):
                    self._scratch.put(_graph_item(file["path"], item, linked))
            imports = sorted(self._facts.files[one].path for one in self._imports[number])
            yield LinkedFile(path=file["path"], split=file["split"], imports=imports, items=items)
            number += 1

    def _item(self, item: int, callers: Callers, ranks: dict[int, int]) -> LinkedItem:
        return LinkedItem(
            id=self._ids[item],
            calls=[self._ids[one] for one in self._graph.callees(item)],
            callers=sorted(self._ids[one] for one in callers.of(item))[:MOST_CALLERS],
            called=callers.number(item),
            rank=ranks.get(item, 0),
        )

    def _write_graph(self) -> None:
        files = list(self._ordered())
        write_records(self._outputs.file(f"graph/{FILES}"), files)
        write_records(self._outputs.file("graph/items.jsonl.zst"), self._sorted_items())
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
        numbers = sorted(self._needs, key=lambda one: self._facts.files[one].path)
        positions = {number: position for position, number in enumerate(numbers)}
        needs = [sorted(positions[one] for one in self._needs[number]) for number in numbers]
        for position, cycle in ordered(needs):
            file = self._facts.files[numbers[position]]
            yield GraphFile(path=file.path, crate=file.crate, module=file.module, bytes=file.bytes, cycle=cycle)

    def _sorted_items(self) -> Iterator[GraphItem]:
        """The items of the training side by id, from where they were put as their files were written."""
        items = (
            file.first + one
            for number, file in enumerate(self._facts.files)
            if self._is_training(number)
            for one in range(file.items)
        )
        ids = [self._ids[item] for item in items]
        for position in sorted(range(len(ids)), key=ids.__getitem__):
            yield self._scratch.get(position)


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
