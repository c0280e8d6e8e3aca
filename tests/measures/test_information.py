"""Mutual information of planted posteriors is that of the closed form, and never above its cap."""

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Independent, MixtureSameFamily, Normal

from undersong.families import DiagonalGaussian, Mixture
from undersong.measures.information import cap, mutual_information, pairwise_log_prob


def planted(count: int, dim: int, within: float, between: float = 1.0) -> tuple[list[Independent], Tensor]:
    """q(z|x_j) = N(m_j, within^2), m_j ~ N(0, between^2), in batches of 300; one sample of each."""
    torch.manual_seed(0)
    means = between * torch.randn(count, dim)
    z = means + within * torch.randn(count, dim)
    return [Independent(Normal(m, torch.full_like(m, within)), 1) for m in means.split(300)], z[None]


@pytest.mark.parametrize(("dim", "within"), [(1, 0.5), (1, 0.1), (2, 0.3)])
def test_it_is_that_of_a_gaussian_channel(dim: int, within: float) -> None:
    posteriors, z = planted(4000, dim, within)
    each = mutual_information(posteriors, z)
    truth = 0.5 * dim * math.log(1 + 1 / within**2)
    error = float(each.std()) / math.sqrt(len(each))
    assert error < 0.02 * truth
    # The variance of 4,000 planted means is itself known to a share of sqrt(2 / 4000) only.
    slack = 4 * error + 4 * 0.5 * dim * math.sqrt(2 / 4000)
    assert abs(float(each.mean()) - truth) < slack
    assert truth < cap(4000) - 2


def test_sentences_far_apart_sit_at_the_cap() -> None:
    posteriors, z = planted(500, 8, within=0.001)
    assert float(mutual_information(posteriors, z).mean()) == pytest.approx(cap(500), abs=1e-6)
    assert float(mutual_information(posteriors, z).max()) <= cap(500) + 1e-6  # rounding alone
    assert cap(500) == math.log(500)


@pytest.mark.parametrize("within", [1e-2, 1e-4, 1e-6])
def test_rounding_never_lifts_it_above_the_cap(within: float) -> None:
    means = torch.tensor([[-100.3, 50.0], [100.7, 3.3], [7.1, -80.0], [0.4, 0.2], [33.3, 99.9]])
    q = Independent(Normal(means, torch.full_like(means, within)), 1)
    for seed in range(20):
        torch.manual_seed(seed)
        assert float(mutual_information([q], q.sample((3,))).max()) <= cap(5) + 1e-12


def test_equal_posteriors_say_nothing() -> None:
    posteriors, z = planted(500, 8, within=1.0, between=0.0)
    assert float(mutual_information(posteriors, z).abs().max()) < 1e-6


def test_an_estimate_inside_batches_would_be_capped_too_low() -> None:
    """The planted bug: the same channel, judged batch by batch."""
    posteriors, z = planted(4000, 2, within=0.1)
    truth = math.log(1 + 1 / 0.1**2)
    whole = float(mutual_information(posteriors, z).mean())
    small = [Independent(Normal(m, torch.full_like(m, 0.1)), 1) for q in posteriors for m in q.mean.split(10)]
    inside = [mutual_information([q], zs[None]).mean() for q, zs in zip(small, z[0].split(10), strict=True)]
    assert abs(whole - truth) < 0.2
    assert float(torch.stack(inside).mean()) <= cap(10) < truth - 2


def test_it_does_not_depend_on_batches() -> None:
    posteriors, z = planted(700, 3, within=0.3)
    loc = torch.cat([q.mean for q in posteriors])
    once = [Independent(Normal(loc, torch.full_like(loc, 0.3)), 1)]
    torch.testing.assert_close(mutual_information(posteriors, z), mutual_information(once, z))


def test_the_fast_densities_are_those_of_the_distribution() -> None:
    torch.manual_seed(0)
    q = DiagonalGaussian(5)(torch.randn(7, 10, dtype=torch.float64) * 3)
    z = 100 + torch.randn(11, 5, dtype=torch.float64)
    torch.testing.assert_close(pairwise_log_prob(q, z), q.log_prob(z[:, None]))


def test_any_family_with_a_density_will_do() -> None:
    torch.manual_seed(0)
    family = Mixture(2, components=3)
    q = family(torch.randn(50, family.num_params))
    assert isinstance(q, MixtureSameFamily)
    each = mutual_information([q], q.sample((4,)))
    assert each.shape == (50,)
    assert 0 < float(each.mean()) <= cap(50)


def test_several_samples_of_each_sentence_are_averaged() -> None:
    """Two sentences at -1 and 1, samples at their means and at 0: there both densities are equal, and nothing is said.

    At its mean a sentence's density is e^2 times the other's (variance 1), so that log q - log q(z) = ln 2 - ln(1 +
    e^-2); half of that is the mean over the two samples.
    """
    q = Independent(Normal(torch.tensor([[-1.0], [1.0]]), torch.ones(2, 1)), 1)
    z = torch.stack([q.mean, torch.zeros(2, 1)])  # [S, N, D]
    expected = (math.log(2) - math.log1p(math.exp(-2))) / 2
    assert mutual_information([q], z).tolist() == pytest.approx([expected, expected])
