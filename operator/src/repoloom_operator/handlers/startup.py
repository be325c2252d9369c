"""How kopf runs: it watches, and does nothing else."""

import os
from typing import Any

import kopf

from repoloom_api import GROUP
from repoloom_operator import labels
from repoloom_operator.handlers.notice import Notice


def register(registry: kopf.OperatorRegistry, _: Notice) -> None:
    """Add the handlers of the operator's own start."""
    kopf.on.startup(registry=registry)(configure)
    kopf.on.login(registry=registry)(login)


def configure(settings: kopf.OperatorSettings, **_: Any) -> None:
    """Switch off whatever writes to resources, and whatever needs rights beyond them."""
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix=GROUP)
    settings.persistence.diffbase_storage = kopf.AnnotationsDiffBaseStorage(prefix=GROUP)
    settings.watching.chunk_size = 200
    settings.watching.connect_timeout = 30
    settings.watching.label_selectors["argoproj.io", "v1alpha1", "workflows"] = labels.RUN
    settings.networking.request_timeout = 60


def login(**arguments: Any) -> kopf.ConnectionInfo | None:
    """Log in where `cluster` does."""
    if "KUBECONFIG" not in os.environ:
        found = kopf.login_with_service_account(**arguments)
        if found:
            return found
    return kopf.login_with_kubeconfig(**arguments)
