"""A faster tokenizer, gigatoken, taken only where its ids are those of Hugging Face's.

It follows another version of Unicode than `tokenizers` does, and knows byte-level BPE and SentencePiece-style BPE only.
So nothing is assumed: a sample is compared before the first text, every further character beyond ASCII before the first
text that has it, in the surroundings that decide how text is split. One difference, and the tokenizer is not used.
"""

import json
import re
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from gigatoken import Tokenizer as Gigatoken
from tokenizers import Tokenizer

_SAMPLE = (
    "fn main() {\n\tlet x_1 = 0xFFu8 + 12_345; // don't we'll THEY'RE\r\n\n  }\n\n\n"
    "    pub async fn f<'a>(&'a self) -> Result<(), Box<dyn Error>> where T: 'static,\n"
    '#[cfg(test)] "a\\n\\u{1F600}" {{}} ;;; !== <<= => :: ... ___ --- *** //// \\\\\\\\\n'
    "def f(a, *b, **c):\n        return {k: v for k, v in a.items() if v}\n \t \n x  y   z    \n"
    "camelCase SCREAMING_CASE kebab-case 3.14e-10 1,000,000 v1.2.3 user@example.org https://example.org/?q=1&r=2#s\n"
    "it's IT'S 's 'S n't 1's _'s\x00\x01\x1b[0m\x7f\x0b\x0c end  \n\n"
)
_CONTEXTS = ("a{0}a", " {0} ", "1{0}1", ".{0}.", "{0}{0}", "\n{0}\n", "A{0}a", "'{0}s", "{0}")
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")


class FastTokenizer:
    """Ids of texts as `tokenizers` gives them, many times faster; or nothing, for good, once it disagrees."""

    def __init__(self, fast: Gigatoken, exact: Tokenizer, *, byte_level: bool) -> None:
        """`byte_level`: whether the tokens' bytes are the text's own."""
        self._fast = fast
        self._exact = exact
        self._byte_level = byte_level
        self._known: set[str] = set()
        """Characters beyond ASCII that were compared."""
        self._lengths: npt.NDArray[np.int64] | None = None
        """Bytes of each token, by id, once somebody asks for places."""

    @classmethod
    def of(cls, document: dict[str, Any], exact: Tokenizer) -> Self | None:
        """The fast one of a tokenizer's document whose `added_tokens` are those that are found in text.

        None where it has none, or the sample's ids are not those of `exact`.
        """
        try:
            fast = Gigatoken.from_json(json.dumps(document | {"post_processor": None}))
        except (RuntimeError, ValueError):  # a kind that it does not know
            return None
        normalizer, model = document.get("normalizer"), document.get("model") or {}
        found = cls(fast, exact, byte_level=not normalizer and not model.get("byte_fallback"))
        return found if found._agrees(_SAMPLE) else None

    def count(self, text: str) -> int | None:
        """How many tokens a text has; None where the two disagree, and then it is not to be asked again."""
        if not text.isascii() and not self._learn(text):
            return None
        return len(self._fast.encode(text))

    def starts(self, text: str) -> npt.NDArray[np.uint32] | None:
        """Where each token starts, in bytes of UTF-8; None where the two disagree or that cannot be told."""
        if not self._byte_level or (not text.isascii() and not self._learn(text)):
            return None
        if self._lengths is None:
            vocabulary = self._fast.vocab
            numbers = range(max(vocabulary, default=0) + 1)
            self._lengths = np.array([len(vocabulary.get(number, b"")) for number in numbers], np.int64)
        source, lengths = text.encode(), self._lengths[self._fast.encode(text)]
        if lengths.sum() != len(source):
            return None
        places = lengths.cumsum() - lengths
        return (places if text.isascii() else _characters(source)[places]).astype(np.uint32)

    def _learn(self, text: str) -> bool:
        """Compare the characters of a text that were not compared yet."""
        new = set(_BEYOND_ASCII.findall(text)) - self._known
        if new and not self._agrees("".join(context.format(one) for one in sorted(new) for context in _CONTEXTS)):
            return False
        self._known |= new
        return True

    def _agrees(self, text: str) -> bool:
        exact: list[int] = self._exact.encode(text, add_special_tokens=False).ids
        fast: list[int] = self._fast.encode(text).tolist()
        return exact == fast


def _characters(source: bytes) -> npt.NDArray[np.int64]:
    """Of each byte, where the character starts that it is of."""
    continues = np.frombuffer(source, np.uint8) & 0xC0 == 0x80
    return np.maximum.accumulate(np.where(continues, 0, np.arange(len(source))))
