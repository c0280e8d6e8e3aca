"""The recurrent language model, log p(x) = sum_t log p(x_t | x_<t): what a latent variable is measured against.

It is the model with a latent vector of no dimensions, so its posterior is exact, its KL is nothing, and every bound
equals log p(x). Knows nothing of that being a special case: no other room does either.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from undersong.configurable import Configurable
from undersong.data.batch import Batch
from undersong.families import StandardPrior
from undersong.nets import Decoder, RecurrentDecoder


class LanguageModel(Configurable, nn.Module):
    """A decoder with nothing to decode from.

    Args:
        vocab: V, the vocabulary's size; follows from the corpus.
        decoder: the net, given V and a latent size of 0.
    """

    latent = 0

    def __init__(self, vocab: int, decoder: Callable[[int, int], Decoder] = RecurrentDecoder):
        super().__init__()
        self.vocab = vocab
        self.decoder = decoder(vocab, 0)
        self.event = self.decoder.event
        self.p_z = StandardPrior(0)

    def prior(self, x: Batch | None = None) -> Distribution:
        """p(z) over vectors of length 0."""
        return self.p_z()

    def posterior(self, x: Batch, *, given: bool = False) -> Distribution:
        """p(z|x) over vectors of length 0: batch shape [B]; there is nothing to be given."""
        return self.p_z.family(self.p_z.params.expand(len(x), -1))

    def log_likelihood(self, x: Batch, z: Tensor) -> Tensor:
        """log p(x) in nats, once for each (empty) z [S, B, 0]: [S, B]."""
        return self.decoder.log_prob(x, z)

    def log_marginal(self, x: Batch) -> Tensor:
        """log p(x) in nats: [B]."""
        return self.log_likelihood(x, torch.zeros(1, len(x), 0, device=x.tokens.device))[0]
