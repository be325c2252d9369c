"""Running `resolve` and `snapshot` on a repository, and reading what they wrote."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from repoloom_api.artifacts import canonical_json
from repoloom_api.catalogue import RepositoryName, ResolveParams, SnapshotParams
from repoloom_api.runs import GitPin, Pin, Pins, SplitMode
from repoloom_api.tasks import Reach
from repoloom_stages import resolve, snapshot
from repoloom_stages.record_files import read_records
from repoloom_stages.records import SnapshotCommit, SourceFile
from repoloom_stages.runtime.connections import Connections
from repoloom_stages.runtime.stage import Inputs, Outputs

URL = "https://example.com/owner/repository"
PIN = "source/example"


@dataclass(frozen=True)
class Snapshot:
    """What `snapshot` wrote."""

    outputs: Outputs
    shards: dict[str, list[SourceFile]]
    """Records by shard's name."""

    @property
    def files(self) -> dict[tuple[str, str], SourceFile]:
        """Records by path and split."""
        return {(file["path"], file["split"]): file for shard in self.shards.values() for file in shard}

    @property
    def at(self) -> SnapshotCommit:
        """The training commit, as `commit.json` has it."""
        return SnapshotCommit(**json.loads(self.bytes["commit.json"]))

    @property
    def texts(self) -> dict[str, str]:
        """Texts of what is trained on, or of all where files are held out, by path."""
        return {path: file["text"] for (path, split), file in self.files.items() if split in ("", "train")}

    @property
    def bytes(self) -> dict[str, bytes]:
        """Every file written, by path."""
        folder = self.outputs.folder
        return {
            str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()
        }


def repository_name(**fields: Any) -> RepositoryName:
    """A repository to pin, by time if its history is long enough for 10 % and 10 % after a week."""
    defaults = {
        "pin": PIN,
        "url": URL,
        "revision": "HEAD",
        "by_time": None,
        "gap_days": 7,
        "validation_percent": 10.0,
        "test_percent": 10.0,
    }
    return RepositoryName(**(defaults | fields))


LOOPBACK = Connections((Reach(connection="loopback", hosts=("127.0.0.1", "localhost"), private_addresses=True),))


def pin_repository(folder: Path, checkout: Path | None, *, private_addresses: bool = False, **fields: Any) -> GitPin:
    """Run `resolve` for one repository."""
    checkouts = {PIN: checkout} if checkout else {}
    outputs = Outputs(folder)
    inputs = Inputs({}, checkouts=checkouts, connections=LOOPBACK if private_addresses else Connections())
    resolve.run(ResolveParams(repositories=(repository_name(**fields),)), inputs, outputs)
    pin = Pins.model_validate_json((folder / "pins.json").read_bytes()).pins[PIN].git
    assert pin is not None
    return pin


def pin_of_files(commit: str, url: str = URL) -> GitPin:
    """A pin of one commit, its files held out by file."""
    return GitPin(url=url, head=commit, train=commit, commits=1, mode=SplitMode.FILE, reason="a test asks for it")


def take_snapshot(
    folder: Path, pin: GitPin, checkout: Path | None, *, private_addresses: bool = False, **params: Any
) -> Snapshot:
    """Run `snapshot`; `folder` must not exist."""
    role = folder / "pin"
    role.mkdir(parents=True)
    (role / "pin.json").write_bytes(canonical_json(Pin(git=pin).document()))
    defaults: dict[str, Any] = {"include": (), "exclude": (), "max_file_bytes": 100_000, "shard_bytes": 100_000}
    outputs = Outputs(folder / "out")
    inputs = Inputs(
        {"pin": (role,)},
        checkouts={PIN: checkout} if checkout else {},
        connections=LOOPBACK if private_addresses else Connections(),
    )
    snapshot.run(SnapshotParams(**(defaults | params)), inputs, outputs)
    names = json.loads((outputs.folder / "shards.json").read_bytes())
    return Snapshot(
        outputs, {name: list(read_records(outputs.folder / "shards" / name / "files.jsonl.zst")) for name in names}
    )
