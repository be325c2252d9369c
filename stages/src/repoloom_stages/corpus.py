"""Samples of a dataset as a model reads them: token ids, whole, in windows.

Text is text: a special token's name in source code becomes the tokens of its characters, never the token. A document is
opened by the tokenizer's BOS token (EOS, where it has none), and closed by EOS.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from tokenizers import Encoding, Tokenizer
from transformers import PreTrainedTokenizerBase

from repoloom_stages.errors import BadInput
from repoloom_stages.tokens import text_tokenizer


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

    def encode(self, text: str) -> Encoding:
        """The text's tokens with their places in it, without a frame."""
        return self.tokenizer.encode(text, add_special_tokens=False)

    def document(self, text: str) -> list[int]:
        """The text's ids in their frame."""
        return [self.start, *self.encode(text).ids, self.end]


def read_samples(folder: Path, split: str) -> Iterator[dict[str, Any]]:
    """The samples of one split of a dataset's output, as `write-output` wrote them."""
    path = folder / f"{split}.jsonl"
    if not path.is_file():
        raise BadInput(f"the dataset has no {split}.jsonl: is it an output of a DatasetBuild?")
    with path.open("rb") as lines:
        for line in lines:
            yield orjson.loads(line)


def windows(ids: list[int], max_tokens: int) -> Iterator[list[int]]:
    """Cut a document so that every token but the first is predicted exactly once.

    A window opens with the last token of the one before, since a model predicts nothing for the first token it sees.
    """
    for start in range(0, max(len(ids) - 1, 1), max_tokens - 1):
        yield ids[start : start + max_tokens]
