"""Amortised inference in a layered model whose structures believe the annotation.

    log p(x, annotation) >= E_{q(z|x)}[log sum over structures that agree of p(x, structure | z)] - KL(q(z|x) || p(z))

The bound of a VAE, but for sentences that carry annotation their structure (the compound PCFG's tree) is summed over
what agrees with it. q itself reads words alone, so that sentences are judged and parsed as any others. Knows nothing of
how a model restricts itself.
"""

from collections.abc import Callable

from torch import Tensor
from torch.distributions import Distribution

from undersong.data.batch import Batch
from undersong.errors import UserError
from undersong.families import Family
from undersong.inference.amortized import Amortized
from undersong.inference.base import Inference
from undersong.models.base import Layered, Model


class ObservedStructure(Inference):
    """Semi-supervised training of a ``Layered`` model.

    Args:
        vocab: V; follows from the corpus.
        latent: D; follows from the model.
        start: where q(z|x) comes from.
    """

    believes = True

    def __init__(self, vocab: int, latent: int, start: Callable[[int, int], Amortized] = Amortized):
        super().__init__()
        self.start = start(vocab, latent)

    @property
    def family(self) -> Family:
        """The shape of q(z|x)."""
        return self.start.family

    def params(self, x: Batch) -> Tensor:
        """The family's numbers for each sentence: [B, P]."""
        return self.start.params(x)

    def forward(self, model: Model, x: Batch, step: int) -> Distribution:
        """q(z|x): batch shape [B], event shape [D]."""
        return self.start(model, x, step)

    def scored(self, model: Model) -> Model:
        """p(x, annotation, z)."""
        if not isinstance(model, Layered):
            raise UserError(
                f"{type(model).__name__} has no structure below its z: use --inference Observed, or train without "
                "annotation."
            )
        return _Agreeing(model)


class _Agreeing:
    """A layered model of sentences together with their annotation."""

    def __init__(self, model: Layered):
        self.model, self.latent = model, model.latent

    def prior(self, x: Batch | None = None) -> Distribution:
        """p(z)."""
        return self.model.prior(x)

    def log_likelihood(self, x: Batch, z: Tensor) -> Tensor:
        """log p(x, annotation | z), nats: [S, B]."""
        return self.model.log_likelihood(x, z, given=True)
