"""Training can be killed anywhere and ends in the same bytes; it cuts nothing off and stops when it diverges."""

import json
import os
import pickle
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from repoloom_api.catalogue import TrainParams
from repoloom_api.v1alpha1.finetune import Lora, Training
from repoloom_stages import train
from repoloom_stages.errors import BadInput, Stopped, TryAgain, UnsafeInput
from repoloom_stages.runtime.checkpoints import Checkpoints
from repoloom_stages.runtime.sigterm import Sigterm
from repoloom_stages.runtime.stage import Inputs, Outputs
from repoloom_stages.tuning import corpus, interruptions, models
from support.models import END, MIDDLE, TEXTS, change_weights, write_dataset, write_model

SAMPLES = [text * times for times in range(1, 6) for text in TEXTS]
STEPS = 8
"""Fifteen windows in fours, twice: an epoch ends in the middle of a batch."""


class Killed(BaseException):
    """What nothing catches, like a kill."""


class FolderCheckpoints(Checkpoints):
    """Keeps every checkpoint in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, step: int, folder: Path) -> None:
        shutil.copytree(folder, self.folder / str(step), dirs_exist_ok=True)

    def newest_first(self, into: Path) -> Iterator[tuple[int, Path]]:
        for step in sorted(self.steps, reverse=True):
            yield step, Path(shutil.copytree(self.folder / str(step), into / str(step)))

    @property
    def steps(self) -> list[int]:
        return sorted(int(path.name) for path in self.folder.glob("*"))


class Watched(Outputs):
    """Outputs that do something when a step is reached."""

    def __init__(self, folder: Path, kept: FolderCheckpoints, at: int = 0, action: Any = None) -> None:
        super().__init__(folder, checkpoints=kept)
        self._at = at
        self._action = action

    def progress(self, done: int, total: int) -> None:
        assert total == STEPS
        if done == self._at:
            self._action()


def kill() -> None:
    raise Killed


def terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def params(**training: Any) -> TrainParams:
    settings = {"max_tokens": 64, "batch_size": 4, "epochs": 2, "learning_rate": 1e-2, "checkpoint_steps": 2}
    return TrainParams(lora=Lora(rank=4, alpha=8, dropout=0.1), training=Training(**{**settings, **training}))


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    folder = tmp_path_factory.mktemp("inputs")
    model = write_model(folder / "model")
    data = (write_dataset(folder / "a", train=SAMPLES[:4]), write_dataset(folder / "b", train=SAMPLES[4:]))
    return Inputs({"model": (model,), "data": data})


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def train_once(folder: Path, inputs: Inputs, **training: Any) -> dict[str, bytes]:
    train.run(params(**training), inputs, Outputs(folder))
    return contents(folder)


@pytest.fixture(scope="module")
def uninterrupted(inputs: Inputs, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return train_once(tmp_path_factory.mktemp("uninterrupted"), inputs)


@pytest.fixture(scope="module")
def killed(inputs: Inputs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run that was killed at step 5 had kept."""
    folder = tmp_path_factory.mktemp("killed")
    with pytest.raises(Killed):
        train.run(params(), inputs, Watched(folder / "out", FolderCheckpoints(folder / "kept"), 5, kill))
    return folder / "kept"


@pytest.fixture
def kept(killed: Path, tmp_path: Path) -> FolderCheckpoints:
    return FolderCheckpoints(Path(shutil.copytree(killed, tmp_path / "kept")))


def log(results: dict[str, bytes]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in results["log/log.jsonl"].splitlines()]


# ---- the result


def test_it_writes_an_adapter_and_a_line_for_each_step(uninterrupted: dict[str, bytes]) -> None:
    assert set(uninterrupted) == {"adapter/adapter_config.json", "adapter/adapter_model.safetensors", "log/log.jsonl"}
    assert [line["step"] for line in log(uninterrupted)] == list(range(1, STEPS + 1))
    assert set(log(uninterrupted)[0]) == {"step", "loss", "learning_rate", "gradient_norm", "tokens"}
    assert log(uninterrupted)[-1]["loss"] < log(uninterrupted)[0]["loss"]


def test_the_adapter_names_its_base_and_no_folder(uninterrupted: dict[str, bytes], tmp_path: Path) -> None:
    config = json.loads(uninterrupted["adapter/adapter_config.json"])
    assert config["base_model_name_or_path"] == "tiny"
    assert config["target_modules"] == sorted(config["target_modules"])
    assert b"/tmp" not in uninterrupted["adapter/adapter_config.json"]


def test_the_rate_warms_up_and_falls_to_a_tenth(inputs: Inputs, tmp_path: Path) -> None:
    results = train_once(tmp_path, inputs, max_steps=40, batch_size=1)
    rates = [line["learning_rate"] for line in log(results)]
    assert rates[0] < rates[1] < rates[2] == pytest.approx(1e-2)
    assert rates[-1] == pytest.approx(1e-3, rel=0.05)


def test_every_token_of_every_sample_is_trained_on_in_every_epoch(
    uninterrupted: dict[str, bytes], inputs: Inputs
) -> None:
    encoder = corpus.Encoder.of(models.load_tokenizer(inputs.one("model")))
    windows = [window for text in SAMPLES for window in corpus.windows(encoder.document(text), 64)]
    assert log(uninterrupted)[-1]["tokens"] == 2 * sum(len(window) for window in windows)


def test_the_seed_changes_order_and_adapter(uninterrupted: dict[str, bytes], inputs: Inputs, tmp_path: Path) -> None:
    other = train_once(tmp_path, inputs, seed=1)
    assert [line["tokens"] for line in log(other)] != [line["tokens"] for line in log(uninterrupted)]


def test_a_batch_computed_in_parts_is_the_same_batch(
    uninterrupted: dict[str, bytes], inputs: Inputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def whole(training: Training, *, accelerated: bool) -> int:
        return training.batch_size

    monkeypatch.setattr(train, "_micro_batch", whole)
    at_once = train.run(without_dropout(), inputs, Outputs(tmp_path / "whole"))
    monkeypatch.undo()
    train.run(without_dropout(), inputs, Outputs(tmp_path / "parts"))
    assert at_once is None
    whole_log, parts_log = (log(contents(tmp_path / name)) for name in ("whole", "parts"))
    for one, other in zip(whole_log, parts_log, strict=True):
        assert one["tokens"] == other["tokens"]
        assert one["loss"] == pytest.approx(other["loss"], abs=1e-4)
        assert one["gradient_norm"] == pytest.approx(other["gradient_norm"], rel=1e-2)


def without_dropout() -> TrainParams:
    return TrainParams(lora=Lora(rank=4), training=params().training)


@pytest.mark.parametrize(
    ("batch_size", "max_tokens", "micro_batch"), [(16, 1024, 8), (12, 1024, 6), (7, 1024, 7), (16, 65_536, 1)]
)
def test_parts_of_a_batch_on_a_gpu_divide_it(batch_size: int, max_tokens: int, micro_batch: int) -> None:
    training = Training(batch_size=batch_size, max_tokens=max_tokens)
    assert train._micro_batch(training, accelerated=True) == micro_batch
    assert train._micro_batch(training, accelerated=False) == 1


def test_counts_say_how_many_samples_were_trained_on(inputs: Inputs, tmp_path: Path) -> None:
    data = write_dataset(tmp_path / "data", train=[*TEXTS, ""])
    outputs = Outputs(tmp_path / "out")
    train.run(params(max_steps=1), Inputs({**inputs.folders, "data": (data,)}), outputs)
    assert (outputs.records_in, outputs.kept, outputs.dropped) == (3, 2, {"empty": 1})


def test_an_empty_training_split_is_refused(inputs: Inputs, tmp_path: Path) -> None:
    data = write_dataset(tmp_path / "data")
    with pytest.raises(BadInput, match="training split is empty"):
        train.run(params(), Inputs({**inputs.folders, "data": (data,)}), Outputs(tmp_path / "out"))


def test_sequences_longer_than_the_model_takes_are_refused(inputs: Inputs, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"spec\.training\.maxTokens is 512, but tiny takes at most 256"):
        train.run(params(max_tokens=512), inputs, Outputs(tmp_path))


# ---- interruption


def test_a_killed_run_goes_on_to_the_same_bytes(
    uninterrupted: dict[str, bytes], inputs: Inputs, kept: FolderCheckpoints, tmp_path: Path
) -> None:
    assert kept.steps == [2, 4]
    train.run(params(), inputs, Outputs(tmp_path / "out", checkpoints=kept))
    assert contents(tmp_path / "out") == uninterrupted


def test_a_run_killed_after_its_last_step_only_writes_its_results(
    uninterrupted: dict[str, bytes], inputs: Inputs, tmp_path: Path
) -> None:
    kept = FolderCheckpoints(tmp_path / "kept")
    train.run(params(), inputs, Outputs(tmp_path / "first", checkpoints=kept))
    assert kept.steps == [2, 4, 6, STEPS]
    again = Watched(tmp_path / "again", FolderCheckpoints(tmp_path / "kept"), 1, kill)
    train.run(params(), inputs, again)
    assert contents(tmp_path / "again") == contents(tmp_path / "first") == uninterrupted


def test_sigterm_keeps_the_step_at_hand_and_asks_to_be_run_again(
    uninterrupted: dict[str, bytes], inputs: Inputs, tmp_path: Path
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    kept = FolderCheckpoints(tmp_path / "kept")
    with pytest.raises(TryAgain, match="SIGTERM after step 1"):
        train.run(params(), inputs, Watched(tmp_path / "out", kept, 1, terminate))
    assert kept.steps == [1]
    assert signal.getsignal(signal.SIGTERM) is before
    train.run(params(), inputs, Outputs(tmp_path / "again", checkpoints=kept))
    assert contents(tmp_path / "again") == uninterrupted


def test_sigterm_before_the_first_step_ends_the_run_at_once(
    inputs: Inputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corpus.Encoder, "document", lambda *_: terminate())  # datasets wraps each Exception in its own
    handler = signal.getsignal(signal.SIGTERM)
    try:
        Sigterm()
        with pytest.raises(Stopped, match="stopped by SIGTERM"):
            train.run(params(), inputs, Outputs(tmp_path))
    finally:
        signal.signal(signal.SIGTERM, handler)


def test_training_asks_no_network_for_anything(inputs: Inputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    # As outside of tests: TRL sends nothing in CI, and huggingface_hub nothing while offline.
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY", False)
    monkeypatch.setattr("socket.getaddrinfo", lambda *address, **_: asked.append(address))
    monkeypatch.setattr("socket.socket.connect", lambda _, address: asked.append(address))
    train.run(params(max_steps=2), inputs, Outputs(tmp_path, checkpoints=FolderCheckpoints(tmp_path / "kept")))
    assert asked == []


def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(
    uninterrupted: dict[str, bytes],
    inputs: Inputs,
    kept: FolderCheckpoints,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    truncate(kept.folder / "4" / "optimizer.pt")
    train.run(params(), inputs, Outputs(tmp_path / "out", checkpoints=kept))
    assert contents(tmp_path / "out") == uninterrupted
    said = capsys.readouterr().err
    assert "checkpoint 4 cannot be loaded" in said
    assert "going on from checkpoint 2" in said


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [truncate, empty, Path.unlink])
@pytest.mark.parametrize("name", interruptions.CHECKPOINT_FILES)
def test_damage_to_any_file_of_a_checkpoint_is_noticed(
    kept: FolderCheckpoints, tmp_path: Path, name: str, damage: Any
) -> None:
    damage(kept.folder / "4" / name)
    chosen = interruptions.newest_sound(Outputs(tmp_path, checkpoints=kept), tmp_path / "restored")
    assert chosen == str(tmp_path / "restored" / "2")


def test_without_a_sound_checkpoint_training_starts_over(kept: FolderCheckpoints, tmp_path: Path) -> None:
    for step in kept.steps:
        truncate(kept.folder / str(step) / "trainer_state.json")
    assert interruptions.newest_sound(Outputs(tmp_path, checkpoints=kept), tmp_path / "restored") is None


class Canary:
    """Unpickled, it leaves a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("name", interruptions.TORCH_FILES)
def test_a_checkpoint_runs_no_code(kept: FolderCheckpoints, tmp_path: Path, name: str) -> None:
    canary = tmp_path / "canary"
    torch.save({"state": Canary(canary)}, kept.folder / "4" / name)
    (kept.folder / "2" / name).write_bytes(pickle.dumps(Canary(canary)))
    assert interruptions.newest_sound(Outputs(tmp_path, checkpoints=kept), tmp_path / "restored") is None
    assert not canary.exists()


def test_a_checkpoint_holds_nothing_that_is_not_read(kept: FolderCheckpoints) -> None:
    assert {path.name for path in (kept.folder / "4").iterdir()} == set(interruptions.CHECKPOINT_FILES)


# ---- divergence


def test_a_loss_that_is_no_number_stops_within_the_step(inputs: Inputs, tmp_path: Path) -> None:
    model = write_model(tmp_path / "model", tied=False)
    poison = corpus.Encoder.of(models.load_tokenizer(model)).encode("@").ids[0]

    def spoil(name: str, tensor: torch.Tensor) -> torch.Tensor:
        if "embed_tokens" in name:
            tensor[poison] = torch.nan
        return tensor

    change_weights(model, spoil)
    data = write_dataset(tmp_path / "data", train=[*SAMPLES, "@"])
    kept = FolderCheckpoints(tmp_path / "kept")
    with pytest.raises(UnsafeInput, match=r"loss is nan at step \d+: lower spec\.training\.learningRate") as caught:
        train.run(
            params(batch_size=1, epochs=1, checkpoint_steps=1),
            Inputs({"model": (model,), "data": (data,)}),
            Outputs(tmp_path / "out", checkpoints=kept),
        )
    assert (caught.value.exit_code, caught.value.reason) == (65, "TrainingDiverged")
    step = int(str(caught.value).split("step ")[1].split(":")[0])
    assert kept.steps == list(range(1, step))
    assert step > 1
    newest = load_file(kept.folder / str(step - 1) / "adapter_model.safetensors")
    assert all(tensor.isfinite().all() for tensor in newest.values())
    assert not (tmp_path / "out" / "adapter").exists()


# ---- text to tokens


def test_special_tokens_in_source_are_text(inputs: Inputs) -> None:
    tokenizer = models.load_tokenizer(inputs.one("model"))
    encoder = corpus.Encoder.of(tokenizer)
    hostile = f"a = '{END}{MIDDLE}'"
    control = {tokenizer.convert_tokens_to_ids(token) for token in (END, MIDDLE)}
    assert control & set(tokenizer(hostile)["input_ids"]) == control
    assert not control & set(encoder.encode(hostile).ids)
    assert tokenizer.decode(encoder.encode(hostile).ids) == hostile


def test_a_document_is_framed(inputs: Inputs) -> None:
    encoder = corpus.Encoder.of(models.load_tokenizer(inputs.one("model")))
    ids = encoder.document("x = 1")
    assert (ids[0], ids[-1]) == (encoder.start, encoder.end) == (0, 0)
    assert ids[1:-1] == encoder.encode("x = 1").ids


@pytest.mark.parametrize("length", [1, 2, 7, 8, 9, 14, 15, 16, 50])
def test_windows_predict_every_token_once(length: int) -> None:
    ids = list(range(length))
    cut = list(corpus.windows(ids, 8))
    assert all(len(window) <= 8 for window in cut)
    assert [token for window in cut for token in window[1:]] == ids[1:]
    assert all(len(window) > 1 for window in cut) or length == 1
