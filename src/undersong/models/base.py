"""What a latent-variable model must say of itself: p(z), p(x|z), and how to sample.

Knows nothing of inference, objectives or learning.
"""

from typing import Protocol, runtime_checkable

from torch import Tensor
from torch.distributions import Distribution

from undersong.data.batch import Batch


class Model(Protocol):
    """p(x, z) = p(z) p(x|z)."""

    latent: int

    def prior(self, x: Batch | None = None) -> Distribution:
        """p(z), or p(z|context) for conditional models; event shape [latent]."""
        ...

    def log_likelihood(self, x: Batch, z: Tensor) -> Tensor:
        """log p(x|z) in nats for z [S, B, ...]: [S, B]."""
        ...


@runtime_checkable
class ExactModel(Model, Protocol):
    """A model whose posterior and marginal are computed exactly."""

    def posterior(self, x: Batch) -> Distribution:
        """p(z|x), batch shape [B]."""
        ...

    def log_marginal(self, x: Batch) -> Tensor:
        """log p(x) in nats: [B]."""
        ...
