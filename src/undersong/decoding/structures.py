"""What a posterior over structures says of each word or sentence: its tags, heads, brackets, or cluster.

The structure is the most probable one as a whole (the mode): of a chain the Viterbi path. Knows nothing of models, gold
annotation or output.
"""

from functools import singledispatch

import torch
from torch import Tensor
from torch.distributions import Distribution

from undersong.distributions.assignment import Assignment
from undersong.distributions.chain import Chain
from undersong.distributions.dependency import Dependency
from undersong.distributions.factorial_chain import FactoredChains, FactorialChain
from undersong.distributions.semi_markov import SemiMarkov
from undersong.distributions.tree import Tree
from undersong.distributions.valence import Valence


@singledispatch
def tags(q: Distribution) -> Tensor | None:
    """The state of each word [B, T], any number in padding; None for what gives words no states."""
    return None


@tags.register(Chain)
@tags.register(FactorialChain)
@tags.register(FactoredChains)
def _(q: Chain | FactorialChain | FactoredChains) -> Tensor:
    return q.mode


@tags.register
def _(q: SemiMarkov) -> Tensor:
    z = q.mode  # [B, T], state * L + length - 1 where a segment starts
    longest = q.potentials[2].shape[2]
    start = torch.where(z >= 0, torch.arange(z.shape[1], device=z.device), 0).cummax(1).values
    return z.gather(1, start).clamp(min=0) // longest


@singledispatch
def segments(q: Distribution) -> Tensor | None:
    """How many words the segment that starts at a word has, 0 where none starts [B, T], any number in padding; None
    for what has no segments."""
    return None


@segments.register
def _(q: SemiMarkov) -> Tensor:
    z, longest = q.mode, q.potentials[2].shape[2]
    return torch.where(z >= 0, z % longest + 1, 0)


@singledispatch
def heads(q: Distribution) -> Tensor | None:
    """The head of each word [B, T]: 0 for the root, 1 to T for a word; None for what is no dependency tree."""
    return None


@heads.register(Dependency)
@heads.register(Valence)
def _(q: Dependency | Valence) -> Tensor:
    return q.mode


@singledispatch
def symbols(q: Distribution) -> Tensor | None:
    """The symbol of the constituent from word i to word j inclusive, -1 where there is none [B, T, T]; None for what is
    no constituency tree."""
    return None


@symbols.register
def _(q: Tree) -> Tensor:
    return q.mode


@singledispatch
def probabilities(q: Distribution) -> Tensor | None:
    """p(cluster = k | x) [B, K]; None for what gives a sentence no cluster."""
    return None


@probabilities.register
def _(q: Assignment) -> Tensor:
    return q.marginals[0]  # not from log Z, which for long sentences is rounded to more than their differences


def brackets(symbol: Tensor, words: int) -> list[tuple[int, int, int]]:
    """The constituents of one sentence as (first word, word after the last, symbol), outermost first.

    Args:
        symbol: of each span, -1 where there is none [T, T].
        words: of the sentence.

    >>> brackets(torch.tensor([[4, 0], [-1, 5]]), 2)
    [(0, 2, 0), (0, 1, 4), (1, 2, 5)]
    """
    there = (symbol[:words, :words] >= 0).nonzero().tolist()
    found = [(first, last + 1, int(symbol[first, last])) for first, last in there]
    return sorted(found, key=lambda bracket: (bracket[0], -bracket[1]))
