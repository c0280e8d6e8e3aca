"""What words say of several chains' states: two kinds."""

from functools import partial
from pathlib import Path

import pytest
from tests.models.factorial import VOCAB
from tests.models.vectors import planted_vectors

from undersong.nets.factorial_emissions import ProductTable
from undersong.nets.gaussian_sum import GaussianSum


@pytest.fixture(params=["words", "vectors"])
def emission(request: pytest.FixtureRequest, tmp_path: Path):
    if request.param == "words":
        return partial(ProductTable, smoothing=0.01)
    return partial(GaussianSum, vectors=planted_vectors(tmp_path / "v.safetensors", VOCAB, 4, size=3))
