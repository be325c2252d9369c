"""Links: what the facts of a whole snapshot say together, as `link-code` writes it and recipes read it.

`links/<shard>/files.jsonl.zst` stands line for line beside the shard's index; `graph/` is about the whole snapshot.
Where a file belongs needs no other file, only manifests: that is a `PlacedFile`, which `index-code` writes.
Training files are linked among themselves alone; a held-out file is linked against them and its own facts.
"""

from typing import TypedDict


class PlacedFile(TypedDict):
    """Where a file belongs by its path and the manifests above it: `places/files.jsonl.zst` of `index-code`."""

    repo: str
    """URL of the repository, as the resource has it."""
    path: str
    split: str
    bytes: int
    crate: str
    """Name of its crate or package; empty where no manifest says so."""
    purpose: str
    """What that is for, in a line: its manifest's description, else its README's first sentence; may be empty."""
    module: str
    """Path of its module: `router::core::payments` for Rust, `package.module` for Python; else its folder."""
    layer: str
    """Name of its layer, where the source has some."""


class LinkedItem(TypedDict):
    """Where an item of the index stands in the snapshot."""

    id: str
    """Path in the workspace: `router::core::payments::Processor::process`; made distinct by `#2`, … where it is not."""
    calls: list[str]
    """Ids of what it calls, each once, in the order of their first call."""
    callers: list[str]
    """Ids of what calls it, by id; at most 50."""
    called: int
    """By how many items it is called."""
    rank: int
    """Its place by centrality in the call graph (PageRank over calls), from 1; 0 for what is no function."""


class LinkedFile(TypedDict):
    """A file in its workspace: `links/<shard>/files.jsonl.zst`."""

    path: str
    split: str
    imports: list[str]
    """Paths of the files of this snapshot that it imports from, sorted."""
    items: list[LinkedItem]
    """In the order of the index."""


class Crate(TypedDict):
    """A crate or package: `graph/crates.json`, by name."""

    name: str
    folder: str
    """Where its manifest lies; empty at the root."""
    purpose: str
    """From its manifest's description, its crate documentation or its README, the first that says something."""
    kind: str
    """cargo, python, npm, go, maven, nuget."""
    dependencies: list[str]
    """Names of crates of this workspace that it needs, sorted; dev-dependencies aside."""
    dev_dependencies: list[str]
    external: list[str]
    """Names of what it needs from elsewhere, sorted."""
    features: list[str]
    files: int
    bytes: int


class GraphFile(TypedDict):
    """A training file in its dependency order: `graph/files.jsonl.zst`, in that order."""

    path: str
    crate: str
    module: str
    bytes: int
    cycle: int
    """Number of the cycle of files that it is in; 0 for none."""


class GraphItem(TypedDict):
    """An item of a training file, for finding it by id: `graph/items.jsonl.zst`, sorted by id."""

    id: str
    path: str
    kind: str
    start: int
    end: int
    start_line: int
    end_line: int
    signature: str
    rank: int
    called: int
    calls: list[str]
    """As its `LinkedItem` has them."""
    callers: list[str]
    """As its `LinkedItem` has them."""


class Manifest(TypedDict):
    """A file that says what a folder is: `manifests/manifests.jsonl.zst` of `snapshot`, sorted by path.

    `Cargo.toml`, `pyproject.toml`, `setup.cfg`, `package.json`, `go.mod`, `pom.xml`, projects of .NET (`*.csproj`)
    and the README beside one, at the training commit, whatever the source includes; hostile like any other file.
    """

    path: str
    text: str


class Figures(TypedDict):
    """The call graph in numbers: `graph/figures.json`."""

    calls: dict[str, int]
    """By how they are written."""
    resolved: dict[str, int]
    """Those of them whose callee is an item of the snapshot."""
    files: int
    crates: int
    cycles: int
    """Cycles of files that import each other."""
