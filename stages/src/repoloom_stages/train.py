"""The stage `train`: a base model and training splits in, a LoRA adapter and its log out.

It reads top to bottom and leaves the loop to TRL's SFTTrainer. What a job that can be killed needs is in
`tuning.interruptions`; judging the adapter is `evaluate`.
"""

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch
from datasets import Dataset, Features, List, Value, disable_progress_bars
from peft import LoraConfig
from transformers import PrinterCallback
from trl import SFTConfig, SFTTrainer

from repoloom_api.catalogue import TrainParams
from repoloom_api.v1alpha1.conditions import Reason
from repoloom_api.v1alpha1.finetune import Lora, Training
from repoloom_stages.errors import BadInput, TryAgain
from repoloom_stages.records import TRAIN
from repoloom_stages.runtime.stage import Inputs, Outputs
from repoloom_stages.tuning import corpus, models
from repoloom_stages.tuning.interruptions import Keeper, TrainingSigterm, newest_sound
from repoloom_stages.tuning.model_name import ModelName, model_name

MICRO_BATCH_TOKENS = 8192
"""Tokens that a GPU computes at once, padding included."""

WARM_UP_SHARE = 0.05
"""Share of the steps over which the rate rises."""
LAST_RATE_SHARE = 0.1
"""Share of the peak rate at which the cosine ends."""


class OutOfMemory(BadInput):
    """A step does not fit the accelerator."""

    reason = Reason.TRAINING_OOM


def run(params: TrainParams, inputs: Inputs, outputs: Outputs) -> None:
    """Tune the model and write `adapter/` and `log/`."""
    models.make_repeatable()
    base = inputs.one("model")
    tokenizer = models.load_tokenizer(base)
    encoder = corpus.Encoder.of(tokenizer)
    sigterm = TrainingSigterm()
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        data = _tokenise(inputs.many("data"), encoder, params.training.max_tokens, outputs, folder / "data")
        trainer = SFTTrainer(
            model=models.load_base(base, params.training.max_tokens),
            args=_arguments(params.training, folder / "trainer"),
            train_dataset=data,
            processing_class=tokenizer,
            peft_config=_lora(params.lora),
            callbacks=[Keeper(outputs, sigterm)],
        )
        trainer.remove_callback(PrinterCallback)
        _train(trainer, newest_sound(outputs, folder / "restored"), sigterm)
        _write_adapter(trainer, model_name(base), folder / "adapter", outputs)
        _write_log(trainer.state.log_history, outputs)


def _train(trainer: SFTTrainer, checkpoint: str | None, sigterm: TrainingSigterm) -> None:
    """Train to the end, from a checkpoint if there is one."""
    try:
        with sigterm:
            trainer.train(resume_from_checkpoint=checkpoint)
    except torch.OutOfMemoryError as error:
        raise OutOfMemory("a step does not fit the accelerator's memory: lower spec.training.maxTokens") from error
    if sigterm.came:
        raise TryAgain(f"stopped by SIGTERM after step {trainer.state.global_step}, with a checkpoint: run it again")


# ---- data


def _tokenise(
    folders: tuple[Path, ...], encoder: corpus.Encoder, max_tokens: int, outputs: Outputs, cache: Path
) -> Dataset:
    """All training splits as windows of ids, one dataset after the other, in a file that is mapped, not loaded."""

    def rows() -> Iterator[dict[str, list[int]]]:
        for folder in folders:
            for sample in corpus.read_samples(folder, TRAIN):
                outputs.take()
                if sample["text"]:
                    outputs.keep()
                    document = encoder.document(sample["text"], sample["controls"])
                    for ids in corpus.windows(document, max_tokens):
                        yield {"input_ids": ids}
                else:
                    outputs.drop("empty")

    if not any(sample["text"] for folder in folders for sample in corpus.read_samples(folder, TRAIN)):
        raise BadInput("the training split is empty: the dataset's report says what was dropped, and why")
    disable_progress_bars()
    features = Features({"input_ids": List(Value("int32"))})
    # With a fingerprint of ours, datasets does not pickle the generator to make one.
    return Dataset.from_generator(rows, features=features, cache_dir=str(cache), fingerprint="windows")


# ---- settings


def _lora(lora: Lora) -> LoraConfig:
    return LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )


def _micro_batch(training: Training, *, accelerated: bool) -> int:
    """Sequences computed at once. The loss is summed over the whole batch, so this changes no result but by rounding.

    On a CPU one: 2,291 tokens of functions per CPU second with tiny, against 1,608 with four at once, which is more
    padding than text. On a GPU the largest divisor of the batch that keeps within MICRO_BATCH_TOKENS.
    """
    fitting = max(1, MICRO_BATCH_TOKENS // training.max_tokens) if accelerated else 1
    return max(size for size in range(1, fitting + 1) if training.batch_size % size == 0)


def _arguments(training: Training, folder: Path) -> SFTConfig:
    accelerated = models.device().type == "cuda"
    micro_batch = _micro_batch(training, accelerated=accelerated)
    return SFTConfig(
        output_dir=str(folder),
        # Windows come cut and framed; the trainer must neither cut, pack nor add.
        dataset_kwargs={"skip_prepare_dataset": True},
        max_length=None,
        packing=False,
        per_device_train_batch_size=micro_batch,
        gradient_accumulation_steps=training.batch_size // micro_batch,
        num_train_epochs=training.epochs,
        max_steps=training.max_steps or -1,
        learning_rate=training.learning_rate,
        lr_scheduler_type="cosine_with_min_lr",
        lr_scheduler_kwargs={"min_lr_rate": LAST_RATE_SHARE},
        warmup_steps=WARM_UP_SHARE,
        seed=training.seed,
        data_seed=training.seed,
        use_cpu=not accelerated,
        bf16=accelerated,
        activation_checkpointing=accelerated,
        dataloader_pin_memory=accelerated,
        logging_strategy="steps",
        logging_steps=1,
        # Else the trainer replaces a loss that is no number by the mean of earlier ones.
        logging_nan_inf_filter=False,
        include_num_input_tokens_seen="non_padding",
        save_strategy="steps",
        save_steps=training.checkpoint_steps,
        report_to="none",
        push_to_hub=False,
        disable_tqdm=True,
    )


# ---- results


def _write_adapter(trainer: SFTTrainer, base: ModelName, folder: Path, outputs: Outputs) -> None:
    """Weights and config, the config naming the base by its public name and in one order."""
    config = trainer.model.peft_config["default"]
    config.base_model_name_or_path, config.revision = base.name, base.revision
    # Else PEFT asks the Hub whether the base's vocabulary was changed.
    trainer.model.save_pretrained(folder, save_embedding_layers=False)
    shutil.copyfile(folder / "adapter_model.safetensors", outputs.file("adapter/adapter_model.safetensors"))
    document = json.loads((folder / "adapter_config.json").read_text())
    models.write_sorted_json(outputs.file("adapter/adapter_config.json"), document)


def _write_log(history: list[dict[str, float]], outputs: Outputs) -> None:
    """One line for each optimizer step. The history is part of every checkpoint, so none is lost or doubled."""
    with outputs.file("log/log.jsonl").open("w") as log:
        for entry in history:
            if "loss" in entry:
                line = {
                    "step": entry["step"],
                    "loss": entry["loss"],
                    "learning_rate": entry["learning_rate"],
                    "gradient_norm": entry["grad_norm"],
                    "tokens": entry["num_input_tokens_seen"],
                }
                log.write(json.dumps(line) + "\n")
