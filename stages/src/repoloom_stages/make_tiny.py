"""The recipe of `tiny`, the base model shipped for CPU runs and for tests of a verdict.

Not a stage: a program a maintainer runs once, whose result is committed as `repoloom_stages/tiny/`. It reads top to
bottom: corpus, tokenizer, windows, model, training, measurement, files.

    python -m repoloom_stages.make_tiny --out DIR

trains on the source of the running Python's standard library (PSF licence), so nothing is downloaded. The number of
steps is fixed and every draw seeded, so that the same Python, torch and machine repeat it. `--minutes` trades that
for a bound on time.
"""

# torch and transformers leave `backward`, `eval` and their constructors without types.
# mypy: allow-untyped-calls

import argparse
import hashlib
import itertools
import math
import platform
import random
import sys
import sysconfig
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from torch.nn.functional import cross_entropy
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

SEED = 0
THREADS = 2

END_OF_TEXT = "<|endoftext|>"
PAD = "<|pad|>"
FILL_IN_THE_MIDDLE = ("<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>")
SPECIAL_TOKENS = (END_OF_TEXT, PAD, *FILL_IN_THE_MIDDLE)
"""Their ids are 0 to 4, in this order. The last three are untrained: room for datasets that use them."""

VOCABULARY_TOKENS = 4096
WINDOW_TOKENS = 512
MAX_POSITIONS = 1024

HELD_OUT_FRACTION = 0.02
EXCLUDED_FOLDERS = frozenset({"site-packages", "test", "tests", "idle_test", "__pycache__"})
EXCLUDED_PREFIX = "_sysconfigdata"
"""Generated when Python is built; it holds paths and flags of this machine, not source."""

TABLES = "encodings/"
"""Mostly generated tables of characters, so easy to predict that the loss is also given without them."""

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


def main(arguments: list[str] | None = None) -> None:
    """Train, measure, and write the folder."""
    parser = argparse.ArgumentParser(prog="python -m repoloom_stages.make_tiny", description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="folder to write the model to")
    parser.add_argument("--minutes", type=float, help="take as many steps as fit, rather than the fixed number")
    parser.add_argument("--checkpoints", type=Path, help=f"folder for weights every {CHECKPOINT_EVERY_STEPS} steps")
    options = parser.parse_args(arguments)

    random.seed(SEED)
    torch.manual_seed(SEED)
    torch.set_num_threads(THREADS)

    corpus = read_corpus(Path(sysconfig.get_path("stdlib")))
    tokenizer = train_tokenizer(corpus.train.values())
    train = {path: encode(tokenizer, text) for path, text in corpus.train.items()}
    say(f"{len(train)} files, {corpus.train_bytes:,} bytes, {sum(map(len, train.values())):,} tokens to train on")

    model = LlamaForCausalLM(llama_config())
    say(f"{model.num_parameters():,} parameters")
    started = time.monotonic()
    steps = fit(model, train, minutes=options.minutes, checkpoints=options.checkpoints)
    minutes = (time.monotonic() - started) / 60

    measured = measure(model, tokenizer, corpus.held_out)
    code = {path: text for path, text in corpus.held_out.items() if not path.startswith(TABLES)}
    measured_code = measure(model, tokenizer, code)
    for what, result in (("held out", measured), ("without tables", measured_code)):
        say(f"{what}: {result.nats_per_token:.4f} nats per token, {result.bits_per_byte:.4f} bits per byte")
    facts: dict[str, str | float] = {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "threads": THREADS,
        "vocabulary": VOCABULARY_TOKENS,
        "window": WINDOW_TOKENS,
        "positions": MAX_POSITIONS,
        "train_files": len(train),
        "train_bytes": corpus.train_bytes,
        "train_tokens": sum(map(len, train.values())),
        "parameters": model.num_parameters(),
        "steps": steps,
        "step_tokens": BATCH_WINDOWS * WINDOW_TOKENS,
        "minutes": minutes,
        "held_out_files": len(corpus.held_out),
        "held_out_tokens": measured.tokens,
        "held_out_bytes": measured.text_bytes,
        "nats_per_token": measured.nats_per_token,
        "bits_per_byte": measured.bits_per_byte,
        "code_files": len(code),
        "code_tokens": measured_code.tokens,
        "code_bytes": measured_code.text_bytes,
        "code_nats_per_token": measured_code.nats_per_token,
        "code_bits_per_byte": measured_code.bits_per_byte,
    }
    write_model(options.out, model, tokenizer, facts)


def say(line: str) -> None:
    """Progress goes to stderr; stdout stays empty."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


# ---- corpus


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


# ---- tokenizer


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


# ---- windows


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


# ---- model


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


# ---- training


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


# ---- measurement


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


# ---- files

CARD = """\
# tiny

A Llama of {parameters:,} parameters (float32) with a byte-level BPE of {vocabulary:,} tokens, for runs on
a CPU and for tests of a verdict. It knows the look of Python and little else.

Trained once on the source of the standard library of Python {python}: {train_files} files,
{train_bytes:,} bytes, {train_tokens:,} tokens, without tests, installed packages and files that are not
UTF-8. That source is copyright the Python Software Foundation and its contributors, under the PSF License
Agreement (https://docs.python.org/3/license.html); the model may repeat parts of it.

    python -m repoloom_stages.make_tiny --out DIR

made these files: {steps:,} steps of {step_tokens:,} tokens in {minutes:.1f} minutes on {threads} threads,
with torch {torch}. The number of steps is fixed and every draw seeded.

| held out by a hash of the path | all | without `encodings/` |
|---|---|---|
| files | {held_out_files} | {code_files} |
| tokens | {held_out_tokens:,} | {code_tokens:,} |
| bytes | {held_out_bytes:,} | {code_bytes:,} |
| nats per token | {nats_per_token:.4f} | {code_nats_per_token:.4f} |
| bits per byte | {bits_per_byte:.4f} | {code_bits_per_byte:.4f} |

The files of `encodings/` are mostly generated tables and flatter the first column. The learning rate and the
deviation of the first weights were chosen on the held-out files, in short trials.

Each file is measured alone, in windows of {window} tokens as in training. The config allows
{positions:,} positions; those beyond {window} are untrained.

The tokenizer adds no token by itself: write `<|endoftext|>` (id 0; bos and eos) before a text, as
training did. `<|pad|>` is 1; `<|fim_prefix|>`, `<|fim_middle|>` and `<|fim_suffix|>` (2 to 4) are
untrained. Any text decodes to itself exactly.

`SHA256SUMS` lists what the model is read from; `sha256sum -c SHA256SUMS` checks it.
"""


def write_model(out: Path, model: LlamaForCausalLM, tokenizer: Tokenizer, facts: dict[str, str | float]) -> None:
    """The folder as `from_pretrained` reads it, with a card, and a digest of each file the model is read from."""
    out.mkdir(parents=True, exist_ok=True)
    end_of_text, pad = SPECIAL_TOKENS.index(END_OF_TEXT), SPECIAL_TOKENS.index(PAD)
    model.generation_config = GenerationConfig(bos_token_id=end_of_text, eos_token_id=end_of_text, pad_token_id=pad)
    model.save_pretrained(out)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=END_OF_TEXT,
        eos_token=END_OF_TEXT,
        pad_token=PAD,
        additional_special_tokens=list(FILL_IN_THE_MIDDLE),
        clean_up_tokenization_spaces=False,
        model_max_length=MAX_POSITIONS,
    ).save_pretrained(out)
    (out / "README.md").write_text(CARD.format_map(facts))
    sums = [
        f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n"
        for file in sorted(out.iterdir())
        if file.suffix in {".json", ".safetensors"}
    ]
    (out / "SHA256SUMS").write_text("".join(sums))
    for file in out.iterdir():
        if file.is_file():
            file.chmod(0o644)  # safetensors writes 0600, which another user in a container could not read


if __name__ == "__main__":
    main()
