"""Completing a prompt with a base model, or with an adapter on it: what `repoloom generate` does. No stage."""

from pathlib import Path

import torch

from repoloom_stages.tuning import models
from repoloom_stages.tuning.corpus import Encoder


def generate(
    model_folder: Path, adapter_folder: Path | None, prompt: str, max_new_tokens: int, temperature: float, seed: int
) -> str:
    """What the model writes after the prompt. At temperature 0 it takes the likeliest token each time.

    The prompt is text: special tokens' names in it are read as their characters, as in training.
    """
    models.make_repeatable()
    tokenizer = models.load_tokenizer(model_folder)
    encoder = Encoder.of(tokenizer)
    ids = [encoder.start, *encoder.encode(prompt).ids]
    length = len(ids) + max_new_tokens, f"the prompt's length with {max_new_tokens} new tokens"
    if adapter_folder:
        model = models.load_tuned(model_folder, adapter_folder, *length)
    else:
        model = models.load_base(model_folder, *length)
    torch.manual_seed(seed)
    sampling = {"do_sample": True, "temperature": temperature} if temperature > 0 else {"do_sample": False}
    prompt_ids = torch.tensor([ids], device=model.device)
    output = model.generate(
        input_ids=prompt_ids,
        attention_mask=torch.ones_like(prompt_ids),
        max_new_tokens=max_new_tokens,
        pad_token_id=encoder.end,
        eos_token_id=encoder.end,
        **sampling,
    )
    text: str = tokenizer.decode(output[0, len(ids) :], skip_special_tokens=True)
    return text
