"""Labels under the API's group, by which objects of a run are found and network policies choose pods."""

from typing import Final

from repoloom_api import GROUP

KIND: Final = f"{GROUP}/kind"
"""Kind of the resource that an object belongs to."""
NAME: Final = f"{GROUP}/name"
"""Name of that resource."""
RUN: Final = f"{GROUP}/run"
"""Name of the run."""
STEP: Final = f"{GROUP}/step"
"""On pods: the kind of step, such as `accelerate`."""
EGRESS: Final = f"{GROUP}/egress"
"""On pods: `sources` may leave the cluster, `store` needs the object store alone."""

PART_OF: Final = {"app.kubernetes.io/part-of": "repoloom"}
"""On everything."""

QUEUE: Final = "kueue.x-k8s.io/queue-name"
"""Kueue's label: on a resource it names the queue of its accelerator pods."""
