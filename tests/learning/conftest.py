"""One tiny corpus for all."""

from pathlib import Path

import pytest
from tests.learning.small import make_corpus


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_corpus(tmp_path_factory.mktemp("data") / "corpus")
