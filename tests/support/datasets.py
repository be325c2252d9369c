"""A dataset of outputs with its report, made by the stages themselves out of records."""

import json
from pathlib import Path
from typing import Any

from repoloom_api.artifacts import Counts
from repoloom_api.catalogue import DeduplicateParams, ReportDatasetParams, SplitParams, WriteOutputParams
from repoloom_api.runs import GitPin, Pin, SplitMode
from repoloom_stages import deduplicate, report_dataset, split, write_output
from repoloom_stages.runtime.stage import Outputs
from support import samples

Roles = dict[str, tuple[Path, ...]]

GIT = GitPin(url=samples.REPO, head="f" * 40, train="f" * 40, mode=SplitMode.FILE, reason="its 3 commits span 2 days")


class Dataset:
    """A dataset of outputs, as the stages before the report leave it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: list[Any] = []
        """The source's files, in so far as a test needs them."""
        self.roles: Roles = {}
        self.counted: list[dict[str, str]] = []
        self.outputs: list[str] = []

    def count(self, stage: str, label: str, *shards: Outputs | Counts) -> None:
        task = f"{stage}-{len(self.counted)}"
        folders = []
        for number, shard in enumerate(shards):
            folders.append(self.folder / task / str(number))
            folders[-1].mkdir(parents=True)
            counts = Counts(records_in=shard.records_in, kept=shard.kept, dropped=dict(shard.dropped))
            (folders[-1] / "counts.json").write_text(json.dumps(counts.document()))
        self.roles[f"counts-{task}"] = tuple(folders)
        self.counted.append({"task": task, "stage": stage, "label": label})

    def output(
        self,
        name: str,
        records: list[Any],
        *,
        format_: str = "records",
        shape: str = "text",
        refused: tuple[Any, ...] = (),
    ) -> None:
        folder = self.folder / name
        roles = samples.shards(folder, records)
        roles["refused"] = samples.refused(folder, *refused)
        roles["sides"] = samples.sides(folder, records, validation=0.2, test=0.2)
        self.count("split", "", samples.run(split, SplitParams(), roles, folder / "split"))
        copies = samples.run(deduplicate, DeduplicateParams(), roles, folder / "deduplicate")
        self.count("deduplicate", name, copies)
        roles |= {"copies": (folder / "deduplicate/copies",), "splits": (folder / "split/splits",)}
        chosen = WriteOutputParams.model_validate(
            {"name": name, "format": {format_: {}}, "shape": shape, "sources": [samples.SOURCE]}
        )
        self.count(
            "write-output", name, samples.run(write_output, chosen, samples.of_source(folder, roles), folder / "out")
        )
        self.outputs.append(name)
        self.roles["sides"] = roles["sides"]
        self.roles |= {f"output-{name}": (folder / "out/output",), f"summary-{name}": (folder / "out/summary",)}

    def report(self, out: str = "report", pin: GitPin = GIT) -> Path:
        source = self.folder / out / "pin"
        source.mkdir(parents=True)
        (source / "pin.json").write_text(json.dumps(Pin(git=pin).document()))
        given = {"name": "example", "counted": self.counted, "sources": ["code"], "outputs": self.outputs}
        params = ReportDatasetParams.model_validate(given)
        files = samples.written(self.folder / out / "files", "a/files.jsonl.zst", self.files)
        roles = self.roles | {"source-code": (source,), "files-code": (files,)}
        samples.run(report_dataset, params, roles, self.folder / out / "out")
        return self.folder / out / "out/report"

    def published(self) -> Path:
        """Outputs and report together, as `publish` lays them out."""
        folder = self.folder / "published"
        for name in self.outputs:
            for path, data in samples.files(self.folder / name / "out/output").items():
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_bytes(data)
        for path, data in samples.files(self.report("for-published")).items():
            (folder / path).write_bytes(data)
        return folder


def records(number: int = 60, **fields: Any) -> list[Any]:
    texts = [f"def function_{n}(argument):\n    return argument * {n}\n" * (1 + n % 7) for n in range(number)]
    return [
        samples.record(f"src/{n:03}.py", text, header=f"# src/{n:03}.py\n", **fields) for n, text in enumerate(texts)
    ]


def stats_of(report: Path) -> dict[str, Any]:
    """The figures of a report."""
    document: dict[str, Any] = json.loads((report / "stats.json").read_text())
    return document
