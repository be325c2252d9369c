"""What all tests share."""

import os

import pytest
from hypothesis import HealthCheck, settings

# What a test starts must not depend on who runs it.
for name in ("GITHUB_TOKEN", "HF_TOKEN", "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "REPOLOOM_STORE"):
    os.environ.pop(name, None)
# With it, every process compiles all that it imports: to start, `train` took 18 s of CPU instead of 7.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"  # as in stages' processes: see repoloom_stages.__main__

# How long an example takes to make or to try is a matter of what else the machine does.
settings.register_profile("loaded-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("loaded-machine")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write golden files anew; read the difference")
    parser.addoption("--seed", type=int, default=20261121, help="seed of random cases; printed when one fails")


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    chosen: int = request.config.getoption("--seed")
    print(f"seed {chosen}: repeat with --seed {chosen}")
    return chosen
