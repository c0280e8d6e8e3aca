"""Undersong: deep latent-variable models of natural language.

The names below are the public interface; each is imported when first used, so that ``import undersong`` is quick.
"""

from importlib import import_module
from typing import Any

_ROOMS = {
    "undersong.configurable": ["Configurable", "describe"],
    "undersong.errors": ["UserError"],
    "undersong.data": ["Batch", "Batches", "Corpus"],
    "undersong.data.prepare": ["prepare"],
    "undersong.draw": ["Draw"],
    "undersong.families": [
        "DiagonalGaussian",
        "Family",
        "IsotropicGaussian",
        "LearnedPrior",
        "Mixture",
        "PointMass",
        "Prior",
        "StandardPrior",
    ],
    "undersong.nets": ["GRU", "LSTM", "Decoder", "Encoder", "RecurrentDecoder", "RecurrentEncoder"],
    "undersong.models": [
        "DMV",
        "HMM",
        "PCFG",
        "VAE",
        "CompoundPCFG",
        "ContinuousNaiveBayes",
        "ExactModel",
        "FactorialHMM",
        "GaussianHMM",
        "GaussianMixture",
        "LanguageModel",
        "MixtureOfExperts",
        "MixtureOfRNNs",
        "MixtureOfUnigrams",
        "Model",
        "NeuralDMV",
        "NeuralHMM",
        "NeuralPCFG",
        "SemiMarkovHMM",
    ],
    "undersong.objectives": [
        "ELBO",
        "IWAE",
        "AutoGen",
        "Autoencoder",
        "Beta",
        "Constant",
        "Cyclical",
        "FreeBitsDimension",
        "FreeBitsMeanDimension",
        "FreeBitsSentence",
        "Linear",
        "Logistic",
        "Objective",
        "Schedule",
        "TargetMeanRate",
        "TargetRate",
    ],
    "undersong.estimators": ["Estimator", "Marginal", "Pathwise"],
    "undersong.inference": ["Amortized", "Exact", "Inference", "Observed", "ObservedStructure"],
    "undersong.learning": [
        "EM",
        "GeneralizedEM",
        "Gradient",
        "Learner",
        "Run",
        "StepwiseEM",
        "System",
        "ViterbiEM",
        "train",
    ],
    "undersong.evaluation": ["evaluate"],
    "undersong.data.vectors": ["write_vectors"],
    "undersong.decoding": [
        "Beam",
        "Greedy",
        "Sample",
        "cluster",
        "encode",
        "impute",
        "interpolate",
        "parse",
        "read_words",
        "reconstruct",
        "sample",
        "tag",
    ],
    "undersong.report": ["compare"],
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = sorted(_ROOM_OF)


def __getattr__(name: str) -> Any:
    if name not in _ROOM_OF:
        raise AttributeError(f"module 'undersong' has no attribute {name!r}")
    return getattr(import_module(_ROOM_OF[name]), name)


def __dir__() -> list[str]:
    return __all__
