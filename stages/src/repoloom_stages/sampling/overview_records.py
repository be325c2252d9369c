"""From the lines of an overview to its records: cut to the budget, framed, and with the origins of what they show."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from repoloom_api.catalogue import CodeUnitsParams
from repoloom_api.v1alpha1.recipes import Granularity, HeaderField, Shape
from repoloom_stages.links import PlacedFile
from repoloom_stages.records import PLAIN, Origin, Record, sample_id
from repoloom_stages.runtime.stage import Outputs
from repoloom_stages.sampling.chunking import SLACK_TOKENS
from repoloom_stages.sampling.headers import Frame, file_facts, frame_of
from repoloom_stages.sampling.overview_text import Line, render
from repoloom_stages.sampling.samples import TOO_SHORT
from repoloom_stages.sampling.tagging import tag_code
from repoloom_stages.tokens import TokenCounter

KIND = "code-overview"
LANGUAGE = "markdown"

NO_ITEMS = "no-items"
TOO_LONG = "too-long"
"""Why an overview is none, or a line of one is left out: nothing in it can be used from elsewhere; the line alone is
over the budget."""


@dataclass(frozen=True)
class Overview:
    """One, before it is cut."""

    granularity: Granularity
    name: str
    place: PlacedFile
    """Of its first file; an overview of a crate says nothing of a module."""
    lines: list[Line]
    parsed: bool


class OverviewRecords:
    """Makes records of overviews, all counted."""

    def __init__(self, params: CodeUnitsParams, counter: TokenCounter, outputs: Outputs) -> None:
        self._params = params
        self._counter = counter
        self._outputs = outputs

    def records(self, overview: Overview) -> Iterator[Record]:
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
        sure, most = self._params.max_tokens - SLACK_TOKENS - around, self._params.max_tokens
        for line, tokens in zip(lines, sizes, strict=True):
            if tokens <= sure or self._tokens(frame, [line]) <= most:
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

    def _record(self, overview: Overview, frame: Frame, part: Sequence[Line], first: Origin) -> Iterator[Record]:
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
