"""A source as `snapshot` leaves it, indexed and linked in plain folders, for the stages that read links."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from repoloom_api.catalogue import IndexCodeParams, LinkCodeParams
from repoloom_stages import index_code, link_code
from repoloom_stages.linking.manifests import MANIFESTS_FILE, READMES, is_manifest
from repoloom_stages.links import GraphFile, GraphItem, LinkedFile, Manifest
from repoloom_stages.record_files import read_records, write_records
from repoloom_stages.records import SourceFile
from repoloom_stages.runtime.memos import Memo
from repoloom_stages.runtime.stage import Inputs, Outputs
from support.shards import source_file, write_shard


@dataclass(frozen=True)
class Linked:
    """A source with its index and links; `roles` is what the stages after `link-code` read, of all shards."""

    roles: dict[str, tuple[Path, ...]]
    outputs: Outputs

    @property
    def files(self) -> dict[tuple[str, str], LinkedFile]:
        """What `links/` holds, by path and split."""
        folders = sorted((self.outputs.folder / "links").iterdir())
        return {
            (one["path"], one["split"]): one for shard in folders for one in read_records(shard / "files.jsonl.zst")
        }

    @property
    def calls(self) -> dict[str, list[str]]:
        """Ids of what the items of the training side call, by id, where they call anything."""
        files = (file for (_, split), file in self.files.items() if split in ("", "train"))
        return {item["id"]: item["calls"] for file in files for item in file["items"] if item["calls"]}

    @property
    def items(self) -> list[GraphItem]:
        return list(read_records(self.outputs.folder / "graph/items.jsonl.zst"))

    @property
    def order(self) -> list[GraphFile]:
        return list(read_records(self.outputs.folder / "graph/files.jsonl.zst"))

    def graph(self, name: str) -> Any:
        """What a JSON file of `graph/` holds."""
        return json.loads((self.outputs.folder / "graph" / name).read_bytes())


def link_texts(folder: Path, texts: Mapping[str, str], *, shards: int = 1, split: str = "") -> Linked:
    """Index and link files of one side; manifests among them are taken for such."""
    files = [source_file(path, text, split=split, commit="", committed_at="") for path, text in texts.items()]
    return link_files(folder, files, texts, shards=shards)


def link_files(folder: Path, files: Iterable[SourceFile], manifests: Mapping[str, str], *, shards: int = 1) -> Linked:
    """Index and link files as `snapshot` has them, in so many shards."""
    roles: dict[str, tuple[Path, ...]] = {"manifests": (_write_manifests(folder / "manifests", manifests),)}
    known = sorted(files, key=lambda file: (file["path"], file["split"]))
    names = [f"b{number}" for number in range(shards)]
    for number, name in enumerate(names):
        shard = write_shard(folder / "files" / name, *known[number::shards])
        indexed = Outputs(folder / "indexed" / name, memo=Memo())
        index_code.run(IndexCodeParams(), Inputs({"files": (shard,), "manifests": roles["manifests"]}), indexed)
        for role, path in (
            ("files", shard),
            ("index", indexed.folder / "index"),
            ("places", indexed.folder / "places"),
        ):
            roles[role] = (*roles.get(role, ()), path)
    (folder / "shards").mkdir(parents=True)
    (folder / "shards" / "shards.json").write_text(json.dumps(names))
    roles["shards"] = (folder / "shards",)
    outputs = Outputs(folder / "linked")
    link_code.run(LinkCodeParams(), Inputs(roles), outputs)
    linked = {"links": (outputs.folder / "links",), "graph": (outputs.folder / "graph",)}
    return Linked(roles | linked, outputs)


def _write_manifests(folder: Path, texts: Mapping[str, str]) -> Path:
    named = {
        path: text
        for path, text in texts.items()
        if is_manifest(name := path.rpartition("/")[2]) or name.lower() in READMES
    }
    write_records(folder / MANIFESTS_FILE, [Manifest(path=path, text=text) for path, text in sorted(named.items())])
    return folder
