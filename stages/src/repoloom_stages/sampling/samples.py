"""Samples of one file: stretches of it, cut to the budget, in every view that a recipe asks for, counted and recorded.

Which stretches, `code_units` and `code_patterns` say; where long ones are cut, `chunking`; how they are written,
`headers`, `fill_in_middle` and `call_graph_view`. Judging, copies and splits come later. Of a held-out file only what
shows novel lines is made: the rest stands in the training snapshot too.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from repoloom_api.catalogue import RecipeParams
from repoloom_api.v1alpha1.recipes import Header, HeaderField, Shape, Views
from repoloom_stages.records import CALL_GRAPH, FILL_IN_MIDDLE, PLAIN, Control, Record, sample_id
from repoloom_stages.runtime.stage import Outputs
from repoloom_stages.sampling.chunking import Chunk, chunks
from repoloom_stages.sampling.code_file import CodeFile
from repoloom_stages.sampling.fill_in_middle import can_be_filled, draws, fill_in_middle
from repoloom_stages.sampling.headers import Frame, file_facts, frame_of, size
from repoloom_stages.sampling.keep import Kept
from repoloom_stages.sampling.sentinels import sentinels_of
from repoloom_stages.sampling.tagging import tag_code
from repoloom_stages.tokens import TokenCounter, between

REPEATED, HEADER_TOO_LONG, TOO_SHORT = "repeated", "header-too-long", "too-short"
NO_MIDDLE = "no-middle"
"""Why a unit or a part of one is no sample: another granularity has made the same text there; its header leaves no room
for code; it has too few tokens; it is too short for a middle to fill in, has sentinels as text, or none fits."""

VIEWS = (PLAIN, FILL_IN_MIDDLE, CALL_GRAPH)

FILL_SLACK_TOKENS = 8
"""Room kept, besides that for sentinels, for what cutting the code at its middle adds."""

FILL_TRIES = 4

MOST_NOTES = 0.5
"""Of a budget, for what stands before code that is cut: each part repeats it."""


@dataclass(frozen=True)
class Unit:
    """A stretch of a file to make samples of. Offsets are bytes, between characters."""

    granularity: str
    name: str
    start: int
    end: int
    facts: Mapping[HeaderField, str] = field(default_factory=dict)
    """What its header can say besides what is known of its file."""


Notes = Callable[[CodeFile, Unit], list[str]]
"""Lines about a unit that stand before its code; none where there is nothing to say."""


class _Shown(NamedTuple):
    """A stretch of a file in a frame."""

    frame: Frame
    start: int
    end: int


@dataclass(frozen=True)
class _Variant:
    """A unit in one view, before it is cut."""

    unit: Unit
    view: str
    frame: Frame

    @property
    def shown(self) -> _Shown:
        """All of it."""
        return _Shown(self.frame, self.unit.start, self.unit.end)


@dataclass(frozen=True)
class _Measure:
    """Tokens of the text that shows a piece of code in a frame, as the outputs write it."""

    counter: TokenCounter
    frame: Frame
    tagged: bool

    def text(self, code: str) -> str:
        text = self.frame.around(code)
        return tag_code(text) if self.tagged else text

    def tokens(self, code: str) -> int:
        (number,) = self.counter.count([self.text(code)])
        return number

    def tokens_between(self, code: str, controls: list[Control]) -> int:
        """The same with control tokens in the code."""
        before = self.text("\0").index("\0")
        moved = [Control(start=before + one["start"], end=before + one["end"]) for one in controls]
        return self.counter.count_between(between(self.text(code), moved))

    def starts(self, code: str) -> Sequence[int]:
        return self.counter.starts(code)


@dataclass(frozen=True)
class _Sample:
    """A unit or a part of one in one view; its text is made when it is needed."""

    variant: _Variant
    chunk: Chunk

    @property
    def place(self) -> tuple[int, int, str, int]:
        """Order within a file: what holds others comes before them."""
        return self.chunk.start, -self.chunk.end, self.variant.unit.granularity, VIEWS.index(self.variant.view)

    @property
    def complete(self) -> bool:
        unit = self.variant.unit
        return (self.chunk.start, self.chunk.end) == (unit.start, unit.end)


@dataclass(frozen=True)
class _Written:
    """Code as a sample shows it."""

    code: str
    tokens: int
    controls: list[Control] = field(default_factory=list)


class Samples:
    """A recipe's choices, applied to one file after another and counted: each part of a unit in each view is one."""

    def __init__(
        self,
        params: RecipeParams,
        *,
        kind: str,
        header: Header,
        views: Views,
        counter: TokenCounter,
        outputs: Outputs,
        notes: Notes | None = None,
    ) -> None:
        """`notes` say what the view `callGraph` shows; without them there is no such view."""
        self._params = params
        self._kind = kind
        self._header = header
        self._views = views
        self._counter = counter
        self._outputs = outputs
        self._notes = notes if views.call_graph else None
        self._sentinels = sentinels_of(counter.added)
        sentinels = [3] if self._sentinels.control else counter.count(list(self._sentinels.all))
        self._fill_tokens = sum(sentinels) + FILL_SLACK_TOKENS
        self._kept = Kept(params.keep)
        self._path = ""
        self._made: set[str] = set()

    def of(self, file: CodeFile, units: Iterable[Unit]) -> Iterator[Record]:
        """The samples of a file in order. The units are looked at only if `keep` takes the file.

        Files come by path. What several versions of one path show alike is made once.
        """
        about = file.about
        if about["path"] != self._path:
            self._path, self._made = about["path"], set()
        if reason := self._kept.reason_against(about["path"], about["bytes"]):
            self._drop(reason)
            return
        for sample in sorted(self._cut(file, units), key=lambda one: one.place):
            record, reason = self._record(file, sample)
            if record is None or reason:
                self._drop(reason)
                continue
            self._made.add(record["id"])
            self._outputs.take()
            self._outputs.keep()
            yield record

    def _drop(self, reason: str) -> None:
        self._outputs.take()
        self._outputs.drop(reason)

    def _cut(self, file: CodeFile, units: Iterable[Unit]) -> Iterator[_Sample]:
        """Every unit that is worth one, in every view, whole or in parts. One call counts the tokens of them all."""
        variants: list[_Variant] = []
        for unit in units:
            if reason := file.why_not(unit.start, unit.end):
                self._drop(reason)
            else:
                variants.extend(self._variants(file, unit))
        tokens = self._tokens(file, variants)
        for variant in variants:
            parts = self._parts(file, variant, tokens[variant.shown])
            if parts is None:
                self._drop(HEADER_TOO_LONG)
            else:
                yield from (_Sample(variant, part) for part in parts)

    def _tokens(self, file: CodeFile, variants: Iterable[_Variant]) -> dict[_Shown, int]:
        """Tokens of what variants show whole; several show the same."""
        shown = dict.fromkeys(variant.shown for variant in variants)
        texts = [self._measure(one.frame).text(file.code(one.start, one.end)) for one in shown]
        return dict(zip(shown, self._counter.count(texts), strict=True))

    def _measure(self, frame: Frame) -> _Measure:
        return _Measure(self._counter, frame, self._params.tagged)

    def _variants(self, file: CodeFile, unit: Unit) -> Iterator[_Variant]:
        facts = {
            **file_facts(file.place, file.about["language"]),
            HeaderField.KIND: unit.granularity,
            HeaderField.NAME: unit.name,
            HeaderField.BYTES: size(unit.end - unit.start),
            **unit.facts,
        }
        language = file.about["language"]
        frame = frame_of(self._header, facts, language)
        if self._views.plain:
            yield _Variant(unit, PLAIN, frame)
        fill = self._views.fill_in_middle
        if (
            fill
            and next(draws("unit", *self._identity(file, unit.granularity, unit.start, unit.end))) < fill.percent / 100
        ):
            yield _Variant(unit, FILL_IN_MIDDLE, frame)
        if self._notes and (notes := self._notes(file, unit)):
            yield _Variant(unit, CALL_GRAPH, frame_of(self._header, facts, language, notes))

    def _identity(self, file: CodeFile, granularity: str, start: int, end: int) -> tuple[str, ...]:
        """What makes a stretch the one it is, for all that is drawn by lot."""
        about = file.about
        return self._params.recipe, about["repo"], about["path"], about["blob"], granularity, str(start), str(end)

    def _parts(self, file: CodeFile, variant: _Variant, tokens: int) -> list[Chunk] | None:
        """The unit whole if it fits, else cut; None if it cannot be."""
        unit, budget, measure = variant.unit, self._params.max_tokens, self._measure(variant.frame)
        if variant.view == FILL_IN_MIDDLE:
            budget -= self._fill_tokens
        if tokens <= budget:
            return [Chunk(unit.start, unit.end, tokens)]
        if variant.view == CALL_GRAPH and measure.tokens("") > budget * MOST_NOTES:
            return None
        return chunks(file.source, unit.start, unit.end, file.syntax, measure, budget)

    def _written(self, file: CodeFile, sample: _Sample) -> _Written | None:
        """A sample's code in its view; None where it has no middle to fill in."""
        chunk = sample.chunk
        code = file.code(chunk.start, chunk.end)
        if sample.variant.view != FILL_IN_MIDDLE:
            return _Written(code, chunk.tokens)
        if not can_be_filled(code, self._sentinels):
            return None
        measure = self._measure(sample.variant.frame)
        identity = self._identity(file, sample.variant.unit.granularity, chunk.start, chunk.end)
        tree = file.syntax.tree if file.syntax else None
        for number in range(FILL_TRIES):
            drawn = draws("middle", str(number), *identity)
            text, controls = fill_in_middle(file.source, chunk.start, chunk.end, tree, self._sentinels, drawn)
            tokens = measure.tokens_between(text, controls)
            if tokens <= self._params.max_tokens:
                return _Written(text, tokens, controls)
        return None

    def _record(self, file: CodeFile, sample: _Sample) -> tuple[Record | None, str]:
        """A sample's record, and why it is none after all, or nothing."""
        start, end = sample.chunk.start, sample.chunk.end
        if not sample.complete and (reason := file.why_not(start, end)):
            return None, reason
        written = self._written(file, sample)
        if written is None:
            return None, NO_MIDDLE
        record = self._made_of(file, sample, written)
        if record["id"] in self._made:
            return record, REPEATED
        return record, TOO_SHORT if written.tokens < self._params.min_tokens else ""

    def _made_of(self, file: CodeFile, sample: _Sample, written: _Written) -> Record:
        about, unit, frame = file.about, sample.variant.unit, sample.variant.frame
        start, end = sample.chunk.start, sample.chunk.end
        origin = file.origin(start, end)
        text = frame.around(written.code)
        code_start = len(frame.before)
        return Record(
            id=sample_id(self._params.recipe, about["repo"], about["path"], origin["start"], text),
            kind=self._kind,
            shape=Shape.TEXT.value,
            view=sample.variant.view,
            recipe=self._params.recipe,
            granularity=unit.granularity,
            name=unit.name or about["path"],
            crate=file.place["crate"],
            module=file.place["module"],
            repo=about["repo"],
            commit=about["commit"],
            committed_at=about["committed_at"],
            split=about["split"],
            lang=about["language"],
            license=None,
            source=[origin],
            text=text,
            prompt_end=0,
            rejected="",
            controls=[
                Control(start=code_start + one["start"], end=code_start + one["end"]) for one in written.controls
            ],
            code_start=code_start,
            code_end=code_start + len(written.code),
            novel=file.novel(start, end),
            tokens=written.tokens,
            complete=sample.complete,
            parsed=file.facts["parsed"],
        )
