"""Keyed noise: a sample belongs to (seed, sentence, number) and to nothing else."""

from functools import partial

import pytest
import torch
from tests.families.own import DiagonalLaplace
from torch.distributions import Gamma, Independent

from undersong.distributions import keyed_sample
from undersong.families import DiagonalGaussian, IsotropicGaussian, Mixture, PointMass

FAMILIES = [
    DiagonalGaussian,
    IsotropicGaussian,
    Mixture,
    PointMass,
    DiagonalLaplace,
    partial(Mixture, component=DiagonalLaplace),
]


def _q(family, rows):
    made = family(3)
    torch.manual_seed(0)
    params = torch.randn(rows, made.num_params)
    return made, params


@pytest.mark.parametrize("family", FAMILIES)
def test_batch_order_and_number_of_samples_change_nothing(family):
    made, params = _q(family, 6)
    index = torch.tensor([3, 1, 4, 15, 9, 2])
    whole = keyed_sample(made(params), index, 7, seed=5)
    order = torch.tensor([4, 0, 2])
    some = keyed_sample(made(params[order]), index[order], 2, seed=5)
    assert torch.equal(whole[:2, order], some)


def test_another_seed_sentence_or_sample_is_other_noise():
    made, params = _q(DiagonalGaussian, 2)
    same = params[:1].expand(2, -1)
    z = keyed_sample(made(same), torch.tensor([0, 1]), 2, seed=5)
    other = keyed_sample(made(same), torch.tensor([0, 1]), 2, seed=6)
    distinct = torch.stack([z[0, 0], z[1, 0], z[0, 1], z[1, 1], other[0, 0]])
    assert len(distinct.unique(dim=0)) == 5


@pytest.mark.parametrize("family", [f for f in FAMILIES if f is not PointMass])
def test_the_samples_have_the_distributions_moments(family):
    made, params = _q(family, 1)
    q = made(params)
    z = keyed_sample(q, torch.tensor([11]), 200_000, seed=1)[:, 0]
    error = (q.variance[0] / len(z)).sqrt()
    assert ((z.mean(0) - q.mean[0]).abs() < 4 * error).all()
    assert (error < 0.01 * q.variance[0].sqrt()).all()
    torch.testing.assert_close(z.var(0), q.variance[0], rtol=0.03, atol=0.0)


def test_large_and_negative_seeds_differ_from_their_neighbours() -> None:
    q = DiagonalGaussian(2)(torch.zeros(1, 4))
    drawn = [keyed_sample(q, torch.tensor([3]), 1, seed) for seed in (2**63, 2**63 + 1, -1, -2)]
    assert len({float(z.sum()) for z in drawn}) == 4


@pytest.mark.parametrize("family", [DiagonalLaplace, partial(Mixture, component=DiagonalLaplace)])
def test_samples_come_from_the_very_distribution_not_from_a_gaussian_of_its_moments(family):
    """E log q of the keyed samples is that of torch's own; for a Gaussian of the same moments it is far lower."""
    made, params = _q(family, 1)
    q = made(params)
    torch.manual_seed(1)
    with torch.no_grad():
        keyed = q.log_prob(keyed_sample(q, torch.tensor([11]), 100_000, seed=1)[:, 0])
        usual = q.log_prob(q.sample((100_000,))[:, 0])
    error = float((keyed.var() / len(keyed) + usual.var() / len(usual)).sqrt())
    assert abs(float(keyed.mean() - usual.mean())) < 4 * error
    assert error < 0.01 * abs(float(usual.mean()))


def test_gradients_reach_the_parameters_through_the_quantile_function() -> None:
    params = torch.zeros(1, 4, requires_grad=True)
    z = keyed_sample(DiagonalLaplace(2)(params), torch.tensor([3]), 5, seed=1)
    (gradient,) = torch.autograd.grad(z.sum(), params)
    torch.testing.assert_close(gradient, torch.cat([torch.full((2,), 5.0), z.sum((0, 1))])[None])


def test_a_distribution_without_quantiles_is_refused_by_name() -> None:
    q = Independent(Gamma(torch.ones(1, 2), torch.ones(1, 2)), 1)
    with pytest.raises(NotImplementedError, match=r"Independent of Gamma .*icdf"):
        keyed_sample(q, torch.tensor([3]), 1, seed=1)
