"""The stage `train`: a base model and training splits in, a LoRA adapter and its log out.

It reads top to bottom and leaves the loop to TRL's SFTTrainer. What it adds is what a job that can be killed needs: the
trainer's checkpoints go to `outputs.checkpoints`, and a run that goes on from one ends in the same bytes as a run that
never stopped. Judging the adapter is `evaluate`.
"""

import json
import math
import pickle
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any, Self

import torch
from datasets import Dataset, Features, List, Value, disable_progress_bars
from peft import LoraConfig
from safetensors import SafetensorError, safe_open
from transformers import PrinterCallback, TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_pt_utils import safe_globals
from trl import SFTConfig, SFTTrainer

from repoloom_api.catalogue import TrainParams
from repoloom_api.v1alpha1.conditions import Reason
from repoloom_api.v1alpha1.finetune import Lora, Training
from repoloom_stages.errors import BadInput, TryAgain, UnsafeInput
from repoloom_stages.records import TRAIN
from repoloom_stages.runtime.stage import Inputs, Outputs
from repoloom_stages.tuning import corpus, models
from repoloom_stages.tuning.model_name import ModelName, model_name

MICRO_BATCH_TOKENS = 8192
"""Tokens that a GPU computes at once, padding included."""

WARM_UP_SHARE = 0.05
"""Share of the steps over which the rate rises."""
LAST_RATE_SHARE = 0.1
"""Share of the peak rate at which the cosine ends."""

TORCH_FILES = ("optimizer.pt", "scheduler.pt", "rng_state.pth")
CHECKPOINT_FILES = ("adapter_config.json", "adapter_model.safetensors", "trainer_state.json", *TORCH_FILES)
"""What a run goes on from. The trainer passes over most of them in silence when they are missing."""

UNREADABLE = (OSError, ValueError, KeyError, EOFError, RuntimeError, pickle.UnpicklingError, SafetensorError)
"""What reading a damaged checkpoint raises, in json, torch and safetensors."""


class TrainingDiverged(UnsafeInput):
    """The loss or its gradient is no finite number."""

    reason = Reason.TRAINING_DIVERGED


class OutOfMemory(BadInput):
    """A step does not fit the accelerator."""

    reason = Reason.TRAINING_OOM


def run(params: TrainParams, inputs: Inputs, outputs: Outputs) -> None:
    """Tune the model and write `adapter/` and `log/`."""
    models.make_repeatable()
    base = inputs.one("model")
    tokenizer = models.load_tokenizer(base)
    encoder = corpus.Encoder.of(tokenizer)
    sigterm = _Sigterm()
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        data = _tokenise(inputs.many("data"), encoder, params.training.max_tokens, outputs, folder / "data")
        trainer = SFTTrainer(
            model=models.load_base(base, params.training.max_tokens),
            args=_arguments(params.training, folder / "trainer"),
            train_dataset=data,
            processing_class=tokenizer,
            peft_config=_lora(params.lora),
            callbacks=[_Keeper(outputs, sigterm)],
        )
        trainer.remove_callback(PrinterCallback)
        _train(trainer, _newest_sound(outputs, folder / "restored"), sigterm)
        _write_adapter(trainer, model_name(base), folder / "adapter", outputs)
        _write_log(trainer.state.log_history, outputs)


def _train(trainer: SFTTrainer, checkpoint: str | None, sigterm: "_Sigterm") -> None:
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


# ---- checkpoints


class _Sigterm:
    """SIGTERM while this is entered is noted, and training ends after the step at hand. At other times the process ends
    as in every stage.
    """

    came = False

    def __enter__(self) -> Self:
        self._before = signal.signal(signal.SIGTERM, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGTERM, self._before)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self.came = True


class _Keeper(TrainerCallback):  # type: ignore[misc]  # transformers hides its type behind a lazy import
    """Watches each step: progress, divergence, checkpoints, and the wish to stop."""

    def __init__(self, outputs: Outputs, sigterm: _Sigterm) -> None:
        self._outputs = outputs
        self._sigterm = sigterm

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        _control: TrainerControl,
        logs: dict[str, float],
        **_context: Any,
    ) -> None:
        """Stop before a checkpoint of a broken model is kept: the trainer logs first, then saves."""
        for name in ("loss", "grad_norm"):
            if not math.isfinite(logs.get(name, 0.0)):
                raise TrainingDiverged(
                    f"{name} is {logs[name]} at step {state.global_step}: lower spec.training.learningRate"
                    f" (now {args.learning_rate:g})"
                )

    def on_step_end(
        self, _args: TrainingArguments, state: TrainerState, control: TrainerControl, **_context: Any
    ) -> None:
        """Say how far it is; end the run here, with a checkpoint, if asked to."""
        self._outputs.progress(state.global_step, state.max_steps)
        if self._sigterm.came:
            control.should_save = control.should_training_stop = True

    def on_save(self, args: TrainingArguments, state: TrainerState, _control: TrainerControl, **_context: Any) -> None:
        """Keep what a run can go on from, and nothing else of what the trainer wrote."""
        folder = Path(str(args.output_dir)) / f"checkpoint-{state.global_step}"
        for path in folder.iterdir():
            if path.name not in CHECKPOINT_FILES:
                path.unlink()
        self._outputs.checkpoints.save(state.global_step, folder)
        shutil.rmtree(folder)


def _newest_sound(outputs: Outputs, into: Path) -> str | None:
    """The newest checkpoint that can be read whole, or none."""
    for step, folder in outputs.checkpoints.newest_first(into):
        try:
            _read(folder, step)
        except UNREADABLE as error:
            say(f"checkpoint {step} cannot be loaded, falling back to the one before: {error}")
            continue
        say(f"going on from checkpoint {step}")
        return str(folder)
    return None


def _read(folder: Path, step: int) -> None:
    """Read every part of a checkpoint, or raise one of UNREADABLE.

    The trainer reads the same files the same way: torch's are unpickled with `weights_only`, which makes tensors and
    plain values and calls nothing, so a checkpoint that somebody else wrote cannot run code.
    """
    json.loads((folder / "adapter_config.json").read_text())
    state = json.loads((folder / "trainer_state.json").read_text())
    if state["global_step"] != step:
        raise ValueError(f"it says it is of step {state['global_step']}")
    with safe_open(folder / "adapter_model.safetensors", "pt") as adapter:
        for name in adapter.keys():  # noqa: SIM118 - safe_open is no mapping
            adapter.get_tensor(name)
    for name in TORCH_FILES:
        with safe_globals():
            torch.load(folder / name, map_location="cpu", weights_only=True)


def say(line: str) -> None:
    """A line for the task's log."""
    print(line, file=sys.stderr, flush=True)


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
