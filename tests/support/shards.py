"""Shards as `snapshot` leaves them, and stages run on them in plain folders."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tokenizers import AddedToken

from repoloom_api.catalogue import CodeUnitsParams, IndexCodeParams
from repoloom_api.v1alpha1.recipes import CodeUnits, Keep
from repoloom_stages import code_units, index_code
from repoloom_stages.linking.manifests import MANIFESTS_FILE
from repoloom_stages.links import Manifest
from repoloom_stages.record_files import read_records, write_records
from repoloom_stages.records import SourceFile
from repoloom_stages.runtime.memos import Memo
from repoloom_stages.runtime.stage import Inputs, Outputs
from repoloom_stages.syntax.languages import TEXT, language_of
from support.models import train_tokenizer


def source_file(path: str, text: str, **fields: Any) -> SourceFile:
    """A file of the training snapshot, with other fields as a test needs them."""
    data = text.encode()
    about = SourceFile(
        repo="https://example.org/owner/example.git",
        path=path,
        blob=hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest(),
        sha256=hashlib.sha256(data).hexdigest(),
        bytes=len(data),
        language=language_of(path) or TEXT,
        commit="c" * 40,
        committed_at="2026-01-02T03:04:05Z",
        split="train",
        novel=[],
        text=text,
    )
    return SourceFile(**(about | fields))


def write_shard(folder: Path, *files: SourceFile) -> Path:
    """The folder that the role `files` is."""
    write_records(folder / "files.jsonl.zst", sorted(files, key=lambda file: (file["path"], file["split"])))
    return folder


def index_shard(
    shard: Path,
    folder: Path,
    memo: Memo | None = None,
    *,
    manifests: Mapping[str, str] | None = None,
    layers: Sequence[Mapping[str, Any]] = (),
) -> Outputs:
    """Run `index-code` on a shard, with texts of manifests by path, and layers as the resource has them."""
    outputs = Outputs(folder, memo=memo or Memo())
    found = [Manifest(path=path, text=text) for path, text in sorted((manifests or {}).items())]
    role = folder.with_name(f"{folder.name}-manifests")
    write_records(role / MANIFESTS_FILE, found)
    inputs = Inputs({"files": (shard,), "manifests": (role,)})
    index_code.run(IndexCodeParams.model_validate({"layers": list(layers)}), inputs, outputs)
    return outputs


def write_tokenizer(folder: Path, *controls: str) -> Path:
    """The folder that the role `tokenizer` is, of a tokenizer with these control tokens too."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = train_tokenizer()
    tokenizer.add_tokens([AddedToken(one, special=False) for one in controls])
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def cut_units(
    folder: Path,
    *files: SourceFile,
    min_tokens: int = 0,
    max_tokens: int = 4096,
    tagged: bool = False,
    links: dict[str, Path] | None = None,
    tokenizer: Path | None = None,
    **units: Any,
) -> Outputs:
    """Index files and run `code-units` on them; `keep` and the fields of `codeUnits` as the resource has them.

    `manifests` and `layers` go to `index_shard`; `links` are the folders of the roles `links` and `graph`, `tokenizer`
    that of another tokenizer than the tests'.
    """
    keep = Keep.model_validate(units.pop("keep", {}))
    placed = {name: units.pop(name) for name in ("manifests", "layers") if name in units}
    params = CodeUnitsParams(
        recipe="units",
        units=CodeUnits.model_validate(units),
        keep=keep,
        min_tokens=min_tokens,
        max_tokens=max_tokens,
        tagged=tagged,
    )
    shard = write_shard(folder / "shard", *files)
    indexed = index_shard(shard, folder / "indexed", **placed).folder
    folders = {"files": shard, "index": indexed / "index", "places": indexed / "places", **(links or {})}
    folders["tokenizer"] = tokenizer or write_tokenizer(folder / "model")
    outputs = Outputs(folder / "units")
    code_units.run(params, Inputs({role: (path,) for role, path in folders.items()}), outputs)
    return outputs


def made(outputs: Outputs, path: str) -> list[Any]:
    """The records of one file that a stage wrote."""
    return list(read_records(outputs.folder / path))
