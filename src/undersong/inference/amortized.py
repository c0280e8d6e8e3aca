"""Amortised inference: q(z|x) = family(W encoder(x) + b) (tutorial, section 6.1; Kingma and Welling 2014).

Knows nothing of what the encoder is made of, nor of the model.
"""

from collections.abc import Callable

from torch import Tensor, nn
from torch.distributions import Distribution

from undersong.data.batch import Batch
from undersong.families import DiagonalGaussian, Family
from undersong.inference.base import Inference
from undersong.models.base import Model
from undersong.nets import Encoder, RecurrentEncoder


class Amortized(Inference):
    """One encoder serves all sentences.

    Args:
        vocab: V; follows from the corpus.
        latent: D; follows from the model.
        encoder: features of a sentence, given V.
        family: the shape of q(z|x), given D.
    """

    def __init__(
        self,
        vocab: int,
        latent: int,
        encoder: Callable[[int], Encoder] = RecurrentEncoder,
        family: Callable[[int], Family] = DiagonalGaussian,
    ):
        super().__init__()
        self.encoder = encoder(vocab)
        self.family = family(latent)
        self.head = nn.Linear(self.encoder.width, self.family.num_params)

    def params(self, x: Batch) -> Tensor:
        """The family's numbers for each sentence: [B, P]."""
        return self.head(self.encoder(x))

    def forward(self, model: Model, x: Batch, step: int) -> Distribution:
        """q(z|x): batch shape [B], event shape [D]."""
        return self.family(self.params(x))
