"""Memory and CPU seconds of every stage of a build.

    python bench/memory.py CLONE [--recipe groups …] [--until link-code] [--store FOLDER]
    python bench/memory.py CLONE --build examples/code-everything.yaml

Each task is one process for all its shards; its highest resident set is its memory, that of git aside. With `--store`
what an earlier run made is found, and costs nothing but a start. Last come the sums and peaks of each stage.
"""

import argparse
import os
import platform
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import yaml
from stage_processes import cpu_seconds, plan_of, run_tasks

BLOCKS = ("largeFiles", "smallFiles", "modules", "crates", "implCollections", "traitEcosystems", "crossCrate")
KINDS = ["repository", "crate", "module", "file", "function", "struct", "trait", "impl"]
PATTERNS = [
    {"name": "conversions", "match": {"implements": ["From"]}},
    {"name": "async", "match": {"modifiers": ["async"]}, "context": {"file": {}}},
    {"name": "macros", "match": {"macros": ["*"]}, "limit": {"mostFrequent": 50, "examplesEach": 10}},
    {"name": "important", "match": {"functions": ["*"]}, "limit": {"mostCentral": 1000}},
]
RECIPES: dict[str, dict[str, Any]] = {
    "groups": {"codeGroups": {name: {} for name in BLOCKS}},
    "plain": {"codeUnits": {"granularities": ["file", "function", "struct"]}},
    "units": {"codeUnits": {"granularities": KINDS, "views": {"plain": {}, "fillInMiddle": {}, "callGraph": {}}}},
    "patterns": {"codePatterns": {"patterns": PATTERNS}},
    "questions": {"codeQuestions": {"instruction": {}, "reasoning": {}}},
    "contrasts": {"codeContrasts": {}},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clone", type=Path)
    parser.add_argument("--recipe", action="append", choices=sorted(RECIPES), help="these alone; else all")
    parser.add_argument("--build", type=Path, help="a DatasetBuild, whose recipes to run; its source is not read")
    parser.add_argument("--until", help="stage after whose tasks to stop")
    parser.add_argument("--store", type=Path, help="folder that stays; else a temporary one")
    options = parser.parse_args()
    what = plan_of("memory", **_spec(options.build, options.recipe))
    stages: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    print(f"Python {platform.python_version()}; load {os.getloadavg()[0]:.1f}", flush=True)
    with tempfile.TemporaryDirectory(prefix="repoloom-bench-") as folder:
        stopping = False
        for task in what.tasks:
            if stopping and task.stage != options.until:
                break
            used = run_tasks(what, [task.name], options.clone, "memory", options.store or Path(folder))
            stages[task.stage].append((cpu_seconds(used), used.ru_maxrss / 1024))
            _show(task.name, task.label, *stages[task.stage][-1])
            stopping = task.stage == options.until
    for stage, figures in stages.items():
        seconds, memory = zip(*figures, strict=True)
        _show(stage, f"tasks: {len(figures)}", sum(seconds), max(memory))


def _spec(build: Path | None, names: list[str] | None) -> dict[str, Any]:
    """What the resource says besides its source: that of a file, or some of the recipes above."""
    if build is None:
        return {"recipes": [{"name": name, **RECIPES[name]} for name in names or RECIPES]}
    spec: dict[str, Any] = yaml.safe_load(build.read_text(encoding="utf-8"))["spec"]
    return {name: value for name, value in spec.items() if name != "sources"}


def _show(name: str, label: str | None, seconds: float, megabytes: float) -> None:
    print(f"{name:<18} {label or '':<30} {seconds:8.1f} CPU s {megabytes:6.0f} MB", flush=True)


if __name__ == "__main__":
    main()
