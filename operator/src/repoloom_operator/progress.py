"""How far a run is: from its Workflow's nodes to tasks, stages at work, time left, and what keeps a pod waiting."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from repoloom_api.runs import PROGRESS_PER_UNIT
from repoloom_api.tasks import Plan
from repoloom_api.v1alpha1.conditions import Progress, Reason
from repoloom_operator.failures import failure
from repoloom_operator.marks import Node, Workflow

UNSCHEDULABLE = "Unschedulable"
"""How Argo's message about a pod starts that no node takes; the rest is the scheduler's."""

PASSED = frozenset({"Succeeded", "Skipped", "Omitted"})
BROKEN = frozenset({"Failed", "Error"})
EARLY_SECONDS = 60
"""Before that a rate says little."""


@dataclass(frozen=True)
class Step:
    """A step of a run: pods of one template."""

    name: str
    tasks: tuple[str, ...]
    nodes: tuple[Node, ...]
    """Its pods, or where Argo retries them, the retries; and the group of a fan-out."""
    attempts: tuple[Node, ...]
    """Its pods as they are."""

    @property
    def done(self) -> bool:
        return bool(self.nodes) and all(node.phase in PASSED for node in self.nodes)

    @property
    def at_work(self) -> bool:
        return any(node.phase == "Running" for node in self.attempts)

    @cached_property
    def counts(self) -> tuple[int, int]:
        """Units done, of all units of its latest pods, as those count them."""
        counts = [_counts(node) for node in self.attempts if node.phase not in BROKEN]
        return sum(done for done, _ in counts), sum(total for _, total in counts)

    @property
    def _tasks_counted(self) -> int | None:
        """Tasks done, by a pod whose units are its tasks; None of those that count shards or a stage's own work."""
        done, total = self.counts
        return done // PROGRESS_PER_UNIT if total == len(self.tasks) * PROGRESS_PER_UNIT else None

    @property
    def tasks_done(self) -> int:
        return len(self.tasks) if self.done else self._tasks_counted or 0

    def running(self) -> tuple[str, ...]:
        """Its tasks at work; of pods that do not count tasks, all of them."""
        done = self._tasks_counted
        return self.tasks if done is None else self.tasks[done : done + 1]


def steps(workflow: Workflow) -> tuple[Step, ...]:
    """Every step, in the plan's order, with its nodes."""
    retried = {child for node in workflow.nodes if node.type == "Retry" for child in node.children}
    return tuple(
        Step(
            name=name,
            tasks=tasks,
            nodes=tuple(node for node in _of(workflow, name) if node.id not in retried),
            attempts=tuple(node for node in _of(workflow, name) if node.type == "Pod"),
        )
        for name, tasks in workflow.steps.items()
    )


def _of(workflow: Workflow, step: str) -> Iterator[Node]:
    return (node for node in workflow.nodes if node.step == step)


def _counts(node: Node) -> tuple[int, int]:
    done, slash, total = node.progress.partition("/")
    return (int(done), int(total)) if slash and done.isdigit() and total.isdigit() else (0, 0)


def progress(workflow: Workflow) -> Progress:
    """Tasks done and stages at work."""
    every = steps(workflow)
    done = sum(step.tasks_done for step in every)
    running = dict.fromkeys(stage(task) for step in every if step.at_work and not step.done for task in step.running())
    total = sum(len(step.tasks) for step in every)
    return Progress(tasks=f"{done}/{total}", running=", ".join(running)[:1024])


def none_done(plan: Plan) -> Progress:
    """Before a run has started."""
    return Progress(tasks=f"0/{len(plan.tasks)}")


def stage(task: str) -> str:
    """Stage of a task, whose name is the stage and a number."""
    return task.rpartition("-")[0]


def account_of_work(workflow: Workflow, now: datetime) -> str:
    """What is going on, in a sentence for each step at work."""
    said = [_says(step, now) for step in steps(workflow) if not step.done and step.attempts]
    return "; ".join(filter(None, said)) or "waiting for Argo Workflows to start the first pod"


def _says(step: Step, now: datetime) -> str:
    waiting = next((node.message for node in step.attempts if node.phase == "Pending" and node.message), "")
    if not step.at_work:
        return f"{step.name}: {waiting or 'its pods are starting'}"
    done, total = step.counts
    stages = ", ".join(dict.fromkeys(map(stage, step.running())))
    return f"{stages}: {done} of {total}{_left(step, done, total, now)}" if total else stages


def _left(step: Step, done: int, total: int, now: datetime) -> str:
    started = min((node.started for node in step.attempts if node.started), default=now)
    elapsed = (now - started).total_seconds()
    if not 0 < done < total or elapsed < EARLY_SECONDS:
        return ""
    minutes = round(elapsed / done * (total - done) / 60)
    return f", {minutes} minutes left" if minutes > 1 else ", about a minute left"


def unschedulable(workflow: Workflow) -> tuple[Step, str] | None:
    """The first step with a pod that no node takes, and what the scheduler says."""
    for step in steps(workflow):
        for node in step.attempts:
            if node.phase == "Pending" and node.message.startswith(UNSCHEDULABLE):
                return step, node.message.removeprefix(UNSCHEDULABLE).lstrip(": ")
    return None


def broken(workflow: Workflow) -> tuple[Reason, str]:
    """Why it failed: what the first pod said that failed for good, or else what the Workflow says."""
    superseded = {child for node in workflow.nodes if node.type == "Retry" for child in node.children[:-1]}
    pods = (node for node in workflow.nodes if node.type == "Pod" and node.phase in BROKEN)
    final = [node for node in pods if node.id not in superseded]
    for node in sorted(final, key=lambda node: (node.finished or workflow.created, node.id)):
        found = failure(node.message)
        if found:
            where = " ".join(filter(None, (found.task or node.step, found.shard)))
            return found.reason, f"{where}: {found.message}"
    return Reason.STAGE_FAILED, workflow.message or f"the Workflow ended as {workflow.phase}"
