"""What tests of whole runs share."""

import pytest

from support.histories import written_history
from support.repositories import Repository


@pytest.fixture(scope="session")
def history(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return written_history(tmp_path_factory.mktemp("history"), commits=60, days=2)
