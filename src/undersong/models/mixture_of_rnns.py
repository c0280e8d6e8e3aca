"""The mixture of recurrent language models (tutorial, eq. 4): the deep mixture of unigrams.

    p(x, z) = mu_z RNNLM(x; pi_z)

The posterior is found by running all K over the sentence. There is no closed M-step: learn by ``Gradient`` on
log p(x), or by ``GeneralizedEM``, whose first gradient is the same. Knows nothing of how a decoder scores a sentence.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from undersong.configurable import Configurable
from undersong.data.batch import Batch
from undersong.models.mixture import Mixture
from undersong.nets import Decoder, RecurrentDecoder
from undersong.nets.experts import Experts
from undersong.settings import need


class MixtureOfRNNs(Configurable, nn.Module, Mixture):
    """A sentence's cluster chooses the language model that writes it.

    Args:
        vocab: V; follows from the corpus.
        latent: K, the number of clusters.
        code: size of a cluster's vector, which the shared decoder reads.
        decoder: the net, given V and the size of what it reads beside words.
        separate: a decoder for each cluster, which share nothing, instead of one that reads the cluster's vector.

    >>> model = MixtureOfRNNs(50, latent=3)
    >>> model.posterior(Batch.of([[5, 6], [7]])).log_partition.shape
    torch.Size([2])
    """

    def __init__(
        self,
        vocab: int,
        latent: int = 5,
        code: int = 32,
        decoder: Callable[[int, int], Decoder] = RecurrentDecoder,
        separate: bool = False,
    ):
        super().__init__()
        need(1, latent=latent)
        need(0 if separate else 1, code=code)
        self.vocab, self.latent = vocab, latent
        self.weights = nn.Parameter(torch.zeros(latent))
        self.experts = Experts(vocab, latent, 0, code, decoder, separate)
        self.event = self.experts.event

    def log_weights(self, x: Batch | None = None) -> Tensor:
        """log mu: [K], nats."""
        return self.weights.log_softmax(-1)

    def log_likelihoods(self, x: Batch) -> Tensor:
        """log p(x|z = k) of what the decoder scores, for every k: [B, K], nats."""
        return self.experts(x, self.weights.new_zeros(len(x), 0))

    @torch.no_grad()
    def sample(self, n: int, *, max_words: int = 100, generator: torch.Generator | None = None) -> tuple[Tensor, Batch]:
        """Clusters [n] and a sentence from each."""
        z = torch.multinomial(self.log_weights().exp(), n, replacement=True, generator=generator)
        return z, self.experts.write(z, self.weights.new_zeros(n, 0), max_words, generator)
