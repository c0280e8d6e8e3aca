"""Small text for several chains of states, and every joint state sequence behind a sentence."""

import itertools

import numpy as np
import torch

from undersong.data.batch import Batch
from undersong.distributions.factorial_chain import digits
from undersong.models import FactorialHMM

VOCAB = 12


def text(sentences: int, seed: int = 0) -> Batch:
    """Words in a ring, with noise."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(sentences):
        length = rng.integers(1, 8)
        ring = (rng.integers(8) + np.arange(length)) % 8
        rows.append((4 + np.where(rng.random(length) < 0.2, rng.integers(8, size=length), ring)).tolist())
    return Batch.of(rows)


def enumerated(model: FactorialHMM, x: Batch, row: int) -> dict[tuple[int, ...], torch.Tensor]:
    """log p(x, z) of every sequence of joint states, chain by chain."""
    which, length = digits(model.chains, model.states), int(x.lengths[row])
    initial, transition = model.initial(), model.transition()
    emission = model.emission.joint(x)[row]
    found = {}
    for z in itertools.product(range(model.latent), repeat=length):
        score = torch.zeros(())
        if model.ending is not None:
            on, stop = model.ending()
            score = score + (length - 1) * on + stop
        for t, joint in enumerate(z):
            score = score + emission[t, joint]
            for m in range(model.chains):
                now = which[m, joint]
                score = score + (initial[m, now] if t == 0 else transition[m, which[m, z[t - 1]], now])
        found[z] = score
    return found
