"""Precision and recall of `link-code`'s call resolution on calls that were labelled by hand.

    git clone https://github.com/tokio-rs/tokio && git -C tokio checkout COMMIT    # the labels' "commit"
    python bench/call_resolution.py tokio tests/data/tokio_calls.json

A label is a call by path, line and name, with the lines of the functions that it may mean (several where conditional
compilation decides), or none where its callee is no function of the workspace. Labels were drawn at random with a fixed
seed from the calls whose name some function of the workspace has; all others can neither be found nor be mistaken.
"""

import argparse
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from repoloom_stages.facts import Call, IndexedFile
from repoloom_stages.index_code import facts_of
from repoloom_stages.linking.linker import Linker
from repoloom_stages.linking.manifests import NAMES
from repoloom_stages.linking.packages import read_packages
from repoloom_stages.linking.places import Places
from repoloom_stages.linking.snapshot_facts import SnapshotFacts
from repoloom_stages.links import Manifest
from repoloom_stages.records import SourceFile
from repoloom_stages.syntax.languages import language_of

HOWS = ("free", "path", "self", "method")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("labels", type=Path)
    parser.add_argument("--verbose", action="store_true", help="name every call that is wrong or not found")
    options = parser.parse_args()
    labels = json.loads(options.labels.read_text())
    workspace = Workspace(options.checkout)
    right, wrong, missed = Counter[str](), Counter[str](), Counter[str]()
    for label in labels["calls"]:
        found = workspace.callee(label)
        if found in label["callee"]:
            right[label["how"]] += 1
            continue
        wrong[label["how"]] += found is not None
        missed[label["how"]] += bool(label["callee"])
        if options.verbose and (found or label["callee"]):
            print(f"{label['path']}:{label['line']} {label['name']}: {found}, not {label['callee']}")
    print(f"{labels['repository']} at {labels['commit']}, {len(labels['calls'])} calls")
    for how in (*HOWS, "all"):
        kinds = HOWS if how == "all" else (how,)
        good, bad, lost = (sum(one[kind] for kind in kinds) for one in (right, wrong, missed))
        precision, recall = good / max(1, good + bad), good / max(1, good + lost)
        print(f"{how:<7} {good + lost:4} defined here, precision {precision:6.1%}, recall {recall:6.1%}")


class Workspace:
    """A checkout, indexed and linked."""

    def __init__(self, root: Path) -> None:
        texts = dict(rust_files(root))
        self.indexed: dict[str, IndexedFile] = {}
        self.facts = SnapshotFacts()
        manifests = [Manifest(path=path, text=text) for path, text in manifest_files(root)]
        places = Places(manifests, ())
        for path, text in texts.items():
            file = IndexedFile(path=path, split="", blob="", language="rust", **facts_of("rust", text))
            place = places.place(about(path, len(text)))
            self.indexed[path] = file
            self.facts.number_of[path] = self.facts.add(file, place["crate"], place["module"], len(text))
        self.linker = Linker(self.facts, read_packages(manifests))

    def callee(self, label: dict[str, Any]) -> str | None:
        """`path:line` of the item that a labelled call is resolved to; its line is that of its name."""
        file, number = self.indexed[label["path"]], self.facts.number_of[label["path"]]
        resolve = self.linker.callee_of(number, file)
        for call in calls_at(file, label):
            if place := resolve(call):
                path = self.facts.files[place[0]].path
                return next((one for one in label["callee"] if self.holds(one, path, place[1])), f"{path} #{place[1]}")
        return None

    def holds(self, line: str, path: str, position: int) -> bool:
        """Whether the line of a label is in an item."""
        wanted, _, number = line.rpartition(":")
        item = self.indexed[path]["items"][position]
        return wanted == path and item["start_line"] <= int(number) <= item["end_line"]


def calls_at(file: IndexedFile, label: dict[str, Any]) -> Iterator[Call]:
    for call in file["calls"]:
        if call[1] == label["line"] and call[3].rpartition("::")[2] == label["name"]:
            yield call


def about(path: str, size: int) -> SourceFile:
    return SourceFile(
        repo="", path=path, blob="", sha256="", bytes=size, language=language_of(path) or "", commit="",
        committed_at="", split="", novel=[], text="",
    )  # fmt: skip


def rust_files(root: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(root.rglob("*.rs")):
        if path.is_file():
            yield path.relative_to(root).as_posix(), path.read_bytes()


def manifest_files(root: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(root.rglob("*")):
        if path.name in NAMES and path.is_file():
            yield path.relative_to(root).as_posix(), path.read_text()


if __name__ == "__main__":
    main()
