"""`repoloom generate`: complete a prompt with a tuned model."""

import tempfile
from pathlib import Path

from repoloom.commands import open_artifacts
from repoloom.results import find_results, run_records
from repoloom_api.artifacts import below
from repoloom_stages.errors import BadInput
from repoloom_stages.runtime.artifact_store import ArtifactStore


def generate(
    name: str,
    prompt: str,
    *,
    store: str,
    namespace: str,
    max_tokens: int,
    temperature: float,
    seed: int,
    base: bool,
) -> None:
    """Print the prompt and its completion."""
    artifacts = open_artifacts(store, namespace)
    with tempfile.TemporaryDirectory(prefix="repoloom-") as scratch:
        model, adapter = _fetch(artifacts, name, Path(scratch))
        from repoloom_stages.tuning.generate import generate as complete  # torch takes seconds to import

        print(prompt + complete(model, None if base else adapter, prompt, max_tokens, temperature, seed))


def _fetch(artifacts: ArtifactStore, name: str, scratch: Path) -> tuple[Path, Path]:
    """The base model and the adapter of a FineTune's newest published result."""
    (result,) = find_results(artifacts, name, "FineTune")
    runs = [one for one in run_records(artifacts) if (one.kind, one.result) == ("FineTune", result.digest)]
    manifest = artifacts.manifest("fetch-model", runs[0].tasks["fetch-model-1"].key) if runs else None
    if manifest is None:
        raise BadInput(f"the base model of {name} is no longer in {artifacts.store.url}; run its file again")
    artifacts.fetch(below(manifest.files, "model/"), scratch / "model")
    artifacts.fetch([entry for entry in result.files if entry.path.startswith("adapter_")], scratch / "adapter")
    return scratch / "model", scratch / "adapter"
