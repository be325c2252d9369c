"""CPU seconds of `index-code` where the store knows the files of an earlier commit, against where it knows nothing.

    python bench/warm_index.py CLONE [--commits 20] [--rounds 3]

CLONE has the commits of its HEAD's first parents. `index-code` at the older commit fills a store; then it does HEAD in
turn without the memos (cold), with them (warm), and with those of HEAD itself (every blob known). What the three write
must be equal, byte for byte. Each is a process that does all shards, forked from one with all modules loaded: what a
start costs (about a second) is not in the figures.

How much of the facts' cost the new blobs are is measured blob by blob. It bounds what any cache by blob can give.
"""

import argparse
import os
import platform
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path

from stage_processes import cpu_seconds, plan_of, run_tasks

from repoloom_stages.index_code import facts_of
from repoloom_stages.record_files import FILES, read_records
from repoloom_stages.records import SourceFile
from repoloom_stages.runtime.artifact_store import ArtifactStore
from repoloom_stages.runtime.code_digest import code_digest
from repoloom_stages.runtime.execute import Given
from repoloom_stages.runtime.lookup import Found, Lookup
from repoloom_stages.runtime.process import Process
from repoloom_stages.runtime.store import open_store

RECIPES = [{"name": "units", "codeUnits": {"granularities": ["file"]}}]
SNAPSHOT, INDEX = "snapshot-1", "index-code-1"
COLD, WARM, KNOWN = "cold", "warm", "every blob known"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clone", type=Path)
    parser.add_argument("--commits", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    head, old = (commit(options.clone, name) for name in ("HEAD", f"HEAD~{options.commits}"))
    print(f"Python {platform.python_version()}; {old[:12]}, then {head[:12]}; load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(prefix="repoloom-bench-") as name:
        folder = Path(name)
        at_old, at_head = (Build(options.clone, one, folder / "store") for one in (old, head))
        at_old.snapshot()
        at_old.index()
        at_head.snapshot()
        known = {file["blob"] for file in at_old.files()}
        rounds = [at_head.round(folder / str(number)) for number in range(options.rounds)]
        tell_bound(list(at_head.files()), known)
    for kind in rounds[0]:
        seconds = statistics.median(one[kind] for one in rounds)
        ratios = [one[COLD] / one[kind] for one in rounds]
        print(
            f"  {kind:<16} {seconds:6.2f} CPU seconds: {statistics.median(ratios):5.1f} times as fast"
            f" ({min(ratios):.1f} to {max(ratios):.1f})"
        )


class Build:
    """A dataset of one commit, as far as its index."""

    def __init__(self, clone: Path, head: str, store: Path) -> None:
        self._clone, self._head, self._store = clone, head, store
        self._plan = plan_of("warm", RECIPES, head)

    def snapshot(self) -> None:
        """All that comes before the index."""
        names = [task.name for task in self._plan.tasks]
        run_tasks(self._plan, names[: names.index(INDEX)], self._clone, self._head, self._store)

    def index(self, store: Path | None = None) -> float:
        """CPU seconds of the index itself."""
        for task in self._plan.tasks:
            code_digest(task.stage)
        before = cpu_seconds(resource.getrusage(resource.RUSAGE_CHILDREN))
        work = Process(self._lookup(store or self._store), Given(), [INDEX], None, None).run
        process = get_context("fork").Process(target=work, args=(_never_stopped,))
        process.start()
        process.join()
        assert process.exitcode == 0
        return cpu_seconds(resource.getrusage(resource.RUSAGE_CHILDREN)) - before

    def round(self, folder: Path) -> dict[str, float]:
        """CPU seconds of each kind, in copies of the store. Raises AssertionError if they write different bytes."""
        cold, warm = (Path(shutil.copytree(self._store, folder / kind)) for kind in (COLD, WARM))
        shutil.rmtree(cold / "default/memos")
        seconds = {COLD: self.index(cold), WARM: self.index(warm)}
        digests = [self._digests(store) for store in (cold, warm)]
        shutil.rmtree(warm / "default/manifests/index-code")
        seconds[KNOWN] = self.index(warm)
        assert digests == [self._digests(warm)] * 2, "the indexes differ"
        shutil.rmtree(folder)
        return seconds

    def files(self) -> Iterator[SourceFile]:
        """The files of the snapshot."""
        lookup = self._lookup(self._store)
        found = lookup.find(lookup.plan.task(SNAPSHOT))
        assert isinstance(found, Found)
        with tempfile.TemporaryDirectory(prefix="repoloom-bench-") as folder:
            lookup.artifacts.fetch(found.manifest.files, Path(folder))
            for path in sorted(Path(folder).glob(f"shards/*/{FILES}")):
                yield from read_records(path)

    def _digests(self, store: Path) -> list[str]:
        """Of each shard's index."""
        lookup = self._lookup(store)
        task = lookup.plan.task(INDEX)
        shards = [lookup.find(task, shard) for shard in lookup.shards(task) or ()]
        return [shard.manifest.digest for shard in shards if isinstance(shard, Found)]

    def _lookup(self, store: Path) -> Lookup:
        return Lookup(self._plan, self._head, ArtifactStore(open_store(str(store)), self._plan.namespace))


def _never_stopped() -> None:
    """No SIGTERM comes."""


def tell_bound(files: list[SourceFile], known: set[str]) -> None:
    """Say how much of the facts' cost new blobs are."""
    seconds = {True: 0.0, False: 0.0}
    for file in {(one["language"], one["blob"]): one for one in files}.values():
        start = time.process_time()
        facts_of(file["language"], file["text"].encode())
        seconds[file["blob"] in known] += time.process_time() - start
    new = [file for file in files if file["blob"] not in known]
    total = sum(seconds.values())
    print(
        f"  {len(new)} of {len(files)} files are new or changed: {seconds[False] / total:.1%} of the facts' {total:.2f}"
        f" CPU seconds, so a cache by blob makes them {total / seconds[False]:.1f} times as fast at most"
    )


def commit(clone: Path, name: str) -> str:
    command = ["git", "-C", str(clone), "rev-parse", f"{name}^{{commit}}"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    main()
