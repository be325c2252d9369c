"""An operator behind a proxy, in a namespace of its own: what tests of faults share.

A test breaks what passes through the proxy, lets resources live meanwhile, and then looks at every run there is.
"""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.builders import Document, fine_tune
from support.cluster.api_proxy import ApiProxy, proxied
from support.cluster.cluster import Cluster
from support.observed import VERDICT
from support.operating import Place, operating, operator_account
from support.operator_process import Nursery, Operator
from support.s3_server import S3Server

SETTLE_SECONDS = 60
LONGEST_BACK_OFF_SECONDS = 300

HUNG = "tasks did not end within"
"""What the operator says when kopf does not come to an end of its own; see `repoloom_operator.operation.together`."""

Run = tuple[str, str, str]
"""What a run is of, the digest of its spec, and why it started."""


@dataclass
class Rig:
    """An operator that is not started yet, and what surrounds it."""

    place: Place
    proxy: ApiProxy
    operator: Operator

    @contextmanager
    def kept_alive(self, back_off_seconds: float = 0.0) -> Iterator[None]:
        """Start the operator whenever it has ended, later and later, as a kubelet does from 10 seconds on."""
        over = threading.Event()

        def keep() -> None:
            delay = back_off_seconds
            while not over.wait(0.01):
                if not self.operator.running and not over.wait(delay):
                    self.operator.launch()
                    delay = min(2 * delay, LONGEST_BACK_OFF_SECONDS)

        keeper = threading.Thread(target=keep)
        keeper.start()
        try:
            yield
        finally:
            over.set()
            keeper.join()


@dataclass(frozen=True)
class Rigs:
    """Makes rigs, each in a namespace of its own."""

    cluster: Cluster
    store: S3Server
    nursery: Nursery
    folder: Path

    @contextmanager
    def rig(self, namespace: str) -> Iterator[Rig]:
        """A rig in a namespace that is made for it and deleted with it."""
        folder = self.folder / namespace
        folder.mkdir()
        self.cluster.make_namespace(namespace)
        account = operator_account(self.cluster, namespace)
        with (
            proxied(account.kubeconfig, folder) as proxy,
            operating(self.nursery, proxy.kubeconfig(of=account.kubeconfig), folder, namespace, self.store) as operator,
        ):
            yield Rig(Place(self.cluster, namespace, self.store), proxy, operator)
        self.cluster.delete_namespace(namespace)


def live(place: Place, build: Document) -> None:
    """A build's life: it is run, changed at work, finished, repeated, failed; and a model is tuned on it."""
    place.create(build)
    first = place.wait_run(build)
    place.edit(build, {"spec": EDIT})
    second = place.wait_run(build, other_than=first)
    place.finish(build, second)
    place.wait_condition(build, "Ready", "True Published")
    tune = tune_on(build)
    place.create(tune)
    place.finish(tune, place.wait_run(tune), verdict=VERDICT)
    place.wait_condition(tune, "Ready", "True Published")
    place.edit(build, {"metadata": {"annotations": {"repoloom.dev/rerun": RERUN}}})
    third = place.wait_run(build, other_than=second)
    place.fail(third, "main: OOMKilled (exit code 137)")
    place.wait_condition(build, "Stalled", "True StageOOMKilled")


EDIT = {"chunk": {"maxTokens": 2000}}
RERUN = "1"
"""How a life changes its build, and the annotation by which it repeats it."""


def tune_on(build: Document) -> Document:
    """A FineTune of a build's name, on its first recipe."""
    name = build["metadata"]["name"]
    reference = {"name": name, "output": build["spec"]["recipes"][0]["name"]}
    return fine_tune(name, data=[{"name": "code", "datasetBuild": reference}])


def runs(place: Place) -> Counter[Run]:
    """Every run there is."""
    found: Counter[Run] = Counter()
    for one in place.workflows():
        (owner,) = one["metadata"]["ownerReferences"]
        notes = one["metadata"]["annotations"]
        found[f"{owner['kind']}/{owner['name']}", notes["repoloom.dev/spec-digest"], notes["repoloom.dev/cause"]] += 1
    return found


def mounted(workflow: Document) -> str:
    """The ConfigMap that a Workflow's pods mount."""
    volumes = [volume for one in workflow["spec"]["templates"] for volume in one.get("volumes", ())]
    (name,) = {volume["configMap"]["name"] for volume in volumes if "configMap" in volume}
    return str(name)


def settle(operator: Operator) -> None:
    """Wait until the operator has nothing to do, and has had time to find it."""
    quiet = 0
    deadline = time.monotonic() + SETTLE_SECONDS
    while quiet < 3:
        assert time.monotonic() < deadline
        time.sleep(0.5)
        quiet = quiet + 1 if operator.probe("readyz") == 200 and operator.queued() == 0 else 0
