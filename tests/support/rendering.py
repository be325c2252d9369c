"""Resources rendered as the operator does it, for runs whose names and owners are always the same."""

from typing import Any

from repoloom.documents import parse_settings
from repoloom_api.plan import plan
from repoloom_api.resources import Resource
from repoloom_api.runs import Pins
from repoloom_api.settings import SettingsConfig
from repoloom_operator.causes import Cause
from repoloom_operator.render import Rendered, render
from repoloom_operator.run import Owner, Run, run_name

UID = "4f7c1a52-3d3a-4a32-8f0b-5c1d2e3f4a5b"

IMAGES = {"stages": "registry.example.com/stages:1", "train": "registry.example.com/train:1"}
STORE = {"endpoint": "http://minio.storage.svc:9000", "bucket": "training-data"}


def settings(**config: Any) -> SettingsConfig:
    """Settings with all that a cluster needs, and what a test is about."""
    document = {
        "apiVersion": "config.repoloom.dev/v1alpha1",
        "kind": "Settings",
        "images": IMAGES,
        "objectStore": STORE,
    }
    return parse_settings(document | config)


def rendered(
    resource: Resource, chosen: SettingsConfig, *, queue: str | None = None, pins: Pins | None = None
) -> Rendered:
    """The first run of a resource."""
    planned = plan(resource, chosen)
    owner = Owner(planned.kind, planned.name, planned.namespace, UID)
    run = Run(run_name(owner, planned.spec_digest, str(Cause())), owner, pins or Pins(pins={}), queue)
    return render(planned, run, chosen)
