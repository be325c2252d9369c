"""Samples of two texts: a prompt with its completion, or a prompt with a chosen and a rejected answer.

What is asked is the recipes' business; here a pair is counted, judged by its length, and becomes a record.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from repoloom_api.catalogue import RecipeParams
from repoloom_api.v1alpha1.recipes import Shape
from repoloom_stages.record_files import write_samples
from repoloom_stages.records import PLAIN, Novel, Origin, Record, sample_id
from repoloom_stages.runtime.stage import Inputs, Outputs
from repoloom_stages.sampling.code_file import CodeFile, code_files, count_files
from repoloom_stages.sampling.keep import Kept
from repoloom_stages.sampling.neighbourhood import Neighbourhood
from repoloom_stages.sampling.samples import TOO_SHORT
from repoloom_stages.tokens import TokenCounter

TOO_LONG, UNVERIFIED = "too-long", "unverified"
"""Why a pair is no sample: a pair cannot be cut; the index does not bear its answer out."""


@dataclass(frozen=True)
class Pair:
    """A prompt and its answers."""

    kind: str
    """What is asked, or what is wrong with the rejected answer: the sample's granularity."""
    name: str
    prompt: str
    answer: str
    origins: list[Origin]
    """What it is about."""
    code: tuple[int, int] = (0, 0)
    """Characters of prompt and answer, joined, that are a stretch of the file as it stands."""
    novel: list[Novel] = field(default_factory=list)
    """Novel lines of the file that this stretch shows."""
    rejected: str = ""
    verified: bool = True


Ask = Callable[[CodeFile, Neighbourhood], Iterable[Pair]]
"""The pairs of a file."""


def write_pairs(params: RecipeParams, shape: Shape, kind: str, inputs: Inputs, outputs: Outputs, ask: Ask) -> None:
    """Write the samples of the roles `files`, `index`, `places`, `links`, `graph` and `tokenizer`.

    A file that `keep` leaves out is counted as one pair and not asked about.
    """
    writer = PairWriter(params, shape, kind, TokenCounter.load(inputs.one("tokenizer")), outputs)
    write_samples(outputs.folder, _records(writer, inputs, ask))


def _records(writer: "PairWriter", inputs: Inputs, ask: Ask) -> Iterator[Record]:
    kept, total, outputs = Kept(writer.recipe.keep), count_files(inputs), writer.outputs
    neighbours = Neighbourhood.read(inputs)
    for number, file in enumerate(code_files(inputs), start=1):
        if reason := kept.reason_against(file.about["path"], file.about["bytes"]):
            outputs.take()
            outputs.drop(reason)
        else:
            yield from writer.records(file, ask(file, neighbours))
        outputs.progress(number, total)


@dataclass(frozen=True)
class PairWriter:
    """Makes records of one recipe's pairs."""

    recipe: RecipeParams
    shape: Shape
    kind: str
    counter: TokenCounter
    outputs: Outputs

    def records(self, file: CodeFile, pairs: Iterable[Pair]) -> Iterator[Record]:
        """The pairs of a file that become samples; all are counted."""
        for pair in pairs:
            self.outputs.take()
            tokens, longest = self._tokens(pair)
            if reason := self._reason_against(pair, tokens, longest):
                self.outputs.drop(reason)
            else:
                self.outputs.keep()
                yield self._record(file, pair, tokens)

    def _tokens(self, pair: Pair) -> tuple[int, int]:
        """Of the sample, and of the longer of its two answers with the prompt."""
        answers = [pair.answer, pair.rejected] if pair.rejected else [pair.answer]
        numbers = self.counter.count([pair.prompt + answer for answer in answers])
        return numbers[0], max(numbers)

    def _reason_against(self, pair: Pair, tokens: int, longest: int) -> str | None:
        if not pair.verified:
            return UNVERIFIED
        if longest > self.recipe.max_tokens:
            return TOO_LONG
        return TOO_SHORT if tokens < self.recipe.min_tokens else None

    def _record(self, file: CodeFile, pair: Pair, tokens: int) -> Record:
        about, place = file.about, file.place
        text = pair.prompt + pair.answer
        first = pair.origins[0]
        return Record(
            id=sample_id(self.recipe.recipe, about["repo"], about["path"], first["start"], f"{text}\0{pair.rejected}"),
            kind=self.kind,
            shape=self.shape.value,
            view=PLAIN,
            recipe=self.recipe.recipe,
            granularity=pair.kind,
            name=pair.name,
            crate=place["crate"],
            module=place["module"],
            repo=about["repo"],
            commit=about["commit"],
            committed_at=about["committed_at"],
            split=about["split"],
            lang=about["language"],
            license=None,
            source=pair.origins,
            text=text,
            prompt_end=len(pair.prompt),
            rejected=pair.rejected,
            controls=[],
            code_start=pair.code[0],
            code_end=pair.code[1],
            novel=pair.novel,
            tokens=tokens,
            complete=True,
            parsed=file.facts["parsed"],
        )
