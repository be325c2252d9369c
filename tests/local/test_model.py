"""A FineTune end to end on this machine: better is published, foreign and noise are refused, a killed run goes on."""

import json
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from repoloom_stages.runtime.artifact_store import ArtifactStore
from repoloom_stages.runtime.store import FolderStore
from support.builders import data, dataset_build, fine_tune, output, recipe, source, suite
from support.command import command, repoloom, tree_sha256, write_yaml
from support.histories import package_history

pytestmark = pytest.mark.timeout(1200)  # a run starts a dozen processes: on a loaded machine that takes minutes

SPLIT = {"trainPercent": 60, "validationPercent": 5, "testPercent": 35}
"""A packages' files make a short history; a large test window still holds enough commits to judge by."""

STEPS = 40


def build(name: str) -> dict[str, object]:
    return dataset_build(
        name,
        sources=[source(name)],
        recipes=[recipe(chunk={"maxTokens": 512})],
        outputs=[output(format={"text": {}})],
        refine={"split": SPLIT},
    )


def training(**fields: object) -> dict[str, object]:
    return {
        "maxTokens": 512,
        "maxSteps": STEPS,
        "epochs": 20,
        "learningRate": 5e-3,
        "batchSize": 4,
        "checkpointSteps": 10,
    } | fields


GATE = {
    "suites": [
        suite(bitsPerByte={"datasetBuild": {"name": "home", "output": "training"}}, require={"minGainPercent": 4})
    ]
}
"""Half a minute of training on any Python helps a base as small as this one a little; on its own, more."""


def own(name: str) -> dict[str, object]:
    return data(datasetBuild={"name": name, "output": "training"})


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two packages' histories, built into datasets in one store."""
    where = tmp_path_factory.mktemp("world")
    for name, package in (("home", "rich"), ("foreign", "werkzeug")):
        package_history(where / name, package)
    builds = write_yaml(where / "builds.yaml", build("home"), build("foreign"))
    ended = repoloom(
        *run(builds, where), "--source", f"home={where / 'home'}", "--source", f"foreign={where / 'foreign'}"
    )
    assert ended.code == 0, ended.said
    return where


def run(file: Path, where: Path) -> list[str | Path]:
    return ["run", file, "--store", where / "store", "--out", where / "out"]


@pytest.fixture(scope="module")
def tuned(world: Path) -> Path:
    file = write_yaml(world / "tune.yaml", fine_tune("home", data=[own("home")], training=training(), evaluate=GATE))
    ended = repoloom(*run(file, world))
    assert ended.code == 0, ended.said
    assert "fewer bits per byte" in ended.out
    return world


def test_an_adapter_that_knows_its_repository_is_published(tuned: Path) -> None:
    folder = tuned / "out" / "models" / "home"
    files = {path.name for path in folder.iterdir()}
    assert files >= {
        *("adapter_model.safetensors", "adapter_config.json", "verdict.json", "metrics.json"),
        *("report.html", "README.md", "manifest.json"),
    }
    verdict = json.loads((folder / "verdict.json").read_text())
    assert verdict["outcome"] == "Accepted"
    assert verdict["suites"][0]["interval"][0] > 0


def test_a_second_run_trains_nothing(tuned: Path) -> None:
    before = tree_sha256(tuned / "out" / "models" / "home")
    ended = repoloom(*run(tuned / "tune.yaml", tuned))
    assert ended.code == 0, ended.said
    assert re.search(r"all \d+ tasks cached", ended.out), ended.said
    assert tree_sha256(tuned / "out" / "models" / "home") == before


def test_generate_completes_a_prompt(tuned: Path) -> None:
    prompt = "def __rich_"
    for base in ([], ["--base"]):
        options = ["--store", tuned / "store", "--max-tokens", "12", *base]
        ended = repoloom("generate", "home", "--prompt", prompt, *options)
        assert ended.code == 0, ended.said
        assert ended.out.startswith(prompt)
        assert len(ended.out.strip()) > len(prompt)


@pytest.mark.faults
def test_the_gate_that_an_adapter_passed_refuses_one_trained_elsewhere_and_keeps_it_aside(tuned: Path) -> None:
    tune = fine_tune("stranger", data=[own("foreign")], training=training(), evaluate=GATE)
    ended = repoloom(*run(write_yaml(tuned / "stranger.yaml", tune), tuned))
    assert ended.code == 66, ended.said
    assert "not published" in ended.err
    assert (tuned / "out/candidates/stranger/verdict.json").exists()
    assert not (tuned / "out/models/stranger").exists()
    assert not list((tuned / "store/default/published/finetune").glob("stranger*"))


def test_a_requirement_that_is_not_met_refuses_a_better_adapter(tuned: Path) -> None:
    tune = fine_tune(
        "ambitious",
        data=[own("home")],
        training=training(),
        evaluate={"suites": [suite(require={"minGainPercent": 90})]},
    )
    ended = repoloom(*run(write_yaml(tuned / "ambitious.yaml", tune), tuned))
    assert ended.code == 66, ended.said
    assert "train-1" in ended.out
    assert "cached" in ended.out, "the same training under another gate is not done again"


def test_a_dataset_or_output_that_does_not_exist_is_told_before_anything_runs(world: Path) -> None:
    tune = fine_tune(
        "lost",
        data=[
            data("a", datasetBuild={"name": "home", "output": "nope"}),
            data("b", datasetBuild={"name": "no", "output": "x"}),
        ],
    )
    ended = repoloom(*run(write_yaml(world / "lost.yaml", tune), world))
    assert ended.code == 64, ended.said
    assert "spec.data[0].datasetBuild.output: home has no such output; it has training" in ended.err
    assert "spec.data[1].datasetBuild.name: no DatasetBuild no" in ended.err


@pytest.mark.faults
def test_killed_in_training_and_run_again_the_adapter_is_the_same(tuned: Path) -> None:
    """The same FineTune under another seed, in a store without its adapter, killed after its first checkpoint."""
    file = write_yaml(tuned / "again.yaml", fine_tune("again", data=[own("home")], training=training(seed=1)))
    with subprocess.Popen(command(*run(file, tuned)), stdout=subprocess.DEVNULL) as process:
        checkpoints = tuned / "store/default/checkpoints"
        deadline = time.monotonic() + 600
        while not list(checkpoints.rglob("*.json")) and time.monotonic() < deadline:
            time.sleep(0.1)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert list(checkpoints.rglob("*.json")), "it was killed after a checkpoint, before the end"
    ended = repoloom(*run(file, tuned))
    assert ended.code == 0, ended.said
    logs = [path.read_text() for path in (tuned / "out/logs").glob("finetune-again-*/train-1/log")]
    assert any("going on from checkpoint" in text for text in logs)
    shutil.copytree(tuned / "store", tuned / "fresh" / "store")
    trained = (tuned / "fresh/store/default/manifests/train").iterdir()
    max(trained, key=lambda path: path.stat().st_mtime_ns).unlink()
    ended = repoloom(*run(file, tuned / "fresh"))
    assert ended.code == 0, ended.said
    name = "models/again/adapter_model.safetensors"
    assert (tuned / "out" / name).read_bytes() == (tuned / "fresh" / "out" / name).read_bytes()


@pytest.mark.faults
def test_noise_in_place_of_an_adapter_is_refused(tuned: Path, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    from repoloom_api.catalogue import EvaluateParams, SuiteParams
    from repoloom_api.runs import Outcome, Verdict
    from repoloom_stages import evaluate
    from repoloom_stages.runtime.stage import Inputs, Outputs

    published = tuned / "out" / "models" / "home"
    noise = tmp_path / "adapter"
    noise.mkdir()
    shutil.copy(published / "adapter_config.json", noise)
    generator = torch.Generator().manual_seed(0)
    save_file(
        {
            name: torch.randn(tensor.shape, generator=generator) * tensor.std()
            for name, tensor in load_file(published / "adapter_model.safetensors").items()
        },
        noise / "adapter_model.safetensors",
    )
    artifacts = ArtifactStore(FolderStore(tuned / "store"), "default")
    (manifest,) = [
        found
        for path in (tuned / "store/default/manifests/fetch-model").iterdir()
        if (found := artifacts.manifest("fetch-model", path.stem)) and any("safetensors" in f.path for f in found.files)
    ]
    artifacts.fetch(manifest.files, tmp_path)
    folders = {
        "model": (tmp_path / "model",),
        "adapter": (noise,),
        "suite-held-out": (tuned / "out/datasets/home/training",),
    }
    inputs = Inputs(folders, digests={"adapter": ("0" * 64,)})
    outputs = Outputs(tmp_path / "outputs")
    evaluate.run(EvaluateParams(suites=(SuiteParams(name="held-out"),), max_tokens=512), inputs, outputs)
    verdict = Verdict.model_validate_json((outputs.folder / "verdict/verdict.json").read_bytes())
    print(f"noise: gain {verdict.gain_percent:.1f} %, {verdict.outcome}")
    assert verdict.outcome is Outcome.REFUSED
    assert verdict.gain_percent < 0


@pytest.mark.faults
@pytest.mark.timeout(3000)
def test_own_and_foreign_with_a_minute_of_training(tmp_path: Path) -> None:
    """The trainings whose figures stand in docs/measured.md."""
    for name, package in (("home", "rich"), ("foreign", "werkzeug")):
        package_history(tmp_path / name, package)
    builds = write_yaml(tmp_path / "builds.yaml", build("home"), build("foreign"))
    sources = [part for name in ("home", "foreign") for part in ("--source", f"{name}={tmp_path / name}")]
    assert repoloom(*run(builds, tmp_path), *sources).code == 0
    at_home = {"suites": [suite(bitsPerByte={"datasetBuild": {"name": "home", "output": "training"}})]}
    cases = {
        "own": (fine_tune("own", data=[own("home")], training=training(maxSteps=140), evaluate=at_home), 0),
        "foreign": (fine_tune("foreign", data=[own("foreign")], training=training(maxSteps=140), evaluate=at_home), 66),
    }
    for name, (document, code) in cases.items():
        ended = repoloom(*run(write_yaml(tmp_path / f"{name}.yaml", document), tmp_path), timeout=900)
        assert ended.code == code, ended.said
        folder = tmp_path / "out" / ("models" if code == 0 else "candidates") / name
        (measured,) = json.loads((folder / "verdict.json").read_text())["suites"]
        low, high = measured["interval"]
        print(
            f"{name}: {measured['base']:.3f} to {measured['adapter']:.3f} bits per byte, gain "
            f"{measured['gainPercent']:.1f} % ({low:.1f} to {high:.1f}), {measured['groups']} groups, exit {ended.code}"
        )
