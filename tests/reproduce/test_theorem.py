"""Theorem 1 of the isotropic-posterior paper, checked over random Gaussians.

Its symbols are lost in our source; its proof names what they must be. Let q = N(mu, diag sigma_d^2) with every
sigma_d <= 1, and tie its variances downwards: q' = N(mu, sigma^2 I) with sigma = min_d sigma_d. Then

    (1) KL(q' || N(0, I)) >= KL(q || N(0, I)): "a higher KL requirement", since the KL falls as any sigma_d rises to 1
    (2) P(|z' - mu| < epsilon) >= P(|z - mu| < epsilon) for any epsilon: "a more representative mean vector"

(2) is proved in the paper by an auxiliary function of sigma that falls strictly: erf(epsilon / (sqrt(2) sigma)).
"""

import pytest
import torch
from torch.distributions import Independent, Normal, kl_divergence

from undersong.families import DiagonalGaussian, IsotropicGaussian, StandardPrior

COUNT = 2000


@pytest.fixture(scope="module")
def pairs() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Means [N, D], standard deviations in (0, 1] [N, D], and the least of each [N, 1]."""
    generator = torch.Generator().manual_seed(0)
    mu = 3 * torch.randn(COUNT, 8, generator=generator, dtype=torch.float64)
    sigma = torch.rand(COUNT, 8, generator=generator, dtype=torch.float64).clamp(min=1e-3)
    return mu, sigma, sigma.min(-1, keepdim=True).values


def test_tying_downwards_raises_the_kl(pairs: tuple[torch.Tensor, ...]) -> None:
    mu, sigma, least = pairs
    q = DiagonalGaussian(8)(torch.cat([mu, 2 * sigma.log()], -1))
    tied = IsotropicGaussian(8)(torch.cat([mu, 2 * least.log()], -1))
    prior = StandardPrior(8)()
    assert (kl_divergence(tied, prior) > kl_divergence(q, prior)).all()


def test_tying_downwards_gathers_mass_around_the_mean(pairs: tuple[torch.Tensor, ...]) -> None:
    """In every dimension and in every box, exactly; in every ball, sample by sample under common noise."""
    _, sigma, least = pairs
    for epsilon in (0.01, 0.1, 0.5, 1.0, 3.0):
        inside, tied = (torch.erf(epsilon / (2**0.5 * s)) for s in (sigma, least.expand_as(sigma)))
        assert (tied >= inside).all()
        assert (tied.prod(-1) >= inside.prod(-1)).all()
    noise = torch.randn(200, COUNT, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    assert ((least * noise).norm(dim=-1) <= (sigma * noise).norm(dim=-1) + 1e-12).all()


def test_the_conditions_are_needed(pairs: tuple[torch.Tensor, ...]) -> None:
    """With standard deviations above 1 the KL need not grow: a test that could not fail would prove nothing."""
    mu, sigma, _ = pairs
    wide = 1 + sigma
    q = Independent(Normal(mu, wide), 1)
    tied = Independent(Normal(mu, wide.min(-1, keepdim=True).values.expand_as(mu)), 1)
    prior = StandardPrior(8)()
    assert (kl_divergence(tied, prior) < kl_divergence(q, prior)).all()
