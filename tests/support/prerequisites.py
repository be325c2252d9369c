"""What tests need of the machine. Where it is missing: a loud skip, and a failure where CI=true."""

import os
from pathlib import Path
from typing import NoReturn

import pytest

from support.go_tools import CannotBuild, go_tool


def missing(reason: str) -> NoReturn:
    """Skip what cannot be tested here, or fail where it has to be."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def built(config: pytest.Config, name: str) -> Path:
    """A program of `go_tools`, built where it was not."""
    capture = config.pluginmanager.getplugin("capturemanager")
    try:
        with capture.global_and_fixture_disabled():  # a build of minutes says so
            return go_tool(name)
    except CannotBuild as reason:
        missing(str(reason))
