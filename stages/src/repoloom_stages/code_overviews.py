"""Stage `code-overviews`: the granularities of `codeUnits` above the file: modules, crates, the repository.

An overview says what there is and how it depends on each other, in place of all its code: purposes, the graph of
dependencies, imports and exports, and signatures, whose lines are the sample's origins. Of several files, it is made of
the training side alone. What is shown of a file is `overview_facts`, how it is written `overview_text`, and how that
becomes records `overview_records`.
"""

import heapq
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from repoloom_api.catalogue import CodeUnitsParams
from repoloom_api.v1alpha1.recipes import Granularity
from repoloom_stages.facts import IndexedFile
from repoloom_stages.links import Crate, LinkedFile, PlacedFile
from repoloom_stages.record_files import FILES, read_records, read_sides, write_samples
from repoloom_stages.records import TRAIN
from repoloom_stages.runtime.scratch import Scratch
from repoloom_stages.runtime.stage import Inputs, Outputs
from repoloom_stages.sampling.ascii_tree import roots_of
from repoloom_stages.sampling.headers import repository_name
from repoloom_stages.sampling.keep import Kept
from repoloom_stages.sampling.overview_facts import FileOverview, Shown, overview_of
from repoloom_stages.sampling.overview_records import Overview, OverviewRecords
from repoloom_stages.sampling.overview_text import ModuleOverview, crate_lines, module_lines, repository_lines
from repoloom_stages.sampling.whole_source import count_source_files, shard_names
from repoloom_stages.tokens import TokenCounter

HELD_OUT = "held-out"
"""Why a file is shown in no overview."""

CENTRAL_ITEMS = 50
"""Shown of a repository."""


def run(params: CodeUnitsParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write overviews from the roles `shards`, `index`, `places`, `links`, `graph`, `sides` and `tokenizer`.

    `records/records.jsonl.zst` and `ids/ids.jsonl.zst` are sorted by the path of the first origin. Counted are files
    that are left out, and overviews: each part of one that was cut is one.
    """
    with Scratch() as files, Scratch() as made:
        repository = _Repository.read(params, inputs, outputs, files)
        writer = OverviewRecords(params, TokenCounter.load(inputs.one("tokenizer")), outputs)
        places = [
            (record["source"][0]["path"], record["source"][0]["start"], record["granularity"], made.put(record))
            for overview in repository.overviews(frozenset(params.units.granularities))
            for record in writer.records(overview)
        ]
        write_samples(outputs.folder, (made.get(number) for *_, number in sorted(places)))


@dataclass
class _Module:
    """A module's files, by their numbers in the scratch file."""

    place: PlacedFile
    numbers: list[int] = field(default_factory=list)


@dataclass
class _Repository:
    """What overviews need of a source; what files show lies in the scratch file."""

    files: Scratch
    crates: list[Crate]
    modules: dict[tuple[str, str], _Module] = field(default_factory=dict)
    """By crate and name."""
    names: dict[str, str] = field(default_factory=dict)
    """Modules' names by the paths of their files."""
    central: list[tuple[int, str, Shown]] = field(default_factory=list)
    """By rank."""
    parsed: bool = True

    @classmethod
    def read(cls, params: CodeUnitsParams, inputs: Inputs, outputs: Outputs, files: Scratch) -> "_Repository":
        """Look at every file once, then by path at what is shown of it."""
        crates = json.loads((inputs.one("graph") / "crates.json").read_bytes())
        found = cls(files, crates)
        kept, sides = Kept(params.keep), _training_files(inputs)
        total = count_source_files(inputs)
        seen: list[tuple[str, int]] = []
        for number, (facts, place, links) in enumerate(_every_file(inputs), start=1):
            reason = kept.reason_against(place["path"], place["bytes"])
            if reason or not _is_trained_on(place, sides):
                outputs.take()
                outputs.drop(reason or HELD_OUT)
            else:
                seen.append((place["path"], files.put([place, overview_of(facts, place, links)])))
            outputs.progress(number, total)
        for _, number in sorted(seen):
            found.add(number, *files.get(number))
        found.central = heapq.nsmallest(CENTRAL_ITEMS, found.central, key=lambda one: one[:2])
        return found

    def add(self, number: int, place: PlacedFile, shown: FileOverview) -> None:
        """Take a file, by its number in the scratch file; files come by path."""
        module = self.modules.setdefault((place["crate"], place["module"]), _Module(place))
        module.numbers.append(number)
        self.names[place["path"]] = place["module"]
        self.central += [(item["rank"], item["id"], item) for item in shown["items"] if item["rank"]]
        if len(self.central) > 100 * CENTRAL_ITEMS:
            self.central = heapq.nsmallest(CENTRAL_ITEMS, self.central, key=lambda one: one[:2])
        self.parsed = self.parsed and shown["parsed"]

    def overviews(self, wanted: frozenset[Granularity]) -> Iterator[Overview]:
        """All that are asked for."""
        if Granularity.MODULE in wanted:
            yield from map(self._module, self.modules.values())
        if Granularity.CRATE in wanted:
            yield from (self._crate(crate) for crate in self.crates if self._modules_of(crate))
        if Granularity.REPOSITORY in wanted and self.modules:
            yield self._repository()

    def _modules_of(self, crate: Crate) -> list[_Module]:
        return self._by_crate.get(crate["name"], [])

    @cached_property
    def _by_crate(self) -> dict[str, list[_Module]]:
        """Modules by crate, once all files are taken."""
        crates: dict[str, list[_Module]] = {}
        for (name, _), module in self.modules.items():
            crates.setdefault(name, []).append(module)
        return crates

    def _shown(self, module: _Module) -> ModuleOverview:
        place = module.place
        files = [self.files.get(number)[1] for number in module.numbers]
        return ModuleOverview(place["module"], place["crate"], place["layer"], files)

    def _module(self, module: _Module) -> Overview:
        shown = self._shown(module)
        imported = {self.names[path] for file in shown.files for path in file["imported_files"] if path in self.names}
        lines = list(module_lines(shown, imported - {shown.name}))
        parsed = all(file["parsed"] for file in shown.files)
        return Overview(Granularity.MODULE, shown.name, module.place, lines, parsed)

    @cached_property
    def _users(self) -> dict[str, list[str]]:
        """Crates by what they need."""
        users: dict[str, list[str]] = {}
        for crate in self.crates:
            for needed in dict.fromkeys(crate["dependencies"]):
                users.setdefault(needed, []).append(crate["name"])
        return users

    @cached_property
    def _needs(self) -> dict[str, list[str]]:
        return {crate["name"]: crate["dependencies"] for crate in self.crates}

    def _crate(self, crate: Crate) -> Overview:
        modules = [self._shown(module) for module in self._modules_of(crate)]
        lines = list(crate_lines(crate, modules, self._needs, self._users.get(crate["name"], [])))
        parsed = all(file["parsed"] for module in modules for file in module.files)
        place = self._modules_of(crate)[0].place | {"module": "", "layer": ""}
        return Overview(Granularity.CRATE, crate["name"], place, lines, parsed)

    def _repository(self) -> Overview:
        place = next(iter(self.modules.values())).place | {"crate": "", "purpose": "", "module": "", "layer": ""}
        name = repository_name(place["repo"])
        roots = roots_of(self._needs, self._needs)
        central = [item for *_, item in self.central]
        lines = list(repository_lines(name, self.crates, roots, self._needs, central))
        return Overview(Granularity.REPOSITORY, name, place, lines, self.parsed)


def _every_file(inputs: Inputs) -> Iterator[tuple[IndexedFile, PlacedFile, LinkedFile]]:
    """Every file of the source, shard after shard. To merge them by path would take a reader's memory for each."""
    for name, index, places in zip(shard_names(inputs), inputs.many("index"), inputs.many("places"), strict=True):
        folders = (index, places, inputs.one("links") / name)
        yield from zip(*(read_records(folder / FILES) for folder in folders), strict=True)


def _training_files(inputs: Inputs) -> frozenset[tuple[str, str]]:
    return frozenset(file for file, side in read_sides(inputs.many("sides")).items() if side == TRAIN)


def _is_trained_on(place: PlacedFile, trained: frozenset[tuple[str, str]]) -> bool:
    return place["split"] == TRAIN or (not place["split"] and (place["repo"], place["path"]) in trained)
