"""Tokens of texts, by a model's own tokenizer: what budgets and counts mean.

Text is text: a special token's name in source code counts as the tokens of its characters, as training reads it.
"""

import json
from array import array
from collections.abc import Iterable
from itertools import accumulate
from pathlib import Path
from typing import Any, Self, TypeAlias

from tokenizers import Tokenizer

from repoloom_api.artifacts import sha256_of
from repoloom_stages.errors import BadInput
from repoloom_stages.fast_tokens import FastTokenizer
from repoloom_stages.records import Control

TOKENIZER_FILE = "tokenizer.json"

SWITCH_CHARACTERS = 500_000
"""After so much text the faster tokenizer has earned its start: 0.1 s with a small vocabulary, 0.5 s with a large."""


Starts: TypeAlias = "array[int]"
"""Where tokens start, in bytes."""


class TokenCounter:
    """Counts tokens exactly: by `tokenizers`, and once there is much to count by a faster one that agrees with it."""

    def __init__(self, document: dict[str, Any], digest: str = "") -> None:
        """`document` is the JSON of a tokenizer's file, `digest` the file's SHA-256."""
        self.digest = digest
        self._document = document
        self._exact = text_tokenizer(document)
        self._template = self._exact.num_special_tokens_to_add(False)
        self._fast: FastTokenizer | None = None
        self._seen = 0
        self._last: tuple[str, Starts] = "", array("I")
        """A text, and where its tokens start."""

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
        return cls(document, sha256_of(data))

    @property
    def is_fast(self) -> bool:
        """Whether the faster tokenizer is at work."""
        return self._fast is not None

    @property
    def added(self) -> frozenset[str]:
        """The tokens that were added to the vocabulary, as they are written: control tokens are among them."""
        return frozenset(token["content"] for token in self._document.get("added_tokens", ()))

    def count(self, texts: list[str]) -> list[int]:
        """Tokens of each text, with those that the tokenizer's own template puts around it."""
        self._see(texts)
        fast = [self._fast.count(text) for text in texts] if self._fast else []
        if None in fast:
            self._fast = None
        if self._fast:
            return [number + self._template for number in fast if number is not None]
        return [len(encoding) for encoding in self._exact.encode_batch_fast(texts)]

    def count_between(self, texts: list[str]) -> int:
        """Tokens of a text that control tokens stand in, given what stands between them: one for each of them."""
        return sum(self.count(texts)) + (len(texts) - 1) * (1 - self._template)

    def starts(self, text: str) -> Starts:
        """Where each token of a text starts, in bytes of UTF-8, in order; the template's tokens are nowhere.

        A token that starts inside a character starts where that does. The last text is remembered: its views are cut
        one after another.
        """
        if self._last[0] != text:
            self._last = text, self._find_starts(text)
        return self._last[1]

    def _find_starts(self, text: str) -> Starts:
        self._see([text])
        found = self._fast.starts(text) if self._fast else None
        if found is not None:
            return array("I", found.tobytes())
        places = array("I", (start for start, _ in self._exact.encode(text, add_special_tokens=False).offsets))
        if text.isascii():
            return places
        before = list(accumulate((len(character.encode()) for character in text), initial=0))
        return array("I", (before[place] for place in places))

    def _see(self, texts: list[str]) -> None:
        """Start the faster tokenizer when it is time, once."""
        before, self._seen = self._seen, self._seen + sum(map(len, texts))
        if before <= SWITCH_CHARACTERS < self._seen:
            found_in_text = [token for token in self._document.get("added_tokens", ()) if not token["content"].strip()]
            self._fast = FastTokenizer.of(self._document | {"added_tokens": found_in_text}, self._exact)


def between(text: str, controls: Iterable[Control]) -> list[str]:
    """What stands before, between and after the control tokens of a text."""
    edges = [0, *(place for one in controls for place in (one["start"], one["end"])), len(text)]
    return [text[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True)]


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
