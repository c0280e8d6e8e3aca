"""A linear-Gaussian model, whose every quantity is known in closed form: p(z) = N(0, I), p(y|z) = N(A z, s^2 I).

Its "sentences" are vectors y that the index of a batch looks up. An ``AutoGen``-like posterior is that of p(y|z)^(1+m):
narrower than p(z|y), and right only for m = 0.
"""

import math

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal

from undersong.data.batch import Batch
from undersong.estimators import Pathwise
from undersong.families import DiagonalGaussian
from undersong.inference.base import Inference
from undersong.learning.system import System
from undersong.models.base import Model
from undersong.objectives import ELBO, Objective


class LinearGaussian(nn.Module):
    """The model.

    Args:
        latent: D; A is orthogonal in its columns times ``scale``, so that the posterior is diagonal and a diagonal
            family can reach it.
        count: how many y are drawn from it.
    """

    def __init__(self, latent: int = 4, observed: int = 6, noise: float = 0.5, count: int = 8, seed: int = 0):
        super().__init__()
        random = torch.Generator().manual_seed(seed)
        basis = torch.linalg.qr(torch.randn(observed, latent, generator=random, dtype=torch.float64)).Q
        self.latent, self.noise = latent, noise
        self.a = basis * torch.linspace(0.5, 1.5, latent, dtype=torch.float64)  # [O, D]
        z = torch.randn(count, latent, generator=random, dtype=torch.float64)
        self.y = z @ self.a.t() + noise * torch.randn(count, observed, generator=random, dtype=torch.float64)

    def prior(self, x: Batch | None = None) -> Distribution:
        one = torch.ones(self.latent, dtype=torch.float64)
        return Independent(Normal(torch.zeros_like(one), one), 1)

    def log_likelihood(self, x: Batch, z: Tensor) -> Tensor:
        return Normal(z.double() @ self.a.t(), self.noise).log_prob(self.y[x.index]).sum(-1)

    def log_p(self, x: Batch) -> Tensor:
        """log p(y): [B]."""
        covariance = self.a @ self.a.t() + self.noise**2 * torch.eye(len(self.a), dtype=torch.float64)
        return MultivariateNormal(torch.zeros(len(self.a), dtype=torch.float64), covariance).log_prob(self.y[x.index])

    def moments(self, x: Batch, m: float = 0.0) -> tuple[Tensor, Tensor]:
        """Mean [B, D] and variance [D] of the posterior of p(y|z)^(1+m); they are diagonal."""
        gain = (1 + m) / self.noise**2
        variance = 1 / (1 + gain * self.a.square().sum(0))
        return gain * (self.y[x.index] @ self.a) * variance, variance

    def log_again(self, x: Batch) -> Tensor:
        """log E_p(z|y)[p(y|z)]: [B]."""
        mean, variance = self.moments(x)
        covariance = (self.a * variance) @ self.a.t() + self.noise**2 * torch.eye(len(self.a), dtype=torch.float64)
        return MultivariateNormal(mean @ self.a.t(), covariance).log_prob(self.y[x.index])


class Powered(Inference):
    """q(z|y) for p(y|z)^(1+m), its standard deviation times ``wide``; as an amortised posterior has it, by numbers."""

    def __init__(self, model: LinearGaussian, m: float = 0.0, wide: float = 1.0):
        super().__init__()
        self.family, self.known, self.m, self.wide = DiagonalGaussian(model.latent), model, m, wide

    def params(self, x: Batch) -> Tensor:
        mean, variance = self.known.moments(x, self.m)
        return torch.cat([mean, (variance * self.wide**2).log().expand_as(mean)], -1)

    def forward(self, model: Model, x: Batch, step: int) -> Distribution:
        return self.family(self.params(x))


def system(model: LinearGaussian, m: float = 0.0, wide: float = 1.0, objective: Objective | None = None) -> System:
    """The model with such a posterior."""
    return System(model, Powered(model, m, wide), Pathwise(), objective or ELBO())


def sentences(count: int) -> Batch:
    """``count`` indices; the words mean nothing."""
    return Batch.of([[4, 5]] * count)


def closed_elbo(model: LinearGaussian, x: Batch, wide: float) -> Tensor:
    """ELBO of the exact posterior with its standard deviation times ``wide``: log p(y) - KL(q || p(z|y)), [B]."""
    per_dimension = 0.5 * (wide**2 - 1) - math.log(wide)
    return model.log_p(x) - model.latent * per_dimension
