"""Records as a recipe would make them, written in shards as its tasks would leave them.

`samples.record("src/a.py", "def a(): pass\\n")` is a whole file of code without a header.
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from repoloom_stages import hold_out
from repoloom_stages.record_files import read_records, write_records
from repoloom_stages.records import Record, id_of, sample_id, text_sha256
from repoloom_stages.runtime.stage import Inputs, Outputs

REPO = "https://example.org/owner/example"
COMMIT = "1" * 40
SNAPSHOT = "2" * 40
SOURCE = "code"


def record(path: str, code: str, *, header: str = "", start: int = 1, **fields: Any) -> Record:
    """A record; the fields that matter to a test as overrides."""
    text = header + code
    repo, recipe = fields.get("repo", REPO), fields.get("recipe", "units")
    lines = len(code.removesuffix("\n").split("\n"))
    content = text_sha256(code)
    origin = {"path": path, "blob": content[:40], "start": start, "end": start + lines - 1, "sha256": content}
    made: dict[str, Any] = {
        "id": sample_id(recipe, repo, path, start, text),
        "kind": "code-unit",
        "shape": "text",
        "view": "plain",
        "recipe": recipe,
        "granularity": "file",
        "name": path,
        "crate": "",
        "module": "",
        "repo": repo,
        "commit": COMMIT,
        "committed_at": "2026-01-02T03:04:05Z",
        "split": "",
        "lang": "python",
        "license": None,
        "source": [origin | fields.pop("origin", {})],
        "text": text,
        "prompt_end": 0,
        "rejected": "",
        "controls": [],
        "code_start": len(header),
        "code_end": len(text),
        "novel": [],
        "tokens": max(1, len(text) // 4),
        "complete": True,
        "parsed": True,
    }
    return made | fields  # type: ignore[return-value]


def written(folder: Path, name: str, records: Iterable[Any]) -> Path:
    """A folder with one file of records."""
    write_records(folder / name, records)
    return folder


def shards(folder: Path, records: Sequence[Record], number: int = 1) -> dict[str, tuple[Path, ...]]:
    """The roles `records` and `ids`, in that many shards, each sorted by path."""
    parts = [sorted(records[shard::number], key=lambda one: one["source"][0]["path"]) for shard in range(number)]
    return {
        "records": tuple(written(folder / f"records-{n}", "records.jsonl.zst", part) for n, part in enumerate(parts)),
        "ids": tuple(written(folder / f"ids-{n}", "ids.jsonl.zst", map(id_of, part)) for n, part in enumerate(parts)),
    }


def sides(folder: Path, records: Iterable[Record], validation: float = 0.05, test: float = 0.10) -> tuple[Path, ...]:
    """The role `sides`, where `hold-out` puts the files of these records: those that show the same code together."""
    groups = hold_out.Groups()
    for one in records:
        if not one["split"]:
            origin = one["source"][0]
            groups.add((one["repo"], origin["path"]), len(one["text"]), iter([origin["sha256"]]))
    held_out = hold_out.assign_groups(groups.sizes(), validation, test)
    lines = [{"repo": file[0], "path": file[1], "split": held_out[key]} for file, key in groups.keys().items()]
    return (written(folder / "sides", "files.jsonl.zst", lines),)


def of_source(folder: Path, roles: dict[str, tuple[Path, ...]], name: str = SOURCE) -> dict[str, tuple[Path, ...]]:
    """Roles as `write-output` has them: the records are of a source whose snapshot is of the commit SNAPSHOT."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "commit.json").write_text(json.dumps({"commit": SNAPSHOT, "committed_at": "2026-01-01T00:00:00Z"}))
    return {f"records-{name}" if role == "records" else role: folders for role, folders in roles.items()} | {
        f"commit-{name}": (folder,)
    }


def refused(folder: Path, *records: Record) -> tuple[Path, ...]:
    """The role `refused`: samples that a gate refused."""
    lines = [{"id": one["id"], "gate": "long-enough"} for one in records]
    return (written(folder / "refused", "ids.jsonl.zst", lines),)


def run(stage: Any, params: Any, folders: dict[str, tuple[Path, ...]], out: Path) -> Outputs:
    """Run a stage's function into a fresh folder."""
    outputs = Outputs(out)
    out.mkdir(parents=True)
    stage.run(params, Inputs(folders), outputs)
    return outputs


def lines(path: Path) -> list[Any]:
    """What `write_records` wrote."""
    return list(read_records(path))


def files(folder: Path) -> dict[str, bytes]:
    """All files below a folder, by path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
