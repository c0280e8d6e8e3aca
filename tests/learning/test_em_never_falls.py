"""Batch EM and Viterbi EM never lower their own objective, whatever the model and however odd the text."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.learning.counting import VOCAB, Projected, random_batches
from tests.models.learning import climb, never_fell, system
from tests.models.vectors import planted_vectors
from torch import nn

from undersong import models
from undersong.data.batch import Batch
from undersong.inference import StructuredMeanField
from undersong.learning import EM, ViterbiEM
from undersong.models import (
    DMV,
    HMM,
    PCFG,
    Counted,
    FactorialHMM,
    GaussianHMM,
    GaussianMixture,
    MixtureOfUnigrams,
    NeuralDMV,
)
from undersong.nets import FullComponents, SphericalComponents
from undersong.nets.gaussian_sum import GaussianSum

UNSMOOTHED = {"smoothing": 0.0}
# Every model that can be counted. A new one is one more line here, or two where it reads word vectors.
MODELS: dict[str, Callable[[], nn.Module]] = {
    "unigrams": partial(MixtureOfUnigrams, VOCAB, 4, smoothing=0.1),
    "unigrams, unsmoothed": partial(MixtureOfUnigrams, VOCAB, 4, **UNSMOOTHED),
    "many unigrams": partial(MixtureOfUnigrams, VOCAB, 50, smoothing=0.01),
    "one unigram": partial(MixtureOfUnigrams, VOCAB, 1, **UNSMOOTHED),
    "gaussians, diagonal": partial(GaussianMixture, VOCAB, 3, Projected),
    "gaussians, spherical": partial(GaussianMixture, VOCAB, 3, Projected, SphericalComponents),
    "gaussians, full": partial(GaussianMixture, VOCAB, 3, Projected, FullComponents, **UNSMOOTHED),
    "many gaussians": partial(GaussianMixture, VOCAB, 60, Projected, FullComponents),
    "hmm": partial(HMM, VOCAB, 3),
    "hmm, unsmoothed": partial(HMM, VOCAB, 3, **UNSMOOTHED),
    "hmm of words alone": partial(HMM, VOCAB, 3, ends=False),
    "factorial hmm": partial(FactorialHMM, VOCAB, 2, 2),
    "factorial hmm, unsmoothed": partial(FactorialHMM, VOCAB, 2, 2, **UNSMOOTHED),
    "pcfg": partial(PCFG, VOCAB, nonterminals=4, preterminals=5),
    "pcfg, unsmoothed": partial(PCFG, VOCAB, nonterminals=4, preterminals=5, **UNSMOOTHED),
    "dmv": partial(DMV, VOCAB),
    "dmv, unsmoothed": partial(DMV, VOCAB, **UNSMOOTHED),
    "dmv, child valence": partial(DMV, VOCAB, child_valence=True, harmonic=None),
    "neural dmv": partial(NeuralDMV, VOCAB, size=4, hidden=6, steps=5),
}
OF_VECTORS: dict[str, Callable[[Path], nn.Module]] = {
    "gaussian hmm": lambda file: GaussianHMM(VOCAB, file, 3),
    "gaussian hmm, unsmoothed": lambda file: GaussianHMM(VOCAB, file, 3, **UNSMOOTHED),
    "factorial hmm of vectors": lambda file: FactorialHMM(VOCAB, 2, 2, emission=partial(GaussianSum, vectors=file)),
}
DATA: dict[str, Callable[[], list[Batch]]] = {
    "random": random_batches,
    "one sentence": lambda: [Batch.of([[5, 6, 7, 5]])],
    "one word": lambda: [Batch.of([[5, 5, 5], [5, 5]] * 4)],
    "the same sentence": lambda: [Batch.of([[5, 6, 7]] * 9)],
    "all lengths": lambda: [Batch.of([[4 + i % 5] * n for i, n in enumerate(range(2, 12))])],
}


@pytest.fixture
def make(tmp_path: Path) -> Callable[[str], nn.Module]:
    """A model by its name in either table."""
    file = planted_vectors(tmp_path / "vectors.safetensors", VOCAB, classes=3, size=2)
    return lambda name: MODELS[name]() if name in MODELS else OF_VECTORS[name](file)


@pytest.mark.parametrize("learner", [EM, ViterbiEM])
@pytest.mark.parametrize("data", list(DATA))
@pytest.mark.parametrize("name", [*MODELS, *OF_VECTORS])
def test_the_objective_never_falls(
    make: Callable[[str], nn.Module], name: str, data: str, learner: Callable[..., EM]
) -> None:
    torch.manual_seed(3)
    model = make(name)
    assert isinstance(model, Counted)
    em = learner(system(model), tolerance=1e-6)
    found = climb(em, DATA[data](), epochs=20)
    assert found
    assert never_fell(em, found, share=2e-5)
    assert all(not t.isnan().any() for t in model.state_dict().values())


@pytest.mark.parametrize("data", list(DATA))
@pytest.mark.parametrize("name", [name for name in [*MODELS, *OF_VECTORS] if name.startswith("factorial")])
def test_nor_does_the_bound_of_variational_em(make: Callable[[str], nn.Module], name: str, data: str) -> None:
    """In double precision: words' scores of thousands of nats, which fp32 rounds, nearly cancel in the bound."""
    torch.manual_seed(3)
    em = EM(system(make(name), StructuredMeanField).double(), tolerance=1e-6)
    found = climb(em, DATA[data](), epochs=6)
    assert found
    assert never_fell(em, found, share=1e-9)


def test_no_model_is_left_out(make: Callable[[str], nn.Module]) -> None:
    """All that the library has and EM takes."""
    tried = {type(make(name)) for name in [*MODELS, *OF_VECTORS]}
    public: list[Any] = [getattr(models, name) for name in models.__all__]
    counted = {m for m in public if isinstance(m, type) and m is not Counted and issubclass(m, nn.Module)}
    assert {m for m in counted if hasattr(m, "expect") and m is not models.Tabular} == tried
