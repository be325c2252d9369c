"""Training that is stopped, or that breaks: SIGTERM, divergence, and the trainer's checkpoints, kept and gone on from.

Checkpoints go to `outputs.checkpoints`, and a run that goes on from one ends in the same bytes as a run that never
stopped.
"""

import json
import math
import pickle
import shutil
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any, Self

import torch
from safetensors import SafetensorError, safe_open
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_pt_utils import safe_globals

from repoloom_api.v1alpha1.conditions import Reason
from repoloom_stages.errors import UnsafeInput
from repoloom_stages.runtime.stage import Outputs

TORCH_FILES = ("optimizer.pt", "scheduler.pt", "rng_state.pth")
CHECKPOINT_FILES = ("adapter_config.json", "adapter_model.safetensors", "trainer_state.json", *TORCH_FILES)
"""What a run goes on from. The trainer passes over most of them in silence when they are missing."""

UNREADABLE = (OSError, ValueError, KeyError, EOFError, RuntimeError, pickle.UnpicklingError, SafetensorError)
"""What reading a damaged checkpoint raises, in json, torch and safetensors."""


class TrainingDiverged(UnsafeInput):
    """The loss or its gradient is no finite number."""

    reason = Reason.TRAINING_DIVERGED


class TrainingSigterm:
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


class Keeper(TrainerCallback):  # type: ignore[misc]  # transformers hides its type behind a lazy import
    """Watches each step: progress, divergence, checkpoints, and the wish to stop."""

    def __init__(self, outputs: Outputs, sigterm: TrainingSigterm) -> None:
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


def newest_sound(outputs: Outputs, into: Path) -> str | None:
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
