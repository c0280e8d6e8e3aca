"""Continuous Naive Bayes (tutorial, eq. 5): Naive Bayes whose cluster is a point in space.

    z ~ N(0, I),   x_t ~ softmax(W z + b)   for every word alike

(The tutorial writes N(mu, I) and no b, which is the same family: b = W mu.) The posterior has no closed form, so q(z|x)
is amortised, as a VAE's; with a hidden layer this is the neural variational document model (Miao et al. 2016). Knows
nothing of word order, nor of how long a sentence is: the length is given.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from undersong.configurable import Configurable
from undersong.data.batch import Batch
from undersong.families import Prior, StandardPrior
from undersong.models.lots import reseeded, speakable
from undersong.nets.bag_of_words import BagOfWords
from undersong.settings import need


class ContinuousNaiveBayes(Configurable, nn.Module):
    """A sentence's vector chooses the probabilities of its words.

    Args:
        vocab: V; follows from the corpus.
        latent: D, the size of z.
        hidden: width of a layer between z and the words (the deep variant); 0 for none.
        prior: p(z), given D.

    >>> ContinuousNaiveBayes(100, latent=8).prior().event_shape
    torch.Size([8])
    """

    def __init__(self, vocab: int, latent: int = 32, hidden: int = 0, prior: Callable[[int], Prior] = StandardPrior):
        super().__init__()
        need(1, latent=latent)
        self.vocab, self.latent = vocab, latent
        self.decoder = BagOfWords(vocab, latent, hidden)
        self.event = self.decoder.event
        self.p_z = prior(latent)

    def prior(self, x: Batch | None = None) -> Distribution:
        """p(z): event shape [D]."""
        return self.p_z()

    def log_likelihood(self, x: Batch, z: Tensor) -> Tensor:
        """log p(x|z) of the words, in nats, for z [S, B, D]: [S, B]."""
        return self.decoder.log_prob(x, z)

    @torch.no_grad()
    def sample(self, n: int, *, max_words: int = 100, generator: torch.Generator | None = None) -> tuple[Tensor, Batch]:
        """Vectors [n, D] and bags of ``max_words`` words each, since lengths are not modelled."""
        with reseeded(generator):
            z = self.prior().sample((n,))
        nothing = torch.zeros(n, dtype=torch.int64, device=z.device)
        log_p, _ = self.decoder.step(nothing, self.decoder.start(z))
        words = torch.multinomial(speakable(log_p).exp(), max_words, replacement=True, generator=generator)
        return z, Batch(words, torch.full((n,), max_words, device=z.device), torch.arange(n, device=z.device))
