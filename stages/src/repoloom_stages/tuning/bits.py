"""Bits that base and adapter spend on spans of texts: what `evaluate` compares.

Both share a tokenizer, and both see a token behind the same ones before it, so their bits on equal spans compare. A
token's bits belong to the bytes it stands for: where it reaches over a span's edge, the share of its bytes inside
counts. So the bits of adjoining spans add up to the bits of the whole, over the same bytes.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import torch
from numpy.typing import NDArray
from peft import PeftModel
from torch.nn.functional import cross_entropy

from repoloom_stages.records import Control
from repoloom_stages.tuning.corpus import Encoder

MAX_BATCH_TOKENS = 8192
"""Tokens that are computed at once, padding included."""
MAX_BATCH_LOGITS = 1 << 27
"""Logits held at once: 512 MB in 32-bit floats."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Span:
    """A novel part of a text, in characters: from `start` up to `end`."""

    start: int
    end: int
    group: str
    """What brought it: a commit, or a file."""


@dataclass(frozen=True)
class Scored:
    """A text in the model's tokens, and what each of them counts for."""

    ids: list[int]
    """The token that opens a document, then the text's own."""
    shares: dict[str, Floats]
    """By group, shape (tokens of the text,): the share of each token's bytes that lies in the group's spans."""
    span_bytes: dict[str, int]
    """By group, UTF-8 bytes of its spans."""

    @property
    def wanted(self) -> NDArray[np.bool_]:
        """Tokens of the text that count at all."""
        wanted: NDArray[np.bool_] = np.sum(list(self.shares.values()), axis=0) > 0
        return wanted


@dataclass(frozen=True)
class Window:
    """A stretch of a text's ids, and from where on its predictions count."""

    text: int
    """Position of the text."""
    start: int
    """Position of its first id in the text's `ids`."""
    ids: list[int]
    first: int
    """Position, in these ids, of the first token that is scored here."""


@dataclass
class GroupBits:
    """What one group's spans cost."""

    bytes: int = 0
    base: float = 0.0
    adapter: float = 0.0


def scored(text: str, spans: Iterable[Span], encoder: Encoder, controls: Sequence[Control] = ()) -> Scored | None:
    """A text ready to be scored; None if none of its tokens counts."""
    encoding = encoder.encode(text, controls)
    if not encoding.ids:
        return None
    bytes_before = _bytes_before(text)
    edges = _byte_edges(bytes_before, [end for _, end in encoding.offsets])
    shares: dict[str, Floats] = {}
    span_bytes: dict[str, int] = {}
    for span in spans:
        first, last = bytes_before[span.start], bytes_before[span.end]
        inside = np.clip(np.minimum(edges[1:], last) - np.maximum(edges[:-1], first), 0, None) / np.diff(edges)
        shares[span.group] = shares.get(span.group, 0) + inside
        span_bytes[span.group] = span_bytes.get(span.group, 0) + int(last - first)
    return Scored([encoder.start, *encoding.ids], shares, span_bytes) if sum(span_bytes.values()) else None


def _bytes_before(text: str) -> Floats:
    """UTF-8 bytes before each character, and in all: shape (characters + 1,)."""
    sizes = [len(character.encode()) for character in text]
    return np.concatenate([[0.0], np.cumsum(sizes, dtype=np.float64)])


def _byte_edges(bytes_before: Floats, ends: list[int]) -> Floats:
    """Where tokens meet, in bytes, from the characters they end at: shape (tokens + 1,).

    Tokenizers leave characters out (the space before a word, what a normaliser drops). They go to the token behind
    them, at the text's end to the last. Tokens that end at the same character share its bytes evenly.
    """
    reached = np.maximum.accumulate(np.asarray(ends))
    reached[reached == reached[-1]] = len(bytes_before) - 1
    reached[reached == 0] = reached[reached > 0][0]
    edges = [0.0]
    for end, run in groupby(reached):
        edges += np.linspace(edges[-1], bytes_before[end], len(list(run)) + 1)[1:].tolist()
    return np.asarray(edges)


def windows(position: int, text: Scored, max_tokens: int) -> Iterator[Window]:
    """Windows that score each wanted token once, behind at least half a window of what stands before it."""
    wanted = np.concatenate([[False], text.wanted])
    done = 1
    for start in range(0, len(wanted), max(1, max_tokens // 2)):
        end = min(start + max_tokens, len(wanted))
        (here,) = np.nonzero(wanted[done:end])
        if len(here):
            first, last = done + int(here[0]), done + int(here[-1])
            yield Window(position, start, text.ids[start : last + 1], first - start)
        done = max(done, end)


def measure(
    model: PeftModel, texts: list[Scored], max_tokens: int, progress: Callable[[int, int], None]
) -> dict[str, GroupBits]:
    """Bits of base and adapter by group, groups sorted."""
    cut = [window for position, text in enumerate(texts) for window in windows(position, text, max_tokens)]
    base, adapter = ([np.zeros(len(text.ids)) for text in texts] for _ in range(2))
    done = 0
    for batch in _batches(cut, model.config.get_text_config().vocab_size):
        _score(model, batch, adapter)
        with model.disable_adapter():
            _score(model, batch, base)
        done += len(batch)
        progress(done, len(cut))
    return _by_group(texts, base, adapter)


def _batches(cut: list[Window], vocabulary: int) -> Iterator[list[Window]]:
    """Windows of like length together, the longest first: a batch that does not fit fails at once."""
    limit = min(MAX_BATCH_TOKENS, MAX_BATCH_LOGITS // vocabulary)
    batch: list[Window] = []
    for window in sorted(cut, key=lambda window: -len(window.ids)):
        if batch and len(batch[0].ids) * (len(batch) + 1) > limit:
            yield batch
            batch = []
        batch.append(window)
    if batch:
        yield batch


@torch.inference_mode()  # type: ignore[untyped-decorator]  # torch leaves it without a type
def _score(model: PeftModel, batch: list[Window], nats: list[Floats]) -> None:
    """Add the nats of a batch's predictions to each text's, at the positions of its ids."""
    longest, first = len(batch[0].ids), min(window.first for window in batch)
    ids = torch.zeros(len(batch), longest, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, window in enumerate(batch):
        ids[row, : len(window.ids)] = torch.tensor(window.ids)
        mask[row, : len(window.ids)] = 1
    ids, mask = ids.to(model.device), mask.to(model.device)
    places = torch.arange(first - 1, longest - 1, device=model.device)
    logits = model(input_ids=ids, attention_mask=mask, use_cache=False, logits_to_keep=places).logits.float()
    losses = cross_entropy(logits.flatten(0, 1), ids[:, first:].flatten(), reduction="none").view(len(batch), -1)
    for window, row in zip(batch, losses.cpu().double().numpy(), strict=True):
        here = row[window.first - first : len(window.ids) - first]
        nats[window.text][window.start + window.first : window.start + len(window.ids)] = here


def _by_group(texts: list[Scored], base: list[Floats], adapter: list[Floats]) -> dict[str, GroupBits]:
    groups: dict[str, GroupBits] = {}
    for text, base_nats, adapter_nats in zip(texts, base, adapter, strict=True):
        for name, shares in text.shares.items():
            group = groups.setdefault(name, GroupBits())
            group.bytes += text.span_bytes[name]
            group.base += float(shares @ base_nats[1:]) / math.log(2)
            group.adapter += float(shares @ adapter_nats[1:]) / math.log(2)
    return dict(sorted(groups.items()))
