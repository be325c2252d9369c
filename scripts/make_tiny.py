"""The recipe of `tiny`, the base model shipped for CPU runs and for tests of a verdict.

A program a maintainer runs once, whose result is committed as `repoloom_stages/tiny/`. What it learns from is in
`tiny_texts`, the model and its training in `tiny_model`.

    python scripts/make_tiny.py --out DIR

trains on the source of the running Python's standard library (PSF licence), so nothing is downloaded. The number of
steps is fixed and every draw seeded, so that the same Python, torch and machine repeat it. `--minutes` trades that
for a bound on time.
"""

import argparse
import hashlib
import platform
import random
import sysconfig
import time
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import GenerationConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from tiny_model import (
    BATCH_WINDOWS,
    CHECKPOINT_EVERY_STEPS,
    MAX_POSITIONS,
    WINDOW_TOKENS,
    fit,
    llama_config,
    measure,
    say,
)
from tiny_texts import (
    END_OF_TEXT,
    FILL_IN_THE_MIDDLE,
    PAD,
    SEED,
    SPECIAL_TOKENS,
    TABLES,
    VOCABULARY_TOKENS,
    encode,
    read_corpus,
    train_tokenizer,
)

THREADS = 2

CARD = (Path(__file__).parent / "tiny_card.md").read_text()


def main(arguments: list[str] | None = None) -> None:
    """Train, measure, and write the folder."""
    parser = argparse.ArgumentParser(prog="python scripts/make_tiny.py", description=__doc__.split("\n")[0])
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
