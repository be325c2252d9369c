"""The shipped `tiny` is the model its recipe describes: small, unaltered, and with a tokenizer that loses nothing.

Without torch: these read the files as they lie in the package.
"""

import hashlib
import json
import struct
from typing import Any

import pytest
from tokenizers import Tokenizer

from repoloom_stages import tiny

MAX_BYTES = 12_000_000
SPECIAL_TOKENS = ["<|endoftext|>", "<|pad|>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>"]

TEXTS = {
    "code": "def read_json(path):\n    with open(path) as f:\n\treturn json.load(f)\n",
    "leading and trailing white space": "  \n\n\t x \u00a0\u3000 \r\n ",
    "no ASCII": "Straße, łódź, 日本語, עברית, 👩‍👩‍👧‍👦",
    "not in a normal form": "e\u0301 \ufb01 \u212b \u1e9b\u0323",
    "control characters": "\x00\x01\x7f\ufeff\u2028",
    "no space before punctuation": "a , b . c ! don 't",
    "every code point below U+0800": "".join(map(chr, range(0x800))),
    "special tokens": "a<|endoftext|> b <|fim_prefix|>\n<|pad|>",
    "empty": "",
}


def read(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((tiny.path() / name).read_text())
    return document


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_file(str(tiny.path() / "tokenizer.json"))


def test_all_files_together_stay_small() -> None:
    assert sum(file.stat().st_size for file in tiny.path().iterdir() if file.is_file()) <= MAX_BYTES


def test_every_model_file_has_its_committed_digest() -> None:
    files = [file for file in tiny.path().iterdir() if file.suffix in {".json", ".safetensors"}]
    assert tiny.file_digests() == {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
    assert {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"} <= set(tiny.file_digests())


def test_one_digest_names_the_model() -> None:
    assert hashlib.sha256((tiny.path() / "SHA256SUMS").read_bytes()).hexdigest() == tiny.SHA256


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_any_text_comes_back_exactly(tokenizer: Tokenizer, text: str) -> None:
    assert tokenizer.decode(tokenizer.encode(text).ids, skip_special_tokens=False) == text


def test_the_tokenizer_adds_no_token_by_itself(tokenizer: Tokenizer) -> None:
    assert tokenizer.encode("x = 1", add_special_tokens=True).ids == tokenizer.encode("x = 1").ids
    assert tokenizer.encode("x = 1").tokens[0] == "x"


def test_special_tokens_have_the_first_ids(tokenizer: Tokenizer) -> None:
    assert [tokenizer.token_to_id(token) for token in SPECIAL_TOKENS] == list(range(len(SPECIAL_TOKENS)))
    assert tokenizer.encode("".join(SPECIAL_TOKENS)).tokens == SPECIAL_TOKENS


def test_tokenizer_config_names_the_special_tokens() -> None:
    config = read("tokenizer_config.json")
    assert [config[key] for key in ("bos_token", "eos_token", "pad_token")] == [
        "<|endoftext|>",
        "<|endoftext|>",
        "<|pad|>",
    ]


def test_config_and_tokenizer_and_weights_agree(tokenizer: Tokenizer) -> None:
    config = read("config.json")
    assert config["model_type"] == "llama"
    assert config["vocab_size"] == tokenizer.get_vocab_size() == 4096
    assert config["tie_word_embeddings"] is True
    with (tiny.path() / "model.safetensors").open("rb") as weights:
        # The format opens with the header's length, then the header as JSON (huggingface.co/docs/safetensors).
        header = json.loads(weights.read(struct.unpack("<Q", weights.read(8))[0]))
    assert header["model.embed_tokens.weight"]["shape"] == [config["vocab_size"], config["hidden_size"]]
    assert {tensor["dtype"] for name, tensor in header.items() if name != "__metadata__"} == {"F32"}


def test_generation_stops_and_pads_with_the_tokenizers_tokens(tokenizer: Tokenizer) -> None:
    for name in ("config.json", "generation_config.json"):
        config = read(name)
        assert config["bos_token_id"] == config["eos_token_id"] == tokenizer.token_to_id("<|endoftext|>")
        assert config["pad_token_id"] == tokenizer.token_to_id("<|pad|>")
