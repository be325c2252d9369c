"""A random Llama of a few thousand parameters with a tokenizer of its own, in a folder as fetch-model leaves one."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from repoloom_stages.tuning.model_name import ModelName, write_model_name

END, PAD, MIDDLE = "<|endoftext|>", "<|pad|>", "<|fim_middle|>"
TEXTS = (
    "def add(left, right):\n    return left + right\n",
    "class Box:\n    def __init__(self, value):\n        self.value = value\n",
)


def write_model(folder: Path, *, tied: bool = True) -> Path:
    """Weights, config, tokenizer and name; two layers of width 32."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    tokenizer = train_tokenizer()
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        tie_word_embeddings=tied,
        bos_token_id=0,
        eos_token_id=0,
        pad_token_id=1,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=END, eos_token=END, pad_token=PAD)
    wrapped.save_pretrained(folder)
    write_model_name(folder, ModelName("tiny"))
    return folder


def train_tokenizer() -> Any:
    """Byte-level BPE with two special tokens, and a control token that is not marked special, as Qwen's are."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=[END, PAD],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    tokenizer.add_tokens([AddedToken(MIDDLE, special=False), AddedToken("    ", special=False)])
    return tokenizer


def change_weights(folder: Path, change: Any) -> None:
    """Pass the weights through a function of (name, tensor)."""
    from safetensors.torch import load_file, save_file

    path = folder / "model.safetensors"
    weights = {name: change(name, tensor) for name, tensor in load_file(path).items()}
    save_file(weights, path, metadata={"format": "pt"})


def write_adapter(folder: Path, base: Path, *, scale: float = 0.0) -> Path:
    """A LoRA adapter; at scale 0 it changes nothing, as a fresh one."""
    import torch
    from peft import LoraConfig, get_peft_model

    from repoloom_stages.tuning.models import load_base

    torch.manual_seed(1)
    model = get_peft_model(load_base(base, 64), LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"))
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            parameter.data.normal_(0, scale)
    model.save_pretrained(folder)
    return folder


def write_dataset(folder: Path, *, train: Sequence[str] = (), test: Sequence[dict[str, Any]] = ()) -> Path:
    """An output's folder with `train.jsonl` and `test.jsonl`."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [{"id": f"{number:024x}", "text": text} for number, text in enumerate(train)]
    for split, samples in (("train", rows), ("test", test)):
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(sample) + "\n" for sample in samples))
    return folder
