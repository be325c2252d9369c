"""The stage `fetch-model`: a pinned model as plain files, the shipped `tiny` or one of the Hugging Face Hub.

What leaves here can be loaded without running anything of the model's author: safetensors and JSON, no pickle, no
Python. `models` loads it; a DatasetBuild takes the tokenizer alone.
"""

import hashlib
import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from repoloom_api.artifacts import file_sha256
from repoloom_api.catalogue import FetchModelParams
from repoloom_api.runs import HuggingFacePin
from repoloom_stages import tiny
from repoloom_stages.errors import BadInput, SourceUnavailable, UnsafeInput
from repoloom_stages.runtime.connections import Connections
from repoloom_stages.runtime.stage import Inputs, Outputs
from repoloom_stages.tuning.model_name import ModelName, write_model_name

if TYPE_CHECKING:
    from huggingface_hub.hf_api import RepoFile

TOKENIZER_FILES = re.compile(
    r"tokenizer[\w.-]*\.(json|model)|(special_tokens_map|added_tokens)\.json|vocab\.\w+|merges\.txt|chat_template\.\w+"
)
WEIGHT_FILES = re.compile(r"(config|generation_config|model\.safetensors\.index)\.json|model[\w.-]*\.safetensors")
"""`consolidated.safetensors` and the like hold the same weights once more, as transformers does not read them."""

TOKENIZER_FILE = "tokenizer.json"


def run(params: FetchModelParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write `model/`. Raises UnsafeInput for a model that needs pickles or code of its own."""
    pin = inputs.pin("pin")
    folder = outputs.folder / "model"
    if pin.hugging_face:
        _download(pin.hugging_face, inputs.connections, folder, weights=params.weights)
        name = ModelName(pin.hugging_face.repository, pin.hugging_face.revision)
    else:
        _copy_tiny(folder, weights=params.weights)
        name = ModelName("tiny")
    write_model_name(folder, name)
    files = sum(1 for _ in folder.iterdir())
    outputs.take(files)
    outputs.keep(files)


def _wanted(name: str, *, weights: bool) -> bool:
    return bool(TOKENIZER_FILES.fullmatch(name) or (weights and WEIGHT_FILES.fullmatch(name)))


def _copy_tiny(folder: Path, *, weights: bool) -> None:
    folder.mkdir(parents=True)
    for name, digest in sorted(tiny.file_digests().items()):
        if _wanted(name, weights=weights):
            shutil.copyfile(tiny.path() / name, folder / name)
            if file_sha256(folder / name) != digest:
                raise BadInput(f"the shipped {name} is damaged: install repoloom-stages again")


def _download(pin: HuggingFacePin, connections: Connections, folder: Path, *, weights: bool) -> None:
    """The files at the pinned commit that are wanted, each checked against the hash the commit has for it."""
    # As slow to import as all the rest together, and the shipped model needs none of it.
    from huggingface_hub.hf_api import RepoFile

    from repoloom_stages.origins.hub import hub_api, hub_connection, hub_errors

    connection = hub_connection(connections)
    hub = hub_api(connection)
    with hub_errors(pin.repository, pin.revision, connection):
        tree = hub.list_repo_tree(pin.repository, revision=pin.revision)
        offered = {entry.path: entry for entry in tree if isinstance(entry, RepoFile)}
    wanted = sorted(name for name in offered if _wanted(name, weights=weights))
    _refuse_what_cannot_be_loaded(pin, offered, wanted, weights=weights)
    with hub_errors(pin.repository, pin.revision, connection):
        hub.snapshot_download(pin.repository, revision=pin.revision, local_dir=folder, allow_patterns=wanted)
    shutil.rmtree(folder / ".cache")
    _verify(pin, folder, {name: offered[name] for name in wanted})
    _refuse_unsafe(pin, folder)


def _refuse_what_cannot_be_loaded(
    pin: HuggingFacePin, offered: Mapping[str, "RepoFile"], wanted: list[str], *, weights: bool
) -> None:
    where = f"huggingFace.repository {pin.repository}"
    if TOKENIZER_FILE not in offered:
        raise BadInput(f"{where} has no {TOKENIZER_FILE}: choose a model with a fast tokenizer")
    if weights and not any(name.endswith(".safetensors") for name in wanted):
        raise UnsafeInput(f"{where} has no weights in model.safetensors, and pickled ones can run code: choose another")


def _verify(pin: HuggingFacePin, folder: Path, offered: Mapping[str, "RepoFile"]) -> None:
    """A file in LFS is named by its SHA-256, any other by git's hash of it."""
    for name, entry in offered.items():
        path = folder / name
        if not path.is_file():
            raise SourceUnavailable(f"{pin.repository}: {name} did not arrive")
        found = file_sha256(path) if entry.lfs else _git_blob(path)
        if found != (entry.lfs.sha256 if entry.lfs else entry.blob_id):
            raise SourceUnavailable(f"{pin.repository}: {name} is not what the commit says; it may have been cut off")


def _refuse_unsafe(pin: HuggingFacePin, folder: Path) -> None:
    """Refuse configs that point to code, and an index that points out of the folder."""
    where = f"huggingFace.repository {pin.repository}"
    for path in sorted(folder.glob("*config.json")):
        if "auto_map" in _read_json(pin, path):
            raise UnsafeInput(
                f"{where} brings code of its own (auto_map in {path.name}), which is never run: choose a model whose"
                " architecture transformers knows"
            )
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        shards = set(_read_json(pin, index).get("weight_map", {}).values())
        if missing := sorted(shard for shard in shards if not (folder / shard).is_file() or "/" in shard):
            raise UnsafeInput(f"{where}: {index.name} names {missing[0]}, which is no file beside it")


def _read_json(pin: HuggingFacePin, path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_bytes())
    except ValueError as error:
        raise BadInput(f"huggingFace.repository {pin.repository}: {path.name} is no JSON") from error
    if not isinstance(document, dict):
        raise BadInput(f"huggingFace.repository {pin.repository}: {path.name} is no JSON object")
    return document


def _git_blob(path: Path) -> str:
    data = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
