"""The local runner: what a task's process gets to see."""

import pytest

from repoloom.runner import _environment
from repoloom_api.catalogue import CATALOGUE
from repoloom_api.tasks import Task


@pytest.mark.parametrize("stage", CATALOGUE)
def test_credentials_of_sources_are_seen_only_by_what_reaches_sources(
    stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GITHUB_TOKEN", "HF_TOKEN", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "sentinel")
    seen = set(_environment(Task(name=f"{stage}-1", stage=stage, params={})))
    assert ("GITHUB_TOKEN" in seen, "HF_TOKEN" in seen) == (CATALOGUE[stage].network,) * 2
    assert {"AWS_SECRET_ACCESS_KEY", "PATH"} <= seen
