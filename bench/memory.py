"""Memory and CPU seconds of every stage of a build.

    python bench/memory.py CLONE [--recipe groups …] [--until link-code] [--store FOLDER]

Each task is one process for all its shards; its highest resident set is its memory, that of git aside. With `--store`
what an earlier run made is found, and costs nothing but a start.
"""

import argparse
import os
import platform
import tempfile
from pathlib import Path
from typing import Any

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
    parser.add_argument("--until", help="stage after whose tasks to stop")
    parser.add_argument("--store", type=Path, help="folder that stays; else a temporary one")
    options = parser.parse_args()
    recipes = [{"name": name, **RECIPES[name]} for name in options.recipe or RECIPES]
    what = plan_of("memory", recipes)
    print(f"Python {platform.python_version()}; load {os.getloadavg()[0]:.1f}", flush=True)
    with tempfile.TemporaryDirectory(prefix="repoloom-bench-") as folder:
        stopping = False
        for task in what.tasks:
            if stopping and task.stage != options.until:
                break
            used = run_tasks(what, [task.name], options.clone, "memory", options.store or Path(folder))
            print(
                f"{task.name:<18} {task.label or '':<24} {cpu_seconds(used):8.1f} CPU s"
                f" {used.ru_maxrss / 1024:6.0f} MB",
                flush=True,
            )
            stopping = task.stage == options.until


if __name__ == "__main__":
    main()
