"""What `tiny` learns from: the texts of the standard library, and the tokenizer that turns them into ids."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

SEED = 0

END_OF_TEXT = "<|endoftext|>"
PAD = "<|pad|>"
FILL_IN_THE_MIDDLE = ("<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>")
SPECIAL_TOKENS = (END_OF_TEXT, PAD, *FILL_IN_THE_MIDDLE)
"""Their ids are 0 to 4, in this order. The last three are untrained: room for datasets that use them."""

VOCABULARY_TOKENS = 4096

HELD_OUT_FRACTION = 0.02
EXCLUDED_FOLDERS = frozenset({"site-packages", "test", "tests", "idle_test", "__pycache__"})
EXCLUDED_PREFIX = "_sysconfigdata"
"""Generated when Python is built; it holds paths and flags of this machine, not source."""

TABLES = "encodings/"
"""Mostly generated tables of characters, so easy to predict that the loss is also given without them."""


@dataclass(frozen=True)
class Corpus:
    """Texts by path below the standard library, in sorted order."""

    train: dict[str, str]
    held_out: dict[str, str]

    @property
    def train_bytes(self) -> int:
        """Bytes of UTF-8 to train on."""
        return sum(len(text.encode()) for text in self.train.values())


def read_corpus(library: Path) -> Corpus:
    """Every source file of the library that is UTF-8 and no test, some held out by a hash of the path."""
    train: dict[str, str] = {}
    held_out: dict[str, str] = {}
    for file in sorted(library.rglob("*.py")):
        relative = file.relative_to(library)
        if EXCLUDED_FOLDERS.intersection(relative.parts) or file.name.startswith(EXCLUDED_PREFIX):
            continue
        try:
            text = file.read_bytes().decode()
        except UnicodeDecodeError:
            continue
        if text:
            side = held_out if is_held_out(relative.as_posix()) else train
            side[relative.as_posix()] = text
    return Corpus(train, held_out)


def is_held_out(path: str) -> bool:
    """Decided by the path alone, so that another Python version holds out the same modules."""
    digest = hashlib.sha256(f"{SEED}:{path}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64 < HELD_OUT_FRACTION


def train_tokenizer(texts: Iterable[str]) -> Tokenizer:
    """Byte-level BPE as GPT-2's: all 256 bytes are tokens and nothing is normalised, so any text comes back exactly."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    # It adds no token: who wants <|endoftext|> before a text writes it there, as `encode` does.
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY_TOKENS,
        special_tokens=[AddedToken(token, special=True, normalized=False) for token in SPECIAL_TOKENS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def encode(tokenizer: Tokenizer, text: str) -> list[int]:
    """The ids of a document behind <|endoftext|>, which both separates documents and opens one."""
    return [SPECIAL_TOKENS.index(END_OF_TEXT), *tokenizer.encode(text).ids]
