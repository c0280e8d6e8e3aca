"""The diagonal Gaussian: N(mu, diag(sigma_1^2 .. sigma_D^2)), the posterior of the usual VAE.

Its numbers are mu and log sigma^2. Knows nothing of encoders.
"""

from torch import Tensor
from torch.distributions import Independent, Normal

from undersong.families.base import Family


class DiagonalGaussian(Family):
    """A Gaussian with a variance for each dimension (Kingma and Welling 2014).

    >>> import torch
    >>> q = DiagonalGaussian(2)(torch.zeros(4))
    >>> q.mean.tolist(), q.variance.tolist()
    ([0.0, 0.0], [1.0, 1.0])
    """

    @property
    def num_params(self) -> int:
        return 2 * self.dim

    def forward(self, params: Tensor) -> Independent:
        loc, log_variance = params.split([self.dim, self.dim], dim=-1)
        return Independent(Normal(loc, (0.5 * log_variance).exp()), 1)
