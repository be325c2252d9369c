"""Tokens of texts, by a model's own tokenizer: what budgets and counts mean. A faster tokenizer would stand here.

Text is text: a special token's name in source code counts as the tokens of its characters, as training reads it.
"""

import json
from pathlib import Path
from typing import Any, Self

from tokenizers import Tokenizer

from repoloom_api.artifacts import sha256_of
from repoloom_stages.errors import BadInput

TOKENIZER_FILE = "tokenizer.json"


class TokenCounter:
    """Counts tokens exactly."""

    def __init__(self, tokenizer: Tokenizer, digest: str) -> None:
        self._tokenizer = tokenizer
        self.digest = digest
        """SHA-256 of the tokenizer's file."""

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The tokenizer of a model's folder. Raises BadInput where it has none that is written as one file."""
        path = folder / TOKENIZER_FILE
        if not path.is_file():
            raise BadInput(f"spec.tokenizer: the model has no {TOKENIZER_FILE}; choose one with a fast tokenizer")
        data = path.read_bytes()
        try:
            document = json.loads(data)
        except ValueError as error:
            raise BadInput(f"spec.tokenizer: the model's {TOKENIZER_FILE} is not JSON ({error})") from error
        return cls(text_tokenizer(document), sha256_of(data))

    def count(self, texts: list[str]) -> list[int]:
        """Tokens of each text, with those that the tokenizer's own template puts around it."""
        return [len(encoding) for encoding in self._tokenizer.encode_batch_fast(texts)]

    def starts(self, text: str) -> list[int]:
        """Where each token of a text starts, in characters, in order; the template's tokens are nowhere."""
        return [start for start, _ in self._tokenizer.encode(text, add_special_tokens=False).offsets]


def text_tokenizer(document: dict[str, Any]) -> Tokenizer:
    """A tokenizer, from its JSON document, that reads the names of control tokens as text and cuts nothing short.

    `encode_special_tokens` covers the added tokens marked special; models such as Qwen add `<|fim_prefix|>` and
    `<tool_call>` without that mark, so here all are marked. Runs of spaces are no control tokens and stay.
    """
    added = [token | {"special": bool(token["content"].strip())} for token in document.get("added_tokens", [])]
    tokenizer = Tokenizer.from_str(json.dumps(document | {"added_tokens": added}))
    tokenizer.encode_special_tokens = True
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
