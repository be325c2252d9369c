"""What a plan is made of: tasks, what they read, and where they may run. How a resource becomes one is `plan`'s.

A task reads views of other tasks' artifacts, pinned things, or nothing. A fan-out task runs once for each shard that an
earlier task lists; a task that reads a fan-out reads all its shards, or, if it fans out over the same list, its own.
"""

from typing import Any

from pydantic import Field

from repoloom_api.artifacts import Sha256
from repoloom_api.base import Items, Model

HUB_HOST = "huggingface.co"

RESOLVE = "resolve-1"
"""The task that pins names, the first of every plan."""

SHARD = "{shard}"
"""Stands in an input's path for the name of the shard that the task runs for."""


class Input(Model):
    """One thing a task reads: (part of) a task's artifact, or (part of) what a pin names."""

    role: str
    """What it is to the stage."""
    task: str | None = None
    """Task whose artifact it is."""
    pin: str | None = None
    """Or the name of a pin."""
    path: str = ""
    """Prefix of the files to take; their paths are relative to it."""


class Task(Model):
    """One step: a stage with parameters and inputs."""

    name: str
    """Stage and number: names in the cluster carry no free text of a user's."""
    stage: str
    """Name in the catalogue."""
    params: dict[str, Any]
    """The stage's parameters, as JSON."""
    inputs: Items[Input] = ()
    """In the order the stage reads them."""
    fan_out: str | None = None
    """Task whose `shards.json` lists what this one runs for."""
    label: str = ""
    """For people: the source, recipe or output it works on. It is in no key."""


class Reach(Model):
    """A connection of the settings, as a task uses it."""

    connection: str
    """Its name; a credential of that name goes to these hosts and no others."""
    hosts: Items[str]
    """What it lists; `*.` stands for any subdomain."""
    private_addresses: bool
    """Whether these hosts may resolve to loopback, private or link-local addresses."""


class Placement(Model):
    """What the settings say about a task; never part of a key."""

    reaches: Items[Reach] = ()
    """Connections to the hosts it reaches; empty where it reaches none, or the settings list none."""
    pool: str | None = None
    """Pool of nodes it runs on; none is any node."""


class Plan(Model):
    """A resource's DAG, its tasks in an order that respects their needs."""

    kind: str
    name: str
    namespace: str
    spec_digest: Sha256
    """Digest of the resource's spec."""
    tasks: Items[Task]
    placements: dict[str, Placement] = Field(default_factory=dict)
    """By task."""

    def task(self, name: str) -> Task:
        """The task of that name; KeyError if there is none."""
        for task in self.tasks:
            if task.name == name:
                return task
        raise KeyError(name)

    def needs(self, task: Task) -> tuple[str, ...]:
        """Names of the tasks that must be done before this one. `resolve` comes before whatever reads a pin."""
        named = [one.task or RESOLVE for one in task.inputs] + ([task.fan_out] if task.fan_out else [])
        return tuple(dict.fromkeys(named))
