"""All mass at one point: the posterior of an autoencoder.

It has no density, hence no entropy, no KL divergence and no ELBO. Knows nothing of encoders.
"""

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints


class Delta(Distribution):
    """The distribution of a constant ``loc`` [..., D]; its event is the last dimension.

    >>> q = Delta(torch.tensor([1.0, 2.0]))
    >>> q.rsample((3,)).shape, q.mean.tolist()
    (torch.Size([3, 2]), [1.0, 2.0])
    """

    arg_constraints = {"loc": constraints.real_vector}  # noqa: RUF012 (torch's own protocol)
    support = constraints.real_vector
    has_rsample = True

    def __init__(self, loc: Tensor):
        self.loc = loc
        super().__init__(loc.shape[:-1], loc.shape[-1:])

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return torch.zeros_like(self.loc)

    def rsample(self, sample_shape: torch.Size | list[int] | tuple[int, ...] = ()) -> Tensor:
        return self.loc.expand(*sample_shape, *self.loc.shape)

    def log_prob(self, value: Tensor) -> Tensor:
        raise ValueError("A point mass has no density: an autoencoder has no KL, no ELBO and no importance weights.")
