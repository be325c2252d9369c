"""A fetched model is what its commit says, and nothing in it can run."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from repoloom_api.catalogue import FetchModelParams
from repoloom_api.runs import HuggingFacePin, Pin, TinyPin
from repoloom_api.tasks import Reach
from repoloom_stages import fetch_model, tiny
from repoloom_stages.errors import BadInput, CredentialMissing, NoSuchSource, StageError, TryAgain, UnsafeInput
from repoloom_stages.runtime.connections import Connections
from repoloom_stages.runtime.stage import Inputs, Outputs
from repoloom_stages.tuning.model_name import ModelName, model_name
from support.hub import COMMIT, StubHub, stub_hub

REPOSITORY = "some-body/small-model"
WANTED = {
    "config.json": b'{"model_type": "llama"}',
    "generation_config.json": b"{}",
    "tokenizer.json": b'{"version": "1.0"}',
    "tokenizer_config.json": b"{}",
    "tokenizer.model": b"pieces",
    "special_tokens_map.json": b"{}",
    "chat_template.jinja": b"{{ messages }}",
    "model.safetensors": b"weights",
}
UNWANTED = {
    "pytorch_model.bin": b"pickle",
    "model.pt": b"pickle",
    "training_args.bin": b"pickle",
    "modeling_custom.py": b"import os",
    "consolidated.safetensors": b"the same weights again",
    "adapter_model.safetensors": b"somebody's adapter",
    "model.safetensors.exe": b"no",
    "README.md": b"# A model",
    "original/model.safetensors": b"in a folder",
}
TOKENIZER_ONLY = {name for name in WANTED if name.startswith(("token", "special", "chat"))}
NAME_FILE = "repoloom-model.json"
ANONYMOUS = Connections()


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[StubHub]:
    with stub_hub() as hub:
        hub.use(monkeypatch)
        hub.models[REPOSITORY] = {**WANTED, **UNWANTED}
        yield hub


def fetch(folder: Path, *, weights: bool = True, pin: Pin | None = None, connections: Connections = ANONYMOUS) -> Path:
    pin = pin or Pin(hugging_face=HuggingFacePin(repository=REPOSITORY, revision=COMMIT))
    (folder / "pin").mkdir(parents=True)
    (folder / "pin" / "pin.json").write_text(json.dumps(pin.document()))
    inputs = Inputs({"pin": (folder / "pin",)}, connections=connections)
    fetch_model.run(FetchModelParams(weights=weights), inputs, Outputs(folder / "out"))
    return folder / "out" / "model"


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# ---- the Hub


def test_only_what_cannot_run_is_fetched(hub: StubHub, tmp_path: Path) -> None:
    files = contents(fetch(tmp_path))
    del files[NAME_FILE]
    assert files == WANTED
    assert hub.downloaded() == set(WANTED)


def test_a_tokenizer_alone_leaves_the_weights_there(hub: StubHub, tmp_path: Path) -> None:
    assert set(contents(fetch(tmp_path, weights=False))) == {*TOKENIZER_ONLY, NAME_FILE}
    assert hub.downloaded() == TOKENIZER_ONLY


def test_the_folder_says_which_model_it_holds(hub: StubHub, tmp_path: Path) -> None:
    assert model_name(fetch(tmp_path)) == ModelName(REPOSITORY, COMMIT)
    assert str(ModelName(REPOSITORY, COMMIT)) == f"{REPOSITORY}@{COMMIT}"


def test_fetching_again_gives_the_same_files(hub: StubHub, tmp_path: Path) -> None:
    assert contents(fetch(tmp_path / "one")) == contents(fetch(tmp_path / "two"))


def test_weights_in_parts_are_fetched_with_their_index(hub: StubHub, tmp_path: Path) -> None:
    index = json.dumps(
        {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    )
    parts = {
        "model-00001-of-00002.safetensors": b"one",
        "model-00002-of-00002.safetensors": b"two",
        "model.safetensors.index.json": index.encode(),
    }
    hub.models[REPOSITORY] = {**parts, "config.json": b"{}", "tokenizer.json": b"{}"}
    assert parts.items() <= contents(fetch(tmp_path)).items()


def test_an_index_that_points_out_of_the_folder_is_refused(hub: StubHub, tmp_path: Path) -> None:
    hub.models[REPOSITORY]["model.safetensors.index.json"] = b'{"weight_map": {"a": "../../secret.safetensors"}}'
    with pytest.raises(UnsafeInput, match=r"names \.\./\.\./secret\.safetensors"):
        fetch(tmp_path)


def test_weights_that_are_pickles_are_refused_before_anything_is_fetched(hub: StubHub, tmp_path: Path) -> None:
    del hub.models[REPOSITORY]["model.safetensors"]
    with pytest.raises(UnsafeInput, match="no weights in model") as caught:
        fetch(tmp_path)
    assert caught.value.exit_code == 65
    assert hub.downloaded() == set()


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json"])
def test_a_model_with_code_of_its_own_is_refused(hub: StubHub, tmp_path: Path, name: str) -> None:
    hub.models[REPOSITORY][name] = b'{"auto_map": {"AutoModelForCausalLM": "modeling_custom.Model"}}'
    with pytest.raises(UnsafeInput, match=f"auto_map in {name}"):
        fetch(tmp_path)


def test_a_model_without_a_fast_tokenizer_is_refused(hub: StubHub, tmp_path: Path) -> None:
    del hub.models[REPOSITORY]["tokenizer.json"]
    with pytest.raises(BadInput, match="has no tokenizer"):
        fetch(tmp_path, weights=False)


@pytest.mark.parametrize("name", ["tokenizer.json", "model.safetensors"])
def test_a_file_that_is_not_what_the_commit_says_is_tried_again(hub: StubHub, tmp_path: Path, name: str) -> None:
    hub.damaged.add(name)
    with pytest.raises(TryAgain, match=f"{name} is not what the commit says"):
        fetch(tmp_path)


# ---- credentials


def with_token(folder: Path, token: str, host: str = "127.0.0.1") -> Connections:
    """A connection to a host with HF_TOKEN in its Secret."""
    (folder / "secrets" / "hub").mkdir(parents=True)
    (folder / "secrets" / "hub" / "HF_TOKEN").write_text(token)
    return Connections((Reach(connection="hub", hosts=(host,), private_addresses=False),), folder / "secrets")


def test_a_token_opens_a_private_model_and_goes_to_the_hub_alone(hub: StubHub, tmp_path: Path) -> None:
    hub.tokens[REPOSITORY] = "hf_sentinel"
    assert "model.safetensors" in contents(fetch(tmp_path, connections=with_token(tmp_path, "hf_sentinel")))
    assert {request.authorization for request in hub.requests} == {"Bearer hf_sentinel"}
    assert hub.storage_requests
    assert {request.authorization for request in hub.storage_requests} == {None}


def test_on_a_laptop_the_token_of_the_environment_goes_to_the_hub(
    hub: StubHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_sentinel")
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    fetch(tmp_path)
    assert {request.authorization for request in hub.requests} == {"Bearer hf_sentinel"}


@pytest.mark.parametrize("where", ["environment", "connection"])
def test_a_token_for_another_host_is_not_sent(
    hub: StubHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    connections = Connections()
    if where == "environment":
        monkeypatch.setenv("HF_TOKEN", "hf_sentinel")  # huggingface.co's, and the stub is not there
    else:
        connections = with_token(tmp_path, "hf_sentinel", "huggingface.co")
    fetch(tmp_path, connections=connections)
    assert {request.authorization for request in hub.requests} == {None}


def test_without_a_token_nothing_is_sent_even_if_somebody_logged_in(
    hub: StubHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text("hf_sentinel")
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "token"))
    fetch(tmp_path)
    assert {request.authorization for request in hub.requests} == {None}


# ---- failures


def refuse(hub: StubHub, kind: str) -> None:
    match kind:
        case "missing":
            hub.models.clear()
        case "private":
            hub.tokens[REPOSITORY] = "hf_other"
        case "gated":
            hub.gated[REPOSITORY] = "hf_other"
        case _:
            hub.status = int(kind)


@pytest.mark.parametrize(
    ("kind", "error", "message"),
    [
        ("missing", NoSuchSource, "does not exist, or is private"),
        ("private", NoSuchSource, "does not exist, or is private"),
        ("gated", NoSuchSource, "is gated"),
        ("403", BadInput, "403"),
        ("429", TryAgain, "429"),
        ("500", TryAgain, "500"),
        ("503", TryAgain, "503"),
    ],
)
@pytest.mark.parametrize("token", [None, "hf_sentinel"])
def test_a_refusal_names_the_repository_and_no_token(
    hub: StubHub,
    tmp_path: Path,
    kind: str,
    error: type[StageError],
    message: str,
    token: str | None,
) -> None:
    refuse(hub, kind)
    connections = with_token(tmp_path, token) if token else Connections()
    if token is None and error is NoSuchSource:
        error, message = CredentialMissing, f"{message}.*set HF_TOKEN"
    with pytest.raises(error, match=message) as caught:
        fetch(tmp_path, connections=connections)
    assert REPOSITORY in str(caught.value)
    assert "hf_" not in str(caught.value)


def test_a_commit_that_is_gone_is_bad_input(hub: StubHub, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="has no revision"):
        fetch(tmp_path, pin=Pin(hugging_face=HuggingFacePin(repository=REPOSITORY, revision="d" * 40)))


def test_a_hub_that_is_away_is_tried_again(hub: StubHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:1")
    with pytest.raises(TryAgain, match="cannot be reached"):
        fetch(tmp_path)


# ---- tiny

TINY = Pin(tiny=TinyPin(sha256="0" * 64))


def test_tiny_is_copied_whole(tmp_path: Path) -> None:
    files = contents(fetch(tmp_path, pin=TINY))
    assert {"config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"} <= set(files)
    assert all(files[name] == (tiny.path() / name).read_bytes() for name in tiny.file_digests())
    assert str(model_name(tmp_path / "out" / "model")) == "tiny"


def test_tinys_tokenizer_comes_alone(tmp_path: Path) -> None:
    assert set(contents(fetch(tmp_path, weights=False, pin=TINY))) == {
        "tokenizer.json",
        "tokenizer_config.json",
        NAME_FILE,
    }
