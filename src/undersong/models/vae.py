"""The sentence VAE's generative half: p(x, z) = p(z) p(x|z) with any prior and any decoder (tutorial, eqs. 6 and 7).

Knows nothing of the posterior: where q(z|x) comes from is the business of ``inference``.
"""

from collections.abc import Callable

from torch import Tensor, nn
from torch.distributions import Distribution

from undersong.configurable import Configurable
from undersong.data.batch import Batch
from undersong.families import Prior, StandardPrior
from undersong.nets import Decoder, RecurrentDecoder
from undersong.settings import need


class VAE(Configurable, nn.Module):
    """A sentence is generated from a vector z.

    Args:
        vocab: V, the vocabulary's size; follows from the corpus.
        latent: D, the size of z.
        decoder: p(x|z), given V and D.
        prior: p(z), given D.

    >>> model = VAE(100, latent=8)
    >>> model.prior().event_shape
    torch.Size([8])
    """

    def __init__(
        self,
        vocab: int,
        latent: int = 32,
        decoder: Callable[[int, int], Decoder] = RecurrentDecoder,
        prior: Callable[[int], Prior] = StandardPrior,
    ):
        super().__init__()
        need(1, latent=latent)
        self.vocab, self.latent = vocab, latent
        self.decoder = decoder(vocab, latent)
        self.event = self.decoder.event
        self.p_z = prior(latent)

    def prior(self, x: Batch | None = None) -> Distribution:
        """p(z): event shape [D]."""
        return self.p_z()

    def log_likelihood(self, x: Batch, z: Tensor) -> Tensor:
        """log p(x|z) in nats for z [S, B, D]: [S, B]."""
        return self.decoder.log_prob(x, z)
