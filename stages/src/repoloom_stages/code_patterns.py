"""Stage `code-patterns`: the recipe `codePatterns` on a whole source, samples of what its selectors match.

Two passes: every file is matched by its facts, and those with matches go to a scratch file; when all names and ranks
are known, limits choose (`pattern_choice`), and the files come back in order of their paths to be cut (`samples`).
Memory holds one file, of each match with a limit what that depends on, and for the view `callGraph` what is next to
items of files with matches.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from repoloom_api.artifacts import canonical_json
from repoloom_api.catalogue import CodePatternsParams
from repoloom_api.v1alpha1.recipes import Header, HeaderField, Pattern
from repoloom_stages.record_files import write_samples
from repoloom_stages.records import TRAIN, Record
from repoloom_stages.runtime.scratch import Scratch
from repoloom_stages.runtime.stage import Inputs, Outputs
from repoloom_stages.sampling.call_graph_view import CallGraph, neighbours
from repoloom_stages.sampling.code_file import CodeFile
from repoloom_stages.sampling.keep import Kept
from repoloom_stages.sampling.layer_changes import LayerChanges
from repoloom_stages.sampling.pattern_choice import Candidate, Choice, Key, choice_of
from repoloom_stages.sampling.pattern_figures import PatternFigures
from repoloom_stages.sampling.pattern_matches import Found, Matcher, calls_by_item
from repoloom_stages.sampling.pattern_units import Matched, matched, units
from repoloom_stages.sampling.samples import Samples, Unit
from repoloom_stages.sampling.whole_source import count_source_files, source_files
from repoloom_stages.tokens import TokenCounter

KIND = "code-pattern"

NOT_CHOSEN = "over-limit"
"""Why a match is no sample: the pattern's `limit` leaves it out."""


def run(params: CodePatternsParams, inputs: Inputs, outputs: Outputs) -> None:
    """Make the samples of a source; roles as the plan has them, `index` and `places` in the order of the shards' names.

    `records/records.jsonl.zst` and `ids/ids.jsonl.zst` are sorted by path; `figures/patterns.json` says how often what
    is found. Counted are samples, files that `keep` leaves out, and matches that a limit does.
    """
    counter = TokenCounter.load(inputs.one("tokenizer"))
    with Scratch() as scratch:
        source = _Source(params, scratch)
        source.read(inputs, outputs)
        samples = Samples(
            params,
            kind=KIND,
            header=params.patterns.header,
            views=params.patterns.views,
            counter=counter,
            outputs=outputs,
            notes=CallGraph.around(source.near, inputs.one("graph")).notes if source.shows_calls else None,
        )
        write_samples(outputs.folder, _records(source, samples, outputs))
    outputs.file("figures/patterns.json").write_bytes(canonical_json(source.figures.document()))


def _records(source: "_Source", samples: Samples, outputs: Outputs) -> Iterator[Record]:
    order = source.in_order()
    for number, position in enumerate(order, start=1):
        file, found = source.file(position)
        yield from samples.of(file, source.units(position, file, found, outputs))
        outputs.progress(len(order) + number, 2 * len(order))


class _Kept(NamedTuple):
    """A file with matches, in the order of records."""

    path: str
    split: str
    number: int


class _Source:
    """All matches of a source."""

    def __init__(self, params: CodePatternsParams, scratch: Scratch) -> None:
        self.figures = PatternFigures()
        self.shows_calls = params.patterns.views.call_graph is not None
        self.near: set[str] = set()
        """Where calls are shown, ids next to the items of files with matches."""
        self._patterns: Sequence[Pattern] = params.patterns.patterns
        self._matchers = [Matcher(pattern.match) for pattern in self._patterns]
        self._choices: list[Choice] = [choice_of(pattern.limit) for pattern in self._patterns]
        self._layers = LayerChanges() if _shows_layers(params.patterns.header) else None
        self._kept = Kept(params.keep)
        self._scratch = scratch
        self._files: list[_Kept] = []

    def read(self, inputs: Inputs, outputs: Outputs) -> None:
        """Match every file, and settle what is chosen."""
        total = count_source_files(inputs)
        for number, file in enumerate(source_files(inputs), start=1):
            about = file.about
            if reason := self._kept.reason_against(about["path"], about["bytes"]):
                outputs.take()
                outputs.drop(reason)
            else:
                self._see(file)
            outputs.progress(number, 2 * total)
        for choice in self._choices:
            choice.settle()

    def _see(self, file: CodeFile) -> None:
        number = len(self._files)
        self.figures.see(file.facts)
        found = list(self._matched(number, file))
        if self._layers:
            self._layers.see(file, number if found else None)
        if found:
            items, links = (file.facts["items"], file.links) if self.shows_calls else ([], None)
            facts = {**file.facts, "items": items, "imports": [], "calls": [], "bindings": []}
            self._scratch.put([file.about, facts, file.place, links, found])
            self.near.update(neighbours(links) if links else ())
            self._files.append(_Kept(file.about["path"], file.about["split"], number))

    def _matched(self, number: int, file: CodeFile) -> Iterator[Matched]:
        count, calls = 0, calls_by_item(file.facts)
        for position, (pattern, matcher) in enumerate(zip(self._patterns, self._matchers, strict=True)):
            for found in matcher.found(file.facts, calls):
                if file.about["split"] in ("", TRAIN):
                    self.figures.matched(pattern.name, found.names)
                self._choices[position].see(_candidate(Key(number, count), found, file))
                yield matched(position, found, file)
                count += 1

    def in_order(self) -> list[int]:
        """Numbers of the files with matches, by path and split."""
        return [file.number for file in sorted(self._files)]

    def file(self, number: int) -> tuple[CodeFile, list[Matched]]:
        """A file with its matches."""
        *parts, found = self._scratch.get(number)
        return CodeFile(*parts), found

    def units(self, number: int, file: CodeFile, found: list[Matched], outputs: Outputs) -> Iterator[Unit]:
        """What the patterns make of a file's chosen matches."""
        chosen: dict[int, list[Matched]] = {}
        for position, one in enumerate(found):
            if self._choices[one["pattern"]].takes(Key(number, position), one["id"]):
                chosen.setdefault(one["pattern"], []).append(one)
            else:
                outputs.take()
                outputs.drop(NOT_CHOSEN)
        for pattern, matches in chosen.items():
            for unit in units(self._patterns[pattern], matches, file):
                yield self._between_layers(number, unit)

    def _between_layers(self, number: int, unit: Unit) -> Unit:
        """A conversion says between which layers, where it is shown by itself."""
        change = self._layers.between(number, unit.start) if self._layers else ""
        return replace(unit, facts={**unit.facts, HeaderField.LAYER: change}) if change else unit


def _shows_layers(header: Header) -> bool:
    chosen = header.comment or header.tags
    return chosen is not None and HeaderField.LAYER in chosen.fields


def _candidate(key: Key, found: Found, file: CodeFile) -> Candidate:
    link = file.links["items"][found.item] if file.links and not found.line else None
    return Candidate(
        key=key,
        path=file.about["path"],
        split=file.about["split"],
        crate=file.place["crate"],
        names=found.names,
        id=link["id"] if link else "",
        rank=link["rank"] if link else 0,
    )
