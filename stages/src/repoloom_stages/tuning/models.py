"""Base models and adapters as they lie in folders: loaded without network, pickle or code of a model's own.

Everything that computes with torch goes through here, so that equal inputs give equal bytes: see `make_repeatable`.
What text becomes before a model sees it is `corpus`.
"""

import json
import os
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import constants
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import logging as transformers_logging

from repoloom_stages.errors import BadInput
from repoloom_stages.tuning.model_name import model_name

THREADS = 2
"""How a sum is cut among threads changes its last bits, so their number cannot follow the machine's cores. A model
large enough to want more belongs on a GPU."""


def make_repeatable() -> None:
    """Set torch up so that the same machine computes the same bits again, and keep libraries off the network.

    On a CPU the bits also agree between machines with the same instruction set. On CUDA an operator that has no
    deterministic kernel warns rather than refuses the model.
    """
    # cuBLAS reads it when the first handle is made: https://docs.nvidia.com/cuda/cublas/#results-reproducibility
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(THREADS)
    torch.use_deterministic_algorithms(True, warn_only=torch.cuda.is_available())
    # Else torch writes NaN over every buffer it is about to fill: a tenth of the time, to find bugs in operators.
    torch.utils.deterministic.fill_uninitialized_memory = False
    # TRL reports each run to the Hub unless told otherwise, and huggingface_hub reads its variable only when imported.
    constants.HF_HUB_DISABLE_TELEMETRY = True
    transformers_logging.disable_progress_bar()


def device() -> torch.device:
    """The accelerator if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def load_base(folder: Path, max_tokens: int, asked_by: str = "spec.training.maxTokens") -> PreTrainedModel:
    """The model in 32-bit floats on a CPU, in bfloat16 on a GPU, ready for sequences of that length.

    Raises BadInput, naming what asked for the length, where the model's positions do not reach so far: beyond them it
    computes nonsense without a word.
    """
    model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
        folder,
        local_files_only=True,
        trust_remote_code=False,
        use_safetensors=True,
        dtype=torch.bfloat16 if device().type == "cuda" else torch.float32,
    )
    longest = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    if longest is not None and max_tokens > longest:
        raise BadInput(
            f"{asked_by} is {max_tokens}, but {model_name(folder)} takes at most {longest} tokens:"
            f" set it to {longest} or less"
        )
    return model.to(device()).eval()


def load_tuned(folder: Path, adapter: Path, max_tokens: int, asked_by: str = "spec.training.maxTokens") -> PeftModel:
    """The base with an adapter on it; `disable_adapter()` gives the base back for a while."""
    if not (adapter / "adapter_model.safetensors").is_file():
        raise BadInput(f"{adapter} holds no adapter_model.safetensors; only safetensors are read")
    base = load_base(folder, max_tokens, asked_by)
    tuned = PeftModel.from_pretrained(base, str(adapter), torch_device=str(device()), use_safetensors=True)
    return tuned.eval()


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """The model's own tokenizer."""
    tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
        folder, local_files_only=True, trust_remote_code=False, use_fast=True
    )
    return tokenizer


def write_sorted_json(path: Path, document: dict[str, Any]) -> None:
    """JSON with sorted keys, and with lists of plain strings sorted too: PEFT writes sets, in no order."""
    ordered = {key: sorted(value) if _is_names(value) else value for key, value in document.items()}
    path.write_text(json.dumps(ordered, indent=2, sort_keys=True) + "\n")


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
