"""The isotropic Gaussian: N(mu, sigma^2 I), one variance shared by all dimensions.

With its variances tied, a posterior uses either every dimension or none (the isotropic-posterior paper, section 3).
Its numbers are mu and log sigma^2. Knows nothing of encoders.
"""

from torch import Tensor
from torch.distributions import Independent, Normal

from undersong.families.base import Family


class IsotropicGaussian(Family):
    """A Gaussian with one variance for all dimensions (IGP, section 3).

    >>> import torch
    >>> IsotropicGaussian(3)(torch.tensor([1.0, 2.0, 3.0, 0.0])).mean.tolist()
    [1.0, 2.0, 3.0]
    """

    @property
    def num_params(self) -> int:
        return self.dim + 1

    def forward(self, params: Tensor) -> Independent:
        loc, log_variance = params.split([self.dim, 1], dim=-1)
        return Independent(Normal(loc, (0.5 * log_variance).exp().expand_as(loc)), 1)
