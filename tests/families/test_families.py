"""Families: zeros are standard, mixtures pick a component, divergences agree with integration."""

from functools import partial

import pytest
import torch

from undersong.distributions import kl_parts
from undersong.families import DiagonalGaussian, IsotropicGaussian, LearnedPrior, Mixture, PointMass, StandardPrior

FAMILIES = [DiagonalGaussian, IsotropicGaussian, Mixture, partial(Mixture, component=IsotropicGaussian)]


@pytest.mark.parametrize("family", FAMILIES)
def test_zeros_give_the_standard_member(family):
    made = family(3)
    q = made(torch.zeros(5, made.num_params))
    z = torch.randn(5, 3)
    standard = torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(-1)
    assert q.batch_shape == (5,)
    assert q.event_shape == (3,)
    torch.testing.assert_close(q.log_prob(z), standard)


@pytest.mark.parametrize("component", [DiagonalGaussian, IsotropicGaussian])
def test_a_mixtures_samples_come_from_one_component_each(component):
    """Two components at -5 and +5: a sample near 0 would be their average, as a public implementation has it."""
    family = Mixture(1, components=2, component=component)
    member = component(1)
    low, high = torch.zeros(member.num_params), torch.zeros(member.num_params)
    low[0], high[0], low[-1], high[-1] = -5.0, 5.0, -4.0, -4.0
    torch.manual_seed(0)
    z = family(torch.cat([torch.zeros(2), low, high])).sample((4000,))
    assert z.abs().min() > 4.0
    assert abs(z.std().item() - 5.0) < 0.05


def test_a_mixtures_density_integrates_to_one_and_matches_its_formula():
    family = Mixture(1, components=3)
    torch.manual_seed(1)
    params = torch.randn(family.num_params)
    grid = torch.linspace(-30, 30, 60001)[:, None]
    log_p = family(params).log_prob(grid)
    weights = params[:3].softmax(0)
    loc, variance = params[3::2], params[4::2].exp()
    by_hand = sum(
        w * torch.exp(-((grid[:, 0] - m) ** 2) / (2 * v)) / (2 * torch.pi * v).sqrt()
        for w, m, v in zip(weights, loc, variance, strict=True)
    )
    assert abs(torch.trapezoid(log_p.exp(), grid[:, 0]).item() - 1.0) < 1e-4
    torch.testing.assert_close(log_p.exp(), by_hand, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("family", [DiagonalGaussian, IsotropicGaussian])
def test_the_divergence_by_part_agrees_with_integration(family):
    torch.manual_seed(2)
    made = family(2)
    q, p = made(torch.randn(1, made.num_params)), made(torch.randn(1, made.num_params))
    parts = kl_parts(q, p)
    grid = torch.linspace(-40, 40, 80001)
    for d in range(2):
        one, other = (
            torch.distributions.Normal(m.base_dist.loc[0, d].double(), m.base_dist.scale[0, d].double()) for m in (q, p)
        )
        density = one.log_prob(grid.double())
        expected = torch.trapezoid(density.exp() * (density - other.log_prob(grid.double())), grid.double())
        assert abs(parts[0, d].item() - expected.item()) < 1e-4


def test_no_closed_form_is_said_and_not_guessed():
    q = DiagonalGaussian(2)(torch.zeros(1, 4))
    assert kl_parts(q, LearnedPrior(2)()) is None


def test_the_isotropic_family_has_one_variance():
    q = IsotropicGaussian(4)(torch.randn(7, 5))
    assert (q.variance == q.variance[:, :1]).all()


def test_a_point_has_no_density():
    q = PointMass(2)(torch.ones(3, 2))
    assert q.rsample((2,)).shape == (2, 3, 2)
    with pytest.raises(ValueError, match="no density"):
        q.log_prob(torch.ones(3, 2))


def test_a_standard_prior_is_not_learned_and_a_learned_one_is():
    assert not list(StandardPrior(3).parameters())
    prior = LearnedPrior(3)
    prior().log_prob(torch.randn(10, 3)).sum().backward()
    assert prior.params.grad is not None
    assert prior.params.grad.abs().min() > 0


def test_tying_the_variances_to_their_mean_never_raises_the_divergence():
    """KL to N(0, I) depends on the variances v through sum(v - log v - 1) / 2, which is convex in v."""
    torch.manual_seed(3)
    loc, variance = torch.randn(500, 6), torch.rand(500, 6) * 3 + 0.01
    tied = variance.mean(-1, keepdim=True)
    zero = DiagonalGaussian(6)(torch.zeros(500, 12))
    diagonal = DiagonalGaussian(6)(torch.cat([loc, variance.log()], -1))
    isotropic = IsotropicGaussian(6)(torch.cat([loc, tied.log()], -1))
    assert (kl_parts(isotropic, zero).sum(-1) <= kl_parts(diagonal, zero).sum(-1) + 1e-5).all()
