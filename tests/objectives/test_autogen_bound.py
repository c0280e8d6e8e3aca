"""What AutoGen bounds, where everything is known: the linear-Gaussian model, q being the best for each m."""

import math

import pytest
import torch
from tests.measures.gaussian import LinearGaussian, Powered, sentences
from torch import Tensor
from torch.distributions import MultivariateNormal

from undersong.distributions import kl_parts
from undersong.draw import Draw
from undersong.objectives import AutoGen

MODEL = LinearGaussian(latent=3, observed=5)
X = sentences(8)
MS = (-0.5, 0.0, 0.37, 1.0, 2.0, 4.5)


def objective(m: float, of: float) -> Tensor:
    """AutoGen(m) with the posterior that is right for ``of``: the expectation of log p(y|z) by hand, [B]."""
    q = Powered(MODEL, of)(MODEL, X, 0)
    spread = (MODEL.a.square().sum(0) * q.variance).sum(-1) / (2 * MODEL.noise**2)
    log_px = (MODEL.log_likelihood(X, q.mean[None]) - spread)[:1]
    nothing = torch.zeros_like(log_px)
    return AutoGen(m)(Draw(log_px, nothing, nothing, kl_parts(q, MODEL.prior())))


def tied(m: float) -> Tensor:
    """log of the integral of p(y|z)^(1+m) p(z): [B]."""
    size, noise = len(MODEL.a), MODEL.noise**2 / (1 + m)
    covariance = MODEL.a @ MODEL.a.T + noise * torch.eye(size, dtype=torch.float64)
    constant = -0.5 * size * ((1 + m) * math.log(2 * math.pi * MODEL.noise**2) - math.log(2 * math.pi * noise))
    return constant + MultivariateNormal(torch.zeros(size, dtype=torch.float64), covariance).log_prob(MODEL.y)


@pytest.mark.parametrize("m", MS)
def test_it_bounds_a_generation_and_m_reconstructions_from_one_z(m: float) -> None:
    torch.testing.assert_close(objective(m, of=m), tied(m))
    for other in MS:
        assert (objective(m, of=other) <= tied(m) + 1e-9).all()


@pytest.mark.parametrize("m", MS)
def test_that_is_the_sum_of_both_terms_for_one_reconstruction_and_not_for_others(m: float) -> None:
    """log p(y) + m log p(y'|y) is less where m > 1 or m < 0, more where 0 < m < 1."""
    both = MODEL.log_p(X) + m * MODEL.log_again(X)
    if m in (0.0, 1.0):
        torch.testing.assert_close(tied(m), both)
    else:
        assert ((tied(m) > both) == (m > 1 or m < 0)).all()
