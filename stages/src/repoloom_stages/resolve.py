"""Stage `resolve`: what names mean when a run starts. It writes `pins.json`, once per run; every retry reads it.

Repositories and models are pinned to commits, datasets to the digest of the newest published result, unless who started
the run pinned them. For a repository `holdout` decides where the windows of its history lie.
"""

from collections.abc import Callable, Iterable
from functools import partial

from repoloom_api.artifacts import canonical_json
from repoloom_api.catalogue import DatasetName, ModelName, RepositoryName, ResolveParams
from repoloom_api.runs import DatasetPin, HuggingFacePin, Pin, Pins, TinyPin
from repoloom_stages.errors import BadInput
from repoloom_stages.origins.git import open_mirror
from repoloom_stages.origins.holdout import pin_history
from repoloom_stages.runtime.connections import GIT_KEYS
from repoloom_stages.runtime.stage import Inputs, Outputs

PINS_FILE = "pins.json"


def run(params: ResolveParams, inputs: Inputs, outputs: Outputs) -> None:
    """Pin every name. Raises BadInput for a name that means nothing, TryAgain where the network failed."""
    names = dict(_names(params, inputs))
    pins = {}
    for done, (name, pin) in enumerate(names.items()):
        outputs.progress(done, len(names))
        pins[name] = inputs.known_pins.get(name) or pin()
        outputs.take()
        outputs.keep()
    outputs.progress(len(names), len(names))
    outputs.file(PINS_FILE).write_bytes(canonical_json(Pins(pins=pins).document()))


def _names(params: ResolveParams, inputs: Inputs) -> Iterable[tuple[str, Callable[[], Pin]]]:
    """What finds each pin out."""
    yield from ((one.pin, partial(_repository, one, inputs)) for one in params.repositories)
    yield from ((one.pin, partial(_model, one, inputs)) for one in params.models)
    yield from ((one.pin, partial(_dataset, one, inputs)) for one in params.datasets)


def _repository(name: RepositoryName, inputs: Inputs) -> Pin:
    checkout = inputs.checkouts.get(name.pin)
    with open_mirror(name.url, checkout, inputs.connections.to(name.url, GIT_KEYS)) as mirror:
        line = mirror.first_parents(mirror.find(name.revision))
        return Pin(git=pin_history(name, line, shallow=mirror.shallow))


def _model(name: ModelName, inputs: Inputs) -> Pin:
    # Both imports are slow or read files that not every plan needs.
    if name.repository is None:
        from repoloom_stages import tiny

        return Pin(tiny=TinyPin(sha256=tiny.SHA256))
    from repoloom_stages.origins.hub import commit_of

    commit = commit_of(name.repository, name.revision or "main", inputs.connections)
    return Pin(hugging_face=HuggingFacePin(repository=name.repository, revision=commit))


def _dataset(name: DatasetName, inputs: Inputs) -> Pin:
    digest = inputs.latest_dataset(name.name)
    if digest is None:
        raise BadInput(f"DatasetBuild {name.name} has no published result in this store; run it first")
    return Pin(dataset=DatasetPin(name=name.name, digest=digest))
