"""The neural hidden Markov model: an HMM whose tables are computed by networks (tutorial, section 3.3).

    p(z'|z) ~ exp(o_{z'} . f(e_z)),   p(x|z) ~ exp(w_x . g(e_z))

with residual networks f, g over learned vectors of states (Tran et al. 2016; Chiu and Rush 2020). The forward
algorithm sums z out, and backpropagation through it does what Baum-Welch's counts did. Knows nothing of learning.
"""

import math

import torch
from torch import Tensor, nn

from undersong.data.batch import BOS, EOS, PAD
from undersong.models.hidden_markov import HiddenMarkov, Scores
from undersong.nets.residual import Embedded


class NeuralHMM(HiddenMarkov):
    """An HMM with K states, each a vector; trained by ``Gradient``.

    Args:
        vocab: V; follows from the corpus.
        states: K.
        ends: score the end of the sentence too.
        size: of the vectors of states and words.
        layers: residual layers of each network.
        dropout: share of the networks' units dropped in training.

    >>> from undersong.data.batch import Batch
    >>> NeuralHMM(50, states=4, size=8).log_marginal(Batch.of([[5, 6, 7], [8]])).shape
    torch.Size([2])
    """

    def __init__(
        self,
        vocab: int,
        states: int = 45,
        ends: bool = True,
        size: int = 256,
        layers: int = 1,
        dropout: float = 0.0,
    ):
        super().__init__(vocab, states, ends)
        self.starting = Embedded(1, size, layers, dropout)  # f of the state before the first
        self.leaving = Embedded(states, size, layers, dropout)
        self.entered = nn.Parameter(torch.randn(states + ends, size) / math.sqrt(size))
        self.speaking = Embedded(states, size, layers, dropout)
        self.spoken = nn.Parameter(torch.randn(vocab, size) / math.sqrt(size))
        never = torch.zeros(vocab, 1)
        never[[PAD, BOS, EOS]] = -torch.inf
        self.register_buffer("never", never, persistent=False)
        self.never: Tensor

    def scores(self) -> Scores:
        """One pass of the networks, for all sentences of a batch."""
        initial = (self.starting()[0] @ self.entered[: self.latent].T).log_softmax(-1)
        rows = (self.leaving() @ self.entered.T).log_softmax(-1)  # [K, K + 1] or [K, K]
        words = (self.spoken @ self.speaking().T + self.never).log_softmax(0)  # [V, K]
        return Scores.of(initial, rows, words)
