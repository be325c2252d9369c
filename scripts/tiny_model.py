"""The model of `tiny`: its shape, its windows, its training, and what it pays for text that it has not seen."""

# torch and transformers leave `backward`, `eval` and their constructors without types.
# mypy: allow-untyped-calls

import itertools
import math
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch.nn.functional import cross_entropy
from transformers import LlamaConfig, LlamaForCausalLM

from tiny_texts import END_OF_TEXT, PAD, SEED, SPECIAL_TOKENS, VOCABULARY_TOKENS, encode

WINDOW_TOKENS = 512
MAX_POSITIONS = 1024

STEPS = 4000
BATCH_WINDOWS = 2
PEAK_LEARNING_RATE = 1.5e-3
"""Held-out nats per token after 0.6 M tokens: 5.31 at 6e-3, 5.03 at 3e-3, 4.80 at 1.5e-3."""
INITIAL_DEVIATION = 0.05
"""4.72 in the same trial, against 4.80 at Llama's 0.02, which is meant for much wider layers."""
WARM_UP_STEPS = 100
DECAY_FRACTION = 0.4
"""The tail of the steps over which the rate falls linearly to zero (warm-up, stable, decay: arXiv 2405.18392)."""
WEIGHT_DECAY = 0.1
CLIP_NORM = 1.0

REPORT_EVERY_STEPS = 50
CHECKPOINT_EVERY_STEPS = 500


def say(line: str) -> None:
    """Progress goes to stderr; stdout stays empty."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def batches(documents: dict[str, list[int]]) -> Iterator[torch.Tensor]:
    """Without end: int64 of shape (windows, tokens + 1), each epoch packed from the files in a new order.

    Windows are shuffled too, since neighbours come from one file and would make a batch of one kind of text.
    """
    for epoch in itertools.count():
        draw = random.Random(f"{SEED}:{epoch}")  # noqa: S311 - an order, not a secret
        order = sorted(documents)
        draw.shuffle(order)
        stream = torch.tensor(list(itertools.chain.from_iterable(documents[path] for path in order)))
        windows = stream.unfold(0, WINDOW_TOKENS + 1, WINDOW_TOKENS)
        rows = list(range(len(windows)))
        draw.shuffle(rows)
        for start in range(0, len(rows) - BATCH_WINDOWS + 1, BATCH_WINDOWS):
            yield windows[rows[start : start + BATCH_WINDOWS]]


def llama_config() -> LlamaConfig:
    """About 2.4 million parameters, a third of them in the embedding shared by both ends."""
    end_of_text = SPECIAL_TOKENS.index(END_OF_TEXT)
    return LlamaConfig(
        vocab_size=VOCABULARY_TOKENS,
        hidden_size=192,
        intermediate_size=512,
        num_hidden_layers=4,
        num_attention_heads=6,
        num_key_value_heads=2,
        max_position_embeddings=MAX_POSITIONS,
        initializer_range=INITIAL_DEVIATION,
        tie_word_embeddings=True,
        bos_token_id=end_of_text,
        eos_token_id=end_of_text,
        pad_token_id=SPECIAL_TOKENS.index(PAD),
        dtype="float32",
    )


def window_loss(model: LlamaForCausalLM, window: torch.Tensor, reduction: str = "mean") -> torch.Tensor:
    """Nats of each token given those before it in its window."""
    logits = model(input_ids=window[:, :-1], use_cache=False).logits
    return cross_entropy(logits.flatten(0, 1), window[:, 1:].flatten(), reduction=reduction)


def fit(
    model: LlamaForCausalLM, documents: dict[str, list[int]], *, minutes: float | None, checkpoints: Path | None
) -> int:
    """Train in place; the number of steps taken."""
    matrices = [weight for weight in model.parameters() if weight.ndim > 1]
    scales = [weight for weight in model.parameters() if weight.ndim == 1]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": WEIGHT_DECAY}, {"params": scales, "weight_decay": 0.0}],
        lr=PEAK_LEARNING_RATE,
        betas=(0.9, 0.95),
    )
    model.train()
    steps, losses = STEPS, list[float]()
    started = reported = time.monotonic()
    for step, window in enumerate(batches(documents)):
        if step == WARM_UP_STEPS and minutes is not None:
            # The rate does not depend on the number of steps before this one.
            steps = max(2 * WARM_UP_STEPS, int(minutes * 60 / (time.monotonic() - started) * step))
        if step == steps:
            break
        for group in optimizer.param_groups:
            group["lr"] = PEAK_LEARNING_RATE * rate_at(step, steps)
        loss = window_loss(model, window)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        losses.append(loss.item())
        done = step + 1
        if done % REPORT_EVERY_STEPS == 0 or done == steps:
            now = time.monotonic()
            recent = losses[-REPORT_EVERY_STEPS:]
            tokens_per_second = len(recent) * BATCH_WINDOWS * WINDOW_TOKENS / (now - reported)
            left = (steps - done) * (now - started) / done / 60
            say(
                f"step {done}/{steps}  loss {sum(recent) / len(recent):.4f}"
                f"  {tokens_per_second:,.0f} tokens/s  {left:.1f} minutes left"
            )
            reported = now
        if checkpoints is not None and done % CHECKPOINT_EVERY_STEPS == 0:
            model.save_pretrained(checkpoints / f"step-{done}")
    return steps


def rate_at(step: int, steps: int) -> float:
    """The share of the peak learning rate: linear up, flat, linear down to nearly nothing."""
    return min(1.0, (step + 1) / WARM_UP_STEPS, (steps - step) / (DECAY_FRACTION * steps))


@dataclass(frozen=True)
class Measured:
    """What the model pays for held-out text."""

    nats: float
    tokens: int
    text_bytes: int

    @property
    def nats_per_token(self) -> float:
        return self.nats / self.tokens

    @property
    def bits_per_byte(self) -> float:
        return self.nats / math.log(2) / self.text_bytes


def measure(model: LlamaForCausalLM, tokenizer: Tokenizer, texts: dict[str, str]) -> Measured:
    """Each document alone, in windows as long as in training; every token but <|endoftext|> is predicted once."""
    model.eval()
    nats, tokens, text_bytes = 0.0, 0, 0
    for text in texts.values():
        ids = encode(tokenizer, text)
        for start in range(0, len(ids) - 1, WINDOW_TOKENS):
            window = torch.tensor([ids[start : start + WINDOW_TOKENS + 1]])
            with torch.no_grad():
                nats += window_loss(model, window, reduction="sum").item()
        tokens += len(ids) - 1
        text_bytes += len(text.encode())
    return Measured(nats, tokens, text_bytes)
