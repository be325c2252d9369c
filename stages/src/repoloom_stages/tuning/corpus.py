"""Samples of a dataset as a model reads them: token ids, whole, in windows.

Text is text: a special token's name in source code becomes the tokens of its characters, never the token. Where a row
says that a control token stands (`controls`), it becomes that token, and counts as the one that it is. A document is
opened by the tokenizer's BOS token (EOS, where it has none), and closed by EOS.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import orjson
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerBase

from repoloom_stages.errors import BadInput
from repoloom_stages.records import Control, text_of
from repoloom_stages.sampling.novelty import Span
from repoloom_stages.tokens import between, text_tokenizer


class Sample(TypedDict):
    """What is read of a row."""

    id: str
    text: str
    novel: list[Span]
    controls: list[Control]


@dataclass(frozen=True)
class Encoded:
    """A text in tokens."""

    ids: list[int]
    offsets: list[tuple[int, int]]
    """Of each token, characters of the text before it and up to its end."""


@dataclass(frozen=True)
class Encoder:
    """A model's tokenizer that reads special tokens' names as text, and the two ids that frame a document."""

    tokenizer: Tokenizer
    start: int
    end: int

    @classmethod
    def of(cls, tokenizer: PreTrainedTokenizerBase) -> "Encoder":
        """The encoder of a model's tokenizer."""
        end = tokenizer.eos_token_id
        if end is None:
            raise BadInput("the model's tokenizer has no EOS token, so no document could end: choose another model")
        start = tokenizer.bos_token_id
        plain = text_tokenizer(json.loads(tokenizer.backend_tokenizer.to_str()))
        return cls(plain, end if start is None else start, end)

    def encode(self, text: str, controls: Sequence[Control] = ()) -> Encoded:
        """The text's tokens with their places in it, without a frame. Raises BadInput for controls of another model."""
        ids: list[int] = []
        offsets: list[tuple[int, int]] = []
        starts = [0, *(one["end"] for one in controls)]
        for position, part in enumerate(between(text, controls)):
            encoding = self.tokenizer.encode(part, add_special_tokens=False)
            ids += encoding.ids
            offsets += [(starts[position] + start, starts[position] + end) for start, end in encoding.offsets]
            for one in controls[position : position + 1]:
                ids.append(self._control(text[one["start"] : one["end"]]))
                offsets.append((one["start"], one["end"]))
        return Encoded(ids, offsets)

    def _control(self, name: str) -> int:
        number: int | None = self.tokenizer.token_to_id(name)
        if number is None:
            raise BadInput(
                f"the model's tokenizer has no control token {name}, which the dataset was written with: name the model"
                " to be tuned as the DatasetBuild's spec.tokenizer"
            )
        return number

    def document(self, text: str, controls: Sequence[Control] = ()) -> list[int]:
        """The text's ids in their frame."""
        return [self.start, *self.encode(text, controls).ids, self.end]


def read_samples(folder: Path, split: str) -> Iterator[Sample]:
    """The samples of one split of a dataset's output, as `write-output` wrote them. A pair is its texts, joined."""
    path = folder / f"{split}.jsonl"
    if not path.is_file():
        raise BadInput(f"the dataset has no {split}.jsonl: is it an output of a DatasetBuild?")
    with path.open("rb") as lines:
        for line in lines:
            row = orjson.loads(line)
            yield Sample(id=row["id"], text=text_of(row), novel=row.get("novel", []), controls=row.get("controls", []))


def windows(ids: list[int], max_tokens: int) -> Iterator[list[int]]:
    """Cut a document so that every token but the first is predicted exactly once.

    A window opens with the last token of the one before, since a model predicts nothing for the first token it sees.
    """
    for start in range(0, max(len(ids) - 1, 1), max_tokens - 1):
        yield ids[start : start + max_tokens]
