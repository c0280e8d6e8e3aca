"""The hidden Markov model, of tables (tutorial, eq. 9; Rabiner 1989).

    p(x, z) = prod_t mu_{z_{t-1}, z_t} pi_{z_t, x_t},   with a start before the first state and an end after the last

EM is Baum-Welch: expected numbers of each start, transition and emission, by one gradient of log p(x), and then their
shares. Knows nothing of learning.
"""

import torch

from undersong.models.hidden_markov import HiddenMarkov, Scores
from undersong.models.tabular import Tabular
from undersong.nets.table import Table, WordTable


class HMM(HiddenMarkov, Tabular):
    """K states, each with probabilities of the next state and of its word.

    Args:
        vocab: V; follows from the corpus.
        states: K.
        ends: score the end of the sentence too.
        smoothing: added to each expected count: Dirichlet(1 + smoothing) priors. Without any, a word that training has
            not seen is impossible. Read by EM, ``ViterbiEM`` and ``StepwiseEM`` alone, not by gradients.

    >>> from undersong.data.batch import Batch
    >>> HMM(50, states=4).log_marginal(Batch.of([[5, 6, 7], [8]])).shape
    torch.Size([2])
    """

    def __init__(self, vocab: int, states: int = 45, ends: bool = True, smoothing: float = 0.001):
        super().__init__(vocab, states, ends)
        self.initial = Table(states, smoothing=smoothing)
        self.transition = Table(states, states + ends, smoothing=smoothing)
        self.words = WordTable(vocab, states, smoothing=smoothing)
        with torch.no_grad():  # states start out different in their words, but hardly in their order: they learn more
            self.words.logits.mul_(2.0)
            self.transition.logits.mul_(0.1)

    def scores(self) -> Scores:
        """The tables."""
        return Scores.of(self.initial(), self.transition(), self.words())
