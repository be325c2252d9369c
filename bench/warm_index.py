"""CPU seconds of a build that finds the index of an earlier commit in its store, against one that finds nothing.

    python bench/warm_index.py CLONE [--commits 20] [--rounds 3]

CLONE has the commits of its HEAD's first parents. A build at the older commit fills a store; then HEAD is built with a
copy of that store (warm) and with an empty one (cold), in turn. What both publish must be equal, byte for byte. Each
build is three processes: what comes before the index, `index-code` on all shards, and the rest. A process of which all
is done already says what its start costs; it is in the figures of processes, and not in those of the index itself. The
ratios are what counts.
"""

import argparse
import os
import platform
import shutil
import statistics
import subprocess
import tempfile
from pathlib import Path

from stage_processes import cpu_seconds, plan_of, run_tasks

from repoloom_stages.runtime.artifact_store import ArtifactStore
from repoloom_stages.runtime.publication import latest_result
from repoloom_stages.runtime.store import open_store

RECIPES = [{"name": "units", "codeUnits": {"granularities": ["file", "function", "struct", "impl"]}}]
INDEX = "index-code"
PROCESSES = ("before the index", "its process", "after it")
INDEXING, START, WHOLE = "the index itself", "start of a process", "the whole build"


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
        build(options.clone, old, folder / "old")
        rounds = [compare(options.clone, head, folder / "old", folder / str(n)) for n in range(options.rounds)]
    for part in rounds[0][0]:
        cold, warm = ([one[kind][part] for one in rounds] for kind in (0, 1))
        ratios = [one / other for one, other in zip(cold, warm, strict=True)]
        print(
            f"  {part:<18} cold {statistics.median(cold):6.2f}, warm {statistics.median(warm):6.2f} CPU seconds:"
            f" {statistics.median(ratios):5.1f} times as fast ({min(ratios):.1f} to {max(ratios):.1f})"
        )


def compare(clone: Path, head: str, old: Path, folder: Path) -> tuple[dict[str, float], dict[str, float]]:
    """CPU seconds of a cold and a warm build by part."""
    shutil.copytree(old, folder / "warm")
    cold, warm = build(clone, head, folder / "cold"), build(clone, head, folder / "warm")
    assert published(folder / "cold") == published(folder / "warm"), "warm and cold differ"
    shutil.rmtree(folder)
    return cold, warm


def build(clone: Path, head: str, store: Path) -> dict[str, float]:
    """Build a dataset of one commit; returns CPU seconds by part."""
    what = plan_of("warm", RECIPES, head)
    names = [task.name for task in what.tasks]
    at = next(number for number, task in enumerate(what.tasks) if task.stage == INDEX)
    parts = [names[:at], names[at : at + 1], names[at + 1 :]]
    seconds = [cpu_seconds(run_tasks(what, part, clone, head, store)) for part in parts]
    start = cpu_seconds(run_tasks(what, parts[1], clone, head, store))
    processes = dict(zip(PROCESSES, seconds, strict=True))
    return {INDEXING: seconds[1] - start, START: start, **processes, WHOLE: sum(seconds)}


def published(store: Path) -> dict[str, str]:
    """SHA-256 of each published file, by path."""
    result = latest_result(ArtifactStore(open_store(str(store)), "default"), "DatasetBuild", "warm")
    assert result is not None  # the last task publishes, or fails
    return {one.path: one.sha256 for one in result.files}


def commit(clone: Path, name: str) -> str:
    command = ["git", "-C", str(clone), "rev-parse", f"{name}^{{commit}}"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    main()
