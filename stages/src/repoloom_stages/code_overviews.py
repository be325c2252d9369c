"""Stage `code-overviews`: the granularities of `codeUnits` above the file: modules, crates, the repository.

An overview says what there is and how it depends on each other, in place of all its code: purposes, the graph of
dependencies, imports and exports, and signatures, whose lines are the sample's origins. Of several files, it is made of
the training side alone. What is shown of a file is `overview_facts`, how it is written `overview_text`.
"""

import heapq
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from repoloom_api.catalogue import CodeUnitsParams
from repoloom_api.v1alpha1.recipes import Granularity, HeaderField, Shape
from repoloom_stages.facts import IndexedFile
from repoloom_stages.links import Crate, LinkedFile, PlacedFile
from repoloom_stages.records import (
    FILES,
    PLAIN,
    TRAIN,
    Origin,
    Record,
    read_records,
    read_sides,
    sample_id,
    write_samples,
)
from repoloom_stages.runtime.scratch import Scratch
from repoloom_stages.runtime.stage import Inputs, Outputs
from repoloom_stages.sampling.ascii_tree import roots_of
from repoloom_stages.sampling.headers import Frame, file_facts, frame_of, repository_name
from repoloom_stages.sampling.keep import Kept
from repoloom_stages.sampling.overview_facts import FileOverview, Shown, overview_of
from repoloom_stages.sampling.overview_text import (
    Line,
    ModuleOverview,
    crate_lines,
    module_lines,
    render,
    repository_lines,
)
from repoloom_stages.sampling.samples import TOO_SHORT
from repoloom_stages.sampling.tagging import tag_code
from repoloom_stages.sampling.whole_source import count_source_files, shard_names
from repoloom_stages.tokens import TokenCounter

KIND = "code-overview"
LANGUAGE = "markdown"

HELD_OUT = "held-out"
NO_ITEMS = "no-items"
TOO_LONG = "too-long"
"""Why a file is shown in no overview, an overview is none, or a line of one is left out: the file is held out; nothing
in it can be used from elsewhere; the line alone is over the budget."""

CENTRAL_ITEMS = 50
"""Shown of a repository."""

PROGRESS_FILES = 200


def run(params: CodeUnitsParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write overviews from the roles `shards`, `index`, `places`, `links`, `graph`, `sides` and `tokenizer`.

    `records/records.jsonl.zst` and `ids/ids.jsonl.zst` are sorted by the path of the first origin. Counted are files
    that are left out, and overviews: each part of one that was cut is one.
    """
    with Scratch() as files, Scratch() as made:
        repository = _Repository.read(params, inputs, outputs, files)
        writer = _Writer(params, TokenCounter.load(inputs.one("tokenizer")), outputs)
        places = [
            (record["source"][0]["path"], record["source"][0]["start"], record["granularity"], made.put(record))
            for overview in repository.overviews(frozenset(params.units.granularities))
            for record in writer.records(overview)
        ]
        write_samples(outputs.folder, (made.get(number) for *_, number in sorted(places)))


@dataclass(frozen=True)
class _Overview:
    """One, before it is cut."""

    granularity: Granularity
    name: str
    place: PlacedFile
    """Of its first file; an overview of a crate says nothing of a module."""
    lines: list[Line]
    parsed: bool


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
            if number % PROGRESS_FILES == 0 or number == total:
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

    def overviews(self, wanted: frozenset[Granularity]) -> Iterator[_Overview]:
        """All that are asked for."""
        if Granularity.MODULE in wanted:
            yield from map(self._module, self.modules.values())
        if Granularity.CRATE in wanted:
            yield from (self._crate(crate) for crate in self.crates if self._modules_of(crate))
        if Granularity.REPOSITORY in wanted and self.modules:
            yield self._repository()

    def _modules_of(self, crate: Crate) -> list[_Module]:
        return [module for (name, _), module in self.modules.items() if name == crate["name"]]

    def _shown(self, module: _Module) -> ModuleOverview:
        place = module.place
        files = [self.files.get(number)[1] for number in module.numbers]
        return ModuleOverview(place["module"], place["crate"], place["layer"], files)

    def _module(self, module: _Module) -> _Overview:
        shown = self._shown(module)
        imported = {self.names[path] for file in shown.files for path in file["imported_files"] if path in self.names}
        lines = list(module_lines(shown, imported - {shown.name}))
        parsed = all(file["parsed"] for file in shown.files)
        return _Overview(Granularity.MODULE, shown.name, module.place, lines, parsed)

    @property
    def _needs(self) -> dict[str, list[str]]:
        return {crate["name"]: crate["dependencies"] for crate in self.crates}

    def _crate(self, crate: Crate) -> _Overview:
        modules = [self._shown(module) for module in self._modules_of(crate)]
        users = [one["name"] for one in self.crates if crate["name"] in one["dependencies"]]
        lines = list(crate_lines(crate, modules, self._needs, users))
        parsed = all(file["parsed"] for module in modules for file in module.files)
        place = self._modules_of(crate)[0].place | {"module": "", "layer": ""}
        return _Overview(Granularity.CRATE, crate["name"], place, lines, parsed)

    def _repository(self) -> _Overview:
        place = next(iter(self.modules.values())).place | {"crate": "", "purpose": "", "module": "", "layer": ""}
        name = repository_name(place["repo"])
        roots = roots_of(self._needs, self._needs)
        central = [item for *_, item in self.central]
        lines = list(repository_lines(name, self.crates, roots, self._needs, central))
        return _Overview(Granularity.REPOSITORY, name, place, lines, self.parsed)


def _every_file(inputs: Inputs) -> Iterator[tuple[IndexedFile, PlacedFile, LinkedFile]]:
    """Every file of the source, shard after shard. To merge them by path would take a reader's memory for each."""
    for name, index, places in zip(shard_names(inputs), inputs.many("index"), inputs.many("places"), strict=True):
        folders = (index, places, inputs.one("links") / name)
        yield from zip(*(read_records(folder / FILES) for folder in folders), strict=True)


def _training_files(inputs: Inputs) -> frozenset[tuple[str, str]]:
    return frozenset(file for file, side in read_sides(inputs.many("sides")).items() if side == TRAIN)


def _is_trained_on(place: PlacedFile, trained: frozenset[tuple[str, str]]) -> bool:
    return place["split"] == TRAIN or (not place["split"] and (place["repo"], place["path"]) in trained)


class _Writer:
    """Cuts overviews to the budget and makes records of them, all counted."""

    def __init__(self, params: CodeUnitsParams, counter: TokenCounter, outputs: Outputs) -> None:
        self._params = params
        self._counter = counter
        self._outputs = outputs

    def records(self, overview: _Overview) -> Iterator[Record]:
        """The parts of an overview."""
        origins = [origin for line in overview.lines for origin in line.origins]
        if not origins:
            self._drop(NO_ITEMS)
            return
        facts = {
            **file_facts(overview.place, LANGUAGE),
            HeaderField.FILE: "",
            HeaderField.KIND: overview.granularity.value,
            HeaderField.NAME: overview.name,
        }
        frame = frame_of(self._params.units.header, facts, LANGUAGE)
        lines = list(self._fitting(frame, overview.lines))
        for part in self._parts(frame, lines):
            yield from self._record(overview, frame, part, origins[0])

    def _drop(self, reason: str) -> None:
        self._outputs.take()
        self._outputs.drop(reason)

    def _tokens(self, frame: Frame, lines: Iterable[Line]) -> int:
        text = frame.around(render(lines))
        (number,) = self._counter.count([tag_code(text) if self._params.tagged else text])
        return number

    def _fitting(self, frame: Frame, lines: Sequence[Line]) -> Iterator[Line]:
        """The lines that fit by themselves. Only those near to the budget are counted."""
        sizes = self._counter.count([line.text for line in lines])
        around = max((self._tokens(frame, [Line(one, "")]) for one in {line.headings for line in lines}), default=0)
        for line, tokens in zip(lines, sizes, strict=True):
            if tokens + around <= self._params.max_tokens or self._tokens(frame, [line]) <= self._params.max_tokens:
                yield line
            else:
                self._drop(TOO_LONG)

    def _parts(self, frame: Frame, lines: Sequence[Line]) -> Iterator[Sequence[Line]]:
        """As many lines at a time as fit; each fits by itself."""
        ends = list(accumulate((len(line.text) for line in lines), initial=0))
        tokens = self._tokens(frame, lines) if lines else 0
        per_character = tokens / max(1, ends[-1])
        start, budget = 0, self._params.max_tokens
        while start < len(lines):
            room = ends[start] + budget / per_character
            end = next((number for number in range(start + 1, len(lines)) if ends[number + 1] > room), len(lines))
            while end < len(lines) and self._tokens(frame, lines[start : end + 1]) <= budget:
                end += 1
            while self._tokens(frame, lines[start:end]) > budget:
                end -= 1
            yield lines[start:end]
            start = end

    def _record(self, overview: _Overview, frame: Frame, part: Sequence[Line], first: Origin) -> Iterator[Record]:
        tokens = self._tokens(frame, part)
        if tokens < self._params.min_tokens:
            self._drop(TOO_SHORT)
            return
        self._outputs.take()
        self._outputs.keep()
        place = overview.place
        shown = render(part)
        text = frame.around(shown)
        # A part without items shows what holds the first of them.
        origins = [origin for line in part for origin in line.origins] or [first]
        yield Record(
            id=sample_id(self._params.recipe, place["repo"], origins[0]["path"], origins[0]["start"], text),
            kind=KIND,
            shape=Shape.TEXT.value,
            view=PLAIN,
            recipe=self._params.recipe,
            granularity=overview.granularity.value,
            name=overview.name,
            crate=place["crate"],
            module=place["module"],
            repo=place["repo"],
            commit="",
            committed_at="",
            split=place["split"],
            lang=LANGUAGE,
            license=None,
            source=origins,
            text=text,
            prompt_end=0,
            rejected="",
            controls=[],
            code_start=len(frame.before),
            code_end=len(frame.before) + len(shown),
            novel=[],
            tokens=tokens,
            complete=len(part) == len(overview.lines),
            parsed=overview.parsed,
        )
