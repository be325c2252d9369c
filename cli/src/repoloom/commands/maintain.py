"""`init` and `gc`: where a repository's story with Repoloom begins, and what cleans up after it."""

import re
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console

from repoloom.commands import open_artifacts
from repoloom_stages.errors import BadInput
from repoloom_stages.gc import collect as collect_garbage

TEMPLATE = """\
# repoloom run FILE{source_hint}
apiVersion: repoloom.dev/v1alpha1
kind: DatasetBuild
metadata:
  name: {name}
spec:
  sources:
    - name: {name}
      repository:
        url: {url}
        # code: {{include: ["src/**"], exclude: ["**/generated/**"]}}
  tokenizer: {{tiny: {{}}}}              # the tokenizer of the model you tune: huggingFace: {{repository: owner/name}}
  recipes:
    - name: files                      # every file whole, cut at syntax where it is too long
      chunk: {{maxTokens: 500}}
      codeUnits: {{granularities: [file]}}
  outputs:
    - name: training
      recipes: [files]
      format: {{text: {{}}}}
---
apiVersion: repoloom.dev/v1alpha1
kind: FineTune
metadata:
  name: {name}
spec:
  model: {{tiny: {{}}}}                  # for CPUs; for real: huggingFace: {{repository: owner/name}}
  data:
    - name: code
      datasetBuild: {{name: {name}, output: training}}
  method:
    lora: {{rank: 16, alpha: 32}}
  training: {{maxTokens: 512, maxSteps: 200, epochs: 5, learningRate: 5e-3, batchSize: 4}}
  # evaluate is left out: the adapter is published only if it beats its base on code newer than what it saw
"""


def init(repository: str, *, output: Path | None) -> None:
    """Print or write a DatasetBuild and a FineTune for a repository."""
    folder = Path(repository)
    local = folder.is_dir()
    url = _origin(folder) if local else repository
    if not re.fullmatch(r"https://[^\s@]+", url):
        raise BadInput(f"{url}: an HTTPS URL without credentials is wanted, or a clone that has one as its origin")
    name = _name(url)
    hint = f" --source {name}={repository}" if local else ""
    text = TEMPLATE.format(name=name, url=url, source_hint=hint)
    if output is None:
        print(text, end="")
    elif output.exists():
        raise BadInput(f"{output} exists already")
    else:
        output.write_text(text)
        print(f"wrote {output}; next: repoloom run {output}{hint}")


def _name(url: str) -> str:
    last = urlsplit(url).path.rstrip("/").rpartition("/")[2].removesuffix(".git").lower()
    return re.sub(r"[^a-z0-9]+", "-", last).strip("-")[:40].strip("-") or "repository"


def _origin(folder: Path) -> str:
    """The origin of a clone as an HTTPS URL; of a clone without one, a URL that stands for it."""
    command = ["git", "-C", str(folder), "config", "--local", "--get", "remote.origin.url"]
    found = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    if match := re.fullmatch(r"(?:ssh://)?git@([^:/]+)[:/](.+)", found):
        return f"https://{match[1]}/{match[2]}"
    if found.startswith("https://"):
        parts = urlsplit(found)
        return f"https://{parts.hostname}{parts.path}"
    return f"https://example.com/{folder.resolve().name}"


def collect(*, store: str, namespace: str, keep_runs: int, grace_days: float, dry_run: bool) -> None:
    """Sweep the store and say what went."""
    artifacts = open_artifacts(store, namespace)
    sweep = collect_garbage(artifacts, keep_runs=keep_runs, grace_days=grace_days, dry_run=dry_run)
    console = Console()
    verb = "would delete" if dry_run else "deleted"
    console.print(f"{verb} {sweep.objects:,} objects, {sweep.bytes / 1e6:,.1f} MB", highlight=False)
    for folder, number in sorted(sweep.by_folder.items()):
        console.print(f"  {folder}: {number:,}", highlight=False)
