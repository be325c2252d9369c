"""What the operator may find in a cluster, written short: a resource, its Workflows, the moment."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from repoloom_api.plan import spec_digest
from repoloom_api.resources import parse_resource
from repoloom_api.runs import Result, RunRecord
from repoloom_operator.causes import Cause
from repoloom_operator.marks import Workflow
from repoloom_operator.reconcile import Decision, Found, choose, decide
from repoloom_operator.render import Rendered
from repoloom_operator.run import Owner, run_name
from repoloom_operator.status import read_status, written
from repoloom_operator.wanted import Dataset, Observed
from support.builders import Document, dataset_build
from support.rendering import UID, settings

START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
DIGEST = "d" * 64
COMMIT = "c" * 40

VERDICT = {
    "adapter": "a" * 64,
    "outcome": "Accepted",
    "gainPercent": 4.7831,
    "suites": [
        {
            "name": "held-out",
            "base": 1.842,
            "adapter": 1.75,
            "gainPercent": 4.8,
            "interval": [3.1, 6.0],
            "groups": 40,
            "bytes": 12000,
            "required": "at least 3 % better",
            "passed": True,
        }
    ],
}
"""What a FineTune may be judged as."""


class World:
    """A cluster with one resource in it, in which time passes and Workflows end as a test says."""

    def __init__(self, resource: Document | None = None, **config: Any) -> None:
        self.document = resource or dataset_build()
        self.document["metadata"] |= {
            "namespace": "default",
            "uid": UID,
            "generation": 1,
            "creationTimestamp": f"{START:%Y-%m-%dT%H:%M:%SZ}",
        }
        self.settings = settings(**config)
        self.now = START
        self.workflows: dict[str, Document] = {}
        self.datasets: dict[str, Dataset] = {}
        self.found: dict[str, Found] = {}

    def observe(self) -> Observed:
        workflows = tuple(map(Workflow.parse, self.workflows.values()))
        status = read_status(self.document)
        return Observed(self.document, self.settings, workflows, self.datasets, status, self.now)

    def look(self, writes: int = 1000) -> Decision:
        """Decide, and have what was decided come true; or only so many writes of it, as if the operator died then."""
        observed = self.observe()
        choice = choose(observed)
        decision = choice
        if not isinstance(choice, Decision):
            decision = decide(observed, choice, self.found.get(choice.run.name, Found()))
        assert isinstance(decision, Decision)
        status = written(observed.status, decision.account, observed.generation, observed.now)
        todo = [partial(self._stop, name) for name in decision.stop]
        todo += [partial(self._create, decision.create)] if decision.create else []
        todo += [partial(self.document.update, status=json.loads(json.dumps(status.document())))]
        for write in todo[:writes]:
            write()
        return decision

    def _stop(self, name: str) -> None:
        self.workflows[name]["metadata"]["annotations"]["repoloom.dev/stopped"] = "true"
        self.workflows[name]["status"] = {"phase": "Failed", "message": "Stopped with strategy 'Terminate'"}

    def _create(self, rendered: Rendered) -> None:
        workflow = json.loads(json.dumps(rendered.workflow))
        name = workflow["metadata"]["name"]
        assert name not in self.workflows, "the API server would refuse it"
        workflow["metadata"] |= {"creationTimestamp": f"{self.now:%Y-%m-%dT%H:%M:%SZ}", "uid": f"uid-{name}"}
        self.workflows[name] = workflow

    def edit(self, **spec: Any) -> None:
        """Change the spec, as kubectl does."""
        self.document["spec"] = {k: v for k, v in (self.document["spec"] | spec).items() if v is not None}
        self.document["metadata"]["generation"] += 1

    def annotate(self, name: str, value: str) -> None:
        self.document["metadata"].setdefault("annotations", {})[name] = value

    def later(self, **time: float) -> None:
        self.now += timedelta(**time)

    def finish(self, run: str | None = None, **fields: Any) -> None:
        """End the newest run well."""
        name = run or self.run
        self.workflows[name]["status"] = {"phase": "Succeeded"}
        self.found[name] = record(self.document, name, **fields)

    def fail(self, message: str, phase: str = "Failed") -> None:
        """End the newest run badly, with what its pod said."""
        node = {"type": "Pod", "templateName": "collect", "phase": phase, "message": message}
        self.workflows[self.run]["status"] = {"phase": phase, "nodes": {"n1": node}}

    def nodes(self, **nodes: Document) -> None:
        """Have the newest run's pods be in these states, by step."""
        made = {name: {"type": "Pod", "templateName": name} | node for name, node in nodes.items()}
        self.workflows[self.run]["status"] = {"phase": "Running", "nodes": made}

    @property
    def run(self) -> str:
        """Name of the run that status tells of."""
        name: str = self.document["status"]["workflow"]
        return name

    @property
    def status(self) -> Document:
        status: Document = self.document["status"]
        return status

    def condition(self, type_: str) -> tuple[str, str] | None:
        """Status and reason of a condition."""
        for one in self.status["conditions"]:
            if one["type"] == type_:
                return one["status"], one["reason"]
        return None

    def message(self, type_: str) -> str:
        return next(str(one["message"]) for one in self.status["conditions"] if one["type"] == type_)

    @property
    def conditions(self) -> dict[str, str]:
        return {one["type"]: f"{one['status']} {one['reason']}" for one in self.status["conditions"]}

    def shaken(self) -> None:
        """Status is lost, as where a resource is restored without it."""
        del self.document["status"]


def record(document: Document, run: str, *, digest: str = DIGEST, verdict: Mapping[str, Any] | None = None) -> Found:
    """What a run leaves in the store."""
    kind, name = document["kind"], document["metadata"]["name"]
    git = {"url": "https://example.org/owner/example", "head": COMMIT, "train": COMMIT, "mode": "file", "reason": "-"}
    pins = {"source/example": {"git": git}} if kind == "DatasetBuild" else {}
    refused = verdict is not None and verdict["outcome"] == "Refused"
    facts = {"verdict": dict(verdict)} if verdict else {"samples": 12, "tokens": 3456}
    found = RunRecord.model_validate(
        {
            "run": run,
            "kind": kind,
            "name": name,
            "specDigest": DIGEST,
            "pins": {"pins": pins},
            "tasks": {},
            "result": digest,
            "published": not refused,
        }
    )
    return Found(found, Result(kind=kind, name=name, digest=digest, files=(), facts=facts))


def first_run(document: Document) -> str:
    """Name of the run that a spec alone asks for."""
    owner = Owner(document["kind"], document["metadata"]["name"], "default", UID)
    return run_name(owner, spec_digest(parse_resource(document)), str(Cause()))
