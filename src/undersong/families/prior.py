"""p(z): a family's standard member, or a learned one.

Knows nothing of sentences; a prior that depends on x is a model's own affair.
"""

from abc import ABC
from collections.abc import Callable

import torch
from torch import nn
from torch.distributions import Distribution

from undersong.configurable import Configurable
from undersong.errors import UserError
from undersong.families.base import Family
from undersong.families.gaussian import DiagonalGaussian
from undersong.families.mixture import Mixture


class Prior(Configurable, nn.Module, ABC):
    """p(z) as a member of ``family``, whose numbers are ``self.params`` [P].

    Raises:
        UserError: the family has no density.
    """

    params: torch.Tensor

    def __init__(self, dim: int, family: Callable[[int], Family]):
        super().__init__()
        self.family = family(dim)
        if not self.family.has_density:
            raise UserError(
                "Points are no prior: nothing but they could be. Use DiagonalGaussian, IsotropicGaussian, or a Mixture "
                "of these."
            )

    def forward(self) -> Distribution:
        """The prior over one latent vector: batch shape [], event shape [dim]."""
        return self.family(self.params)


class StandardPrior(Prior):
    """The family's standard member, not learned: N(0, I) for the Gaussians.

    >>> StandardPrior(2)().variance.tolist()
    [1.0, 1.0]
    """

    def __init__(self, dim: int, family: Callable[[int], Family] = DiagonalGaussian):
        super().__init__(dim, family)
        self.register_buffer("params", torch.zeros(self.family.num_params), persistent=False)


class LearnedPrior(Prior):
    """A member of any family, learned with the rest of the model: by default a mixture of five Gaussians.

    >>> LearnedPrior(2)().sample((3,)).shape
    torch.Size([3, 2])
    """

    def __init__(self, dim: int, family: Callable[[int], Family] = Mixture):
        super().__init__(dim, family)
        self.params = nn.Parameter(self.family.starting_params())
