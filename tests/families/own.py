"""Families as a user writes them: nothing in the package knows them."""

from torch import Tensor
from torch.distributions import Gamma, Independent, Laplace

from undersong.families import Family


class DiagonalLaplace(Family):
    """Independent Laplace distributions."""

    @property
    def num_params(self) -> int:
        return 2 * self.dim

    def forward(self, params: Tensor) -> Independent:
        loc, log_scale = params.split([self.dim, self.dim], dim=-1)
        return Independent(Laplace(loc, log_scale.exp()), 1)


class DiagonalGamma(Family):
    """Independent gamma distributions, which have no quantile function in torch."""

    @property
    def num_params(self) -> int:
        return self.dim

    def forward(self, params: Tensor) -> Independent:
        return Independent(Gamma(params.exp(), params.exp()), 1)
