"""What is p(x, z)? One file a model."""

from undersong.models.base import Counted, ExactModel, Generative, Layered, Model, event
from undersong.models.compound_pcfg import CompoundPCFG
from undersong.models.continuous_naive_bayes import ContinuousNaiveBayes
from undersong.models.dmv import DMV
from undersong.models.factorial_hmm import FactorialHMM
from undersong.models.gaussian_hmm import GaussianHMM
from undersong.models.gaussian_mixture import GaussianMixture
from undersong.models.hmm import HMM
from undersong.models.language_model import LanguageModel
from undersong.models.mixture_of_experts import MixtureOfExperts
from undersong.models.mixture_of_rnns import MixtureOfRNNs
from undersong.models.mixture_of_unigrams import MixtureOfUnigrams
from undersong.models.neural_dmv import NeuralDMV
from undersong.models.neural_hmm import NeuralHMM
from undersong.models.neural_pcfg import NeuralPCFG
from undersong.models.pcfg import PCFG
from undersong.models.semi_markov_hmm import SemiMarkovHMM
from undersong.models.tabular import Tabular
from undersong.models.vae import VAE

__all__ = [
    "DMV",
    "HMM",
    "PCFG",
    "VAE",
    "CompoundPCFG",
    "ContinuousNaiveBayes",
    "Counted",
    "ExactModel",
    "FactorialHMM",
    "GaussianHMM",
    "GaussianMixture",
    "Generative",
    "LanguageModel",
    "Layered",
    "MixtureOfExperts",
    "MixtureOfRNNs",
    "MixtureOfUnigrams",
    "Model",
    "NeuralDMV",
    "NeuralHMM",
    "NeuralPCFG",
    "SemiMarkovHMM",
    "Tabular",
    "event",
]
