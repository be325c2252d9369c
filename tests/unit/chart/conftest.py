"""Helm, as the chart's tests call it."""

import os
from pathlib import Path

import pytest

from support.prerequisites import built


@pytest.fixture(scope="session")
def helm(pytestconfig: pytest.Config) -> Path:
    """REPOLOOM_HELM names another one to test with, such as Helm 3."""
    given = os.environ.get("REPOLOOM_HELM")
    return Path(given) if given else built(pytestconfig, "helm")
