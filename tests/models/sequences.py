"""Small sentences, and every state sequence behind them: what recursions are compared with."""

import itertools

import numpy as np
import torch
from torch import Tensor

from undersong.data.batch import Batch
from undersong.models.hidden_markov import HiddenMarkov

SENTENCES = Batch.of([[5, 6, 7], [4], [4, 5, 6, 6]])


def enumerated(model: HiddenMarkov, x: Batch) -> list[dict[tuple[int, ...], Tensor]]:
    """log p(x, z) of every state sequence z of each sentence, term by term as eq. 9 has it."""
    s = model.scores()
    found = []
    for row in range(len(x)):
        words = x.tokens[row, : x.lengths[row]].tolist()
        joint = {}
        for z in itertools.product(range(model.latent), repeat=len(words)):
            score = s.initial[z[0]] + sum(s.words[w, k] for w, k in zip(words, z, strict=True))
            score = score + sum(s.transition[a, b] for a, b in itertools.pairwise(z))
            joint[z] = score if s.final is None else score + s.final[z[-1]]
        found.append(joint)
    return found


def total(joint: dict[tuple[int, ...], Tensor]) -> Tensor:
    """log p(x)."""
    return torch.stack(list(joint.values())).logsumexp(0)


def random_text(sentences: int, vocab: int, seed: int = 0) -> Batch:
    """Sentences of 1 to 11 random words."""
    rng = np.random.default_rng(seed)
    return Batch.of([rng.integers(4, vocab, rng.integers(1, 12)).tolist() for _ in range(sentences)])
