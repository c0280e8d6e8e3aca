"""Distributions torch does not have, closed-form divergences by part, and noise that is keyed to its sentence."""

from torch.distributions import Distribution

from undersong.distributions.assignment import Assignment
from undersong.distributions.chain import Chain
from undersong.distributions.delta import Delta
from undersong.distributions.dependency import Dependency
from undersong.distributions.divergence import kl_parts
from undersong.distributions.factorial_chain import FactoredChains, FactorialChain
from undersong.distributions.keyed import keyed_sample
from undersong.distributions.semi_markov import SemiMarkov
from undersong.distributions.structured import Structured
from undersong.distributions.tree import Tree
from undersong.distributions.valence import Valence

# Straight-through one-hots and other samples at the edge of a support fail torch's checks, which also cost time.
Distribution.set_default_validate_args(False)

__all__ = [
    "Assignment",
    "Chain",
    "Delta",
    "Dependency",
    "FactoredChains",
    "FactorialChain",
    "SemiMarkov",
    "Structured",
    "Tree",
    "Valence",
    "keyed_sample",
    "kl_parts",
]
