"""Every model, small: what is promised of all of them is asked of each."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import torch
from tests.models.vectors import planted_vectors
from torch import nn

from undersong.estimators import Marginal, Pathwise
from undersong.inference import Amortized, Exact
from undersong.learning import System
from undersong.models import (
    DMV,
    HMM,
    PCFG,
    VAE,
    CompoundPCFG,
    ContinuousNaiveBayes,
    ExactModel,
    FactorialHMM,
    GaussianHMM,
    GaussianMixture,
    LanguageModel,
    MixtureOfExperts,
    MixtureOfRNNs,
    MixtureOfUnigrams,
    NeuralDMV,
    NeuralHMM,
    NeuralPCFG,
    SemiMarkovHMM,
)
from undersong.nets import MeanOfWords, RecurrentDecoder, RecurrentEncoder
from undersong.objectives import ELBO

VOCAB = 16
DECODER = partial(RecurrentDecoder, embedding=6, hidden=8)

# The model from the vocabulary's size and a file of word vectors.
MODELS: Mapping[str, Callable[[int, Path], nn.Module]] = {
    "VAE": lambda v, _: VAE(v, 3, DECODER),
    "LanguageModel": lambda v, _: LanguageModel(v, DECODER),
    "ContinuousNaiveBayes": lambda v, _: ContinuousNaiveBayes(v, 3),
    "MixtureOfUnigrams": lambda v, _: MixtureOfUnigrams(v, 3),
    "MixtureOfRNNs": lambda v, _: MixtureOfRNNs(v, 3, decoder=DECODER),
    "MixtureOfExperts": lambda v, _: MixtureOfExperts(v, 3, decoder=DECODER),
    "GaussianMixture": lambda v, path: GaussianMixture(v, 3, partial(MeanOfWords, file=path)),
    "HMM": lambda v, _: HMM(v, 3),
    "NeuralHMM": lambda v, _: NeuralHMM(v, 3),
    "FactorialHMM": lambda v, _: FactorialHMM(v, 2, 3),
    "SemiMarkovHMM": lambda v, _: SemiMarkovHMM(v, 3),
    "GaussianHMM": lambda v, path: GaussianHMM(v, path, 3),
    "PCFG": lambda v, _: PCFG(v, 2, 3),
    "NeuralPCFG": lambda v, _: NeuralPCFG(v, 2, 3),
    "CompoundPCFG": lambda v, _: CompoundPCFG(v, 2, 2, 3, size=4),
    "DMV": lambda v, _: DMV(v),
    "NeuralDMV": lambda v, _: NeuralDMV(v),
}


def system_of(name: str, folder: Path, vocab: int = VOCAB) -> System:
    """An untrained system of one of the models, with vectors of its own in ``folder`` where it needs any."""
    torch.manual_seed(0)
    model = MODELS[name](vocab, planted_vectors(folder / "vectors.safetensors", vocab, classes=3))
    if isinstance(model, ExactModel):
        return System(model, Exact(vocab, model.latent), Marginal(), ELBO()).eval()
    inference = Amortized(vocab, model.latent, partial(RecurrentEncoder, embedding=6, hidden=8))
    return System(model, inference, Pathwise(), ELBO()).eval()
