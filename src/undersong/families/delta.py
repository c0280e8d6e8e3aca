"""A point: the posterior of a plain autoencoder, which has neither a KL divergence nor an ELBO.

Knows nothing of encoders.
"""

from torch import Tensor

from undersong.distributions import Delta
from undersong.families.base import Family


class PointMass(Family):
    """All mass at mu; train it with the ``Autoencoder`` objective.

    >>> import torch
    >>> PointMass(2)(torch.tensor([1.0, 2.0])).rsample().tolist()
    [1.0, 2.0]
    """

    has_density = False

    @property
    def num_params(self) -> int:
        return self.dim

    def forward(self, params: Tensor) -> Delta:
        return Delta(params)
