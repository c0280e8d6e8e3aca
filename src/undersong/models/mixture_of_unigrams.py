"""The mixture of unigrams, or latent Naive Bayes (tutorial, eq. 3; Nigam et al. 2000).

    p(x, z) = mu_z prod_t pi_{z, x_t}

EM in closed form: mu_z = sum_n q_nz / N and pi_zv = sum_n q_nz c_nv / sum_n q_nz T_n, where c_nv counts word v in
sentence n of T_n words. (The tutorial's printed update divides each sentence by its own length, which is right only if
all have one length.) Knows nothing of word order, nor of how long a sentence is: the length is given.
"""

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from undersong.configurable import Configurable
from undersong.data.batch import PAD, Batch
from undersong.models.lots import speakable
from undersong.models.mixture import Mixture
from undersong.models.tabular import Tabular
from undersong.nets.base import BAG
from undersong.nets.table import Table, WordTable
from undersong.settings import need


class MixtureOfUnigrams(Configurable, Tabular, Mixture):
    """A sentence's cluster chooses the probabilities of its words.

    Args:
        vocab: V; follows from the corpus.
        latent: K, the number of clusters.
        smoothing: added to each expected count: Dirichlet(1 + smoothing) priors. Without any, a word that training has
            not seen is impossible. Read by EM, ``ViterbiEM`` and ``StepwiseEM`` alone, not by gradients.

    >>> model = MixtureOfUnigrams(50, latent=3)
    >>> model.posterior(Batch.of([[5, 6], [7]])).log_partition.shape
    torch.Size([2])
    """

    event = BAG

    def __init__(self, vocab: int, latent: int = 10, smoothing: float = 0.1):
        super().__init__()
        need(1, latent=latent)
        self.vocab, self.latent = vocab, latent
        self.weights = Table(latent, smoothing=smoothing)
        self.words = WordTable(vocab, latent, smoothing=smoothing)
        with torch.no_grad():  # nearly alike at the start: far apart, clusters would be chosen by chance
            self.weights.logits.zero_()
            self.words.logits.mul_(0.1)

    def log_weights(self, x: Batch | None = None) -> Tensor:
        """log mu: [K], nats."""
        return self.weights()

    def log_likelihoods(self, x: Batch) -> Tensor:
        """log p(x|z = k) of the words, for every k: [B, K], nats."""
        return embedding_bag(x.tokens, self.words(), mode="sum", padding_idx=PAD)

    @torch.no_grad()
    def sample(self, n: int, *, max_words: int = 100, generator: torch.Generator | None = None) -> tuple[Tensor, Batch]:
        """Clusters [n] and bags of ``max_words`` words each, since lengths are not modelled."""
        z = torch.multinomial(self.weights().exp(), n, replacement=True, generator=generator)
        p = speakable(self.words().T).exp()  # [K, V]
        words = torch.multinomial(p[z], max_words, replacement=True, generator=generator)
        return z, Batch(words, torch.full_like(z, max_words), torch.arange(n, device=z.device))
