"""Tasks of a plan, each some processes' work, with what those took: for benches that measure whole builds."""

import os
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from repoloom_api.plan import plan
from repoloom_api.plan_dataset import source_pin
from repoloom_api.settings import LOCAL
from repoloom_api.tasks import Plan
from repoloom_api.v1alpha1 import DatasetBuild

SOURCE = "clone"
"""Name of the one source, for which a clone at hand stands in."""


def plan_of(name: str, recipes: Sequence[dict[str, Any]], revision: str | None = None, **spec: Any) -> Plan:
    """The plan of a dataset of that one source; `spec` is what else its resource says."""
    repository = {"url": f"https://example.com/owner/{SOURCE}"} | ({"revision": revision} if revision else {})
    document = {
        "apiVersion": "repoloom.dev/v1alpha1",
        "kind": "DatasetBuild",
        "metadata": {"name": name},
        "spec": {**spec, "sources": [{"name": SOURCE, "repository": repository}], "recipes": recipes},
    }
    return plan(DatasetBuild.model_validate(document), LOCAL)


def run_tasks(what: Plan, tasks: Sequence[str], clone: Path, run: str, store: Path) -> resource.struct_rusage:
    """Run tasks in a process of their own, all shards of each; what it and its own children took."""
    store.mkdir(parents=True, exist_ok=True)
    (store / "plan.json").write_text(what.model_dump_json(by_alias=True))
    command = [sys.executable, "-m", "repoloom_stages", "--plan", str(store / "plan.json"), "--run", run]
    command += ["--store", str(store), "--checkout", f"{source_pin(SOURCE)}={clone.absolute()}"]
    process = subprocess.Popen([*command, *(part for name in tasks for part in ("--task", name))])
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(process.returncode)
    return used


def cpu_seconds(used: resource.struct_rusage) -> float:
    """Of all threads, in both modes."""
    return used.ru_utime + used.ru_stime
