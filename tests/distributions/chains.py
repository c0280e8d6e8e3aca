"""Random chains and semi-Markov chains for the tests, and all their structures."""

import itertools
from functools import cache

import torch
from tests.distributions.scores import Scores
from torch import Tensor

from undersong.distributions import Chain, SemiMarkov

SHAPES = ("shared", "own", "steps")


def chain(
    seed: int,
    lengths: list[int],
    states: int,
    shape: str = "shared",
    final: bool = True,
    forbidden: float = 0.0,
    scale: float = 1.0,
    dtype: torch.dtype = torch.float64,
    alike: bool = False,
) -> Chain:
    """A random chain; ``shape`` says what of it sentences share, the others are those of ``Scores``."""
    scores = Scores(seed, scale, forbidden, dtype, alike)
    sentences, steps = len(lengths), max(lengths)
    rows = () if shape == "shared" else (sentences,)
    between = {"shared": (), "own": (sentences,), "steps": (sentences, steps - 1)}[shape]
    return Chain(
        scores(*rows, states),
        scores(*between, states, states),
        scores(sentences, steps, states),
        torch.tensor(lengths),
        scores(*rows, states) if final else None,
    )


def sequences(lengths: list[int], states: int) -> list[Tensor]:
    """All state sequences of each sentence, padded with 0."""
    return [
        torch.tensor([[*z, *[0] * (max(lengths) - n)] for z in itertools.product(range(states), repeat=n)])
        for n in lengths
    ]


def semi_markov(
    seed: int,
    lengths: list[int],
    states: int,
    longest: int,
    own: bool = False,
    forbidden: float = 0.0,
    scale: float = 1.0,
    dtype: torch.dtype = torch.float64,
    alike: bool = False,
) -> SemiMarkov:
    """A random semi-Markov chain, all of whose potentials each sentence has for itself where ``own``."""
    scores = Scores(seed, scale, forbidden, dtype, alike)
    rows = (len(lengths),) if own else ()
    return SemiMarkov(
        scores(*rows, states),
        scores(*rows, states, states),
        scores(len(lengths), max(lengths), longest, states),
        torch.tensor(lengths),
        scores(*rows, states),
    )


def segmentations(lengths: list[int], states: int, longest: int) -> list[Tensor]:
    """All labelled segmentations of each sentence, in the form of ``SemiMarkov``'s z."""

    @cache
    def rest(n: int) -> list[list[int]]:
        return (
            [[]]
            if n == 0
            else [
                [state * longest + size - 1] + [-1] * (size - 1) + after
                for size in range(1, min(n, longest) + 1)
                for state in range(states)
                for after in rest(n - size)
            ]
        )

    return [torch.tensor([z + [-1] * (max(lengths) - n) for z in rest(n)]) for n in lengths]
