"""Whole sources as the stages across files read them: facts, places and links by hand, or of the Rust workspace."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from repoloom_api.catalogue import CodeGroupsParams, CodePatternsParams, IndexCodeParams, LinkCodeParams
from repoloom_api.v1alpha1.recipes import CodeGroups, CodePatterns, Keep
from repoloom_stages import code_groups, code_patterns, index_code, link_code
from repoloom_stages.facts import Call, Import, IndexedFile, Item
from repoloom_stages.linking.manifests import MANIFESTS_FILE, is_manifest
from repoloom_stages.links import Crate, GraphFile, GraphItem, LinkedFile, LinkedItem, Manifest, PlacedFile
from repoloom_stages.record_files import write_records
from repoloom_stages.records import Side, SourceFile
from repoloom_stages.runtime.stage import Inputs, Outputs
from repoloom_stages.syntax.grammars import grammar_of
from support.shards import source_file, write_shard, write_tokenizer
from support.workspace import workspace_files


@dataclass(frozen=True)
class Code:
    """A file of a source and what the index and the links say of it."""

    path: str
    text: str
    items: Sequence[Item] = ()
    imports: Sequence[Import] = ()
    calls: Sequence[Call] = ()
    crate: str = ""
    module: str = ""
    layer: str = ""
    links: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Fields of `LinkedItem` by the name of the item; the rest have defaults."""
    about: Mapping[str, Any] = field(default_factory=dict)
    """Fields of `SourceFile`."""

    @property
    def file(self) -> SourceFile:
        return source_file(self.path, self.text, **self.about)

    @property
    def indexed(self) -> IndexedFile:
        grammar = grammar_of(self.file["language"])
        tree = grammar.parse(self.text.encode()) if grammar else None
        return IndexedFile(
            path=self.path,
            split=self.file["split"],
            blob=self.file["blob"],
            language=self.file["language"],
            lines=self.text.count("\n"),
            parsed=tree is not None and not tree.root_node.has_error,
            doc="",
            items=list(self.items),
            imports=list(self.imports),
            calls=list(self.calls),
            bindings=[],
            unread="",
        )

    @property
    def placed(self) -> PlacedFile:
        return PlacedFile(
            repo=self.file["repo"],
            path=self.path,
            split=self.file["split"],
            bytes=self.file["bytes"],
            crate=self.crate,
            purpose="",
            module=self.module or self.crate,
            layer=self.layer,
        )

    @property
    def linked(self) -> LinkedFile:
        items = [self._linked_item(item) for item in self.items]
        return LinkedFile(path=self.path, split=self.file["split"], imports=[], items=items)

    def _linked_item(self, item: Item) -> LinkedItem:
        link = LinkedItem(id=f"{self.module or self.crate}::{item['name']}", calls=[], callers=[], called=0, rank=0)
        return LinkedItem(**{**link, **self.links.get(item["name"], {})})

    @property
    def graph_items(self) -> list[GraphItem]:
        keys = ("kind", "start", "end", "start_line", "end_line", "signature")
        return [
            GraphItem(path=self.path, **{key: item[key] for key in keys}, **link)  # type: ignore[typeddict-item]
            for item, link in zip(self.items, self.linked["items"], strict=True)
        ]


def item(text: str, kind: str, name: str, code: str, **fields: Any) -> Item:
    """The item that is `code`, at its first place in the text."""
    start = len(text[: text.index(code)].encode())
    end = start + len(code.encode())
    first = text[: text.index(code)].count("\n") + 1
    made = Item(
        kind=kind,
        name=name,
        start=start,
        end=end,
        body=start,
        start_line=first,
        end_line=first + code.rstrip("\n").count("\n"),
        doc="",
        sha256=hashlib.sha256(code.encode()).hexdigest(),
        signature=name,
        visibility="",
        modifiers=[],
        attributes=[],
        generics="",
        returns="",
        bases=[],
        type="",
        owner=-1,
        members=[],
        test=False,
    )
    return Item(**{**made, **fields})


def used(path: str, name: str = "") -> Import:
    """An import of a path, under a name or its own last part."""
    return Import(path=path, name=name or path.rpartition("::")[2], public=False, owner=-1, line=1)


def write_source(
    folder: Path, *codes: Code, sides: Mapping[str, str] | None = None, order: Sequence[str] = ()
) -> Inputs:
    """The roles of a stage that reads a whole source, in two shards; `order` is that of the dependencies."""
    shards = {"b0": [], "b1": []}  # type: dict[str, list[Code]]
    for code in sorted(codes, key=lambda one: (one.path, one.file["split"])):
        shards[f"b{hashlib.sha256(code.path.encode()).digest()[0] % 2}"].append(code)
    for name, held in shards.items():
        write_records(folder / "files" / name / "files.jsonl.zst", [one.file for one in held])
        write_records(folder / "index" / name / "files.jsonl.zst", [one.indexed for one in held])
        write_records(folder / "places" / name / "files.jsonl.zst", [one.placed for one in held])
        write_records(folder / "links" / name / "files.jsonl.zst", [one.linked for one in held])
    _write_graph(folder / "graph", codes, order)
    held_out = [Side(repo=codes[0].file["repo"], path=path, split=side) for path, side in (sides or {}).items()]
    write_records(folder / "sides" / "files.jsonl.zst", held_out)
    (folder / "shards").mkdir()
    (folder / "shards" / "shards.json").write_text(json.dumps(list(shards)))
    write_tokenizer(folder / "tokenizer")
    one = {role: (folder / role,) for role in ("shards", "files", "links", "graph", "sides", "tokenizer")}
    many = {role: tuple(folder / role / name for name in shards) for role in ("index", "places")}
    return Inputs({**one, **many})


def workspace_source(folder: Path) -> Inputs:
    """The roles of a stage that reads a whole source: the Rust workspace, indexed and linked, in one shard."""
    texts = workspace_files()
    write_shard(folder / "shards/b", *(source_file(path, text) for path, text in texts.items() if path[-3:] == ".rs"))
    manifests = [Manifest(path=path, text=text) for path, text in texts.items() if is_manifest(path.rpartition("/")[2])]
    write_records(folder / "manifests" / MANIFESTS_FILE, manifests)
    files = {"files": (folder / "shards/b",), "manifests": (folder / "manifests",)}
    index_code.run(IndexCodeParams(), Inputs(files), Outputs(folder / "indexed"))
    (folder / "shards.json").write_text('["b"]')
    whole = {
        "shards": (folder,),
        "manifests": (folder / "manifests",),
        "index": (folder / "indexed/index",),
        "places": (folder / "indexed/places",),
    }
    link_code.run(LinkCodeParams(), Inputs(whole), Outputs(folder / "linked"))
    made = {"files": folder / "shards", "links": folder / "linked/links", "graph": folder / "linked/graph"}
    made["tokenizer"] = write_tokenizer(folder / "tokenizer")
    return Inputs({**whole, **{role: (path,) for role, path in made.items()}})


def _write_graph(folder: Path, codes: Sequence[Code], order: Sequence[str]) -> None:
    by_path = {code.path: code for code in codes}
    files = [GraphFile(path=path, crate=by_path[path].crate, module="", bytes=0, cycle=0) for path in order]
    write_records(folder / "files.jsonl.zst", files)
    items = sorted((one for code in codes for one in code.graph_items), key=lambda one: one["id"])
    write_records(folder / "items.jsonl.zst", items)
    crates = [_crate(name) for name in sorted({code.crate for code in codes} - {""})]
    (folder / "crates.json").write_text(json.dumps(crates))


def _crate(name: str) -> Crate:
    """A crate in the folder `crates/<name>`."""
    return Crate(
        name=name,
        folder=f"crates/{name}",
        purpose="",
        kind="cargo",
        dependencies=[],
        dev_dependencies=[],
        external=[],
        features=[],
        files=0,
        bytes=0,
    )


def make_groups(
    folder: Path, inputs: Inputs, *, min_tokens: int = 0, max_tokens: int = 4096, tagged: bool = False, **groups: Any
) -> Outputs:
    """Run `code-groups`; `keep` and the fields of `codeGroups` as the resource has them."""
    params = CodeGroupsParams(
        recipe="groups",
        keep=Keep.model_validate(groups.pop("keep", {})),
        groups=CodeGroups.model_validate(groups),
        min_tokens=min_tokens,
        max_tokens=max_tokens,
        tagged=tagged,
    )
    outputs = Outputs(folder)
    code_groups.run(params, inputs, outputs)
    return outputs


def make_patterns(
    folder: Path, inputs: Inputs, *patterns: Mapping[str, Any], max_tokens: int = 4096, **recipe: Any
) -> Outputs:
    """Run `code-patterns`; `keep` and the fields of `codePatterns` as the resource has them."""
    params = CodePatternsParams(
        recipe="patterns",
        keep=Keep.model_validate(recipe.pop("keep", {})),
        patterns=CodePatterns.model_validate({"patterns": patterns, **recipe}),
        min_tokens=0,
        max_tokens=max_tokens,
        tagged=False,
    )
    outputs = Outputs(folder)
    code_patterns.run(params, inputs, outputs)
    return outputs
