"""Gaussians against torch's and scipy's, their M-step against the definition, and projections that keep volume."""

import math

import pytest
import torch
from torch.distributions import MultivariateNormal

from undersong.errors import UserError
from undersong.nets.components import DiagonalComponents, FullComponents
from undersong.nets.projection import Coupling, Unprojected
from undersong.nets.shared_components import SharedDiagonalComponents, TiedComponents

KINDS = [DiagonalComponents, FullComponents, SharedDiagonalComponents, TiedComponents]


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def _points() -> tuple[torch.Tensor, torch.Tensor]:
    """Points [40, 3] far from nought, and what belongs to each of two states [40, 2]."""
    mix = torch.tensor([[1.0, 0.6, 0.0], [0.0, 0.5, 0.0], [0.3, 0.0, 2.0]])
    return torch.randn(40, 3) @ mix + 5, torch.rand(40, 2)


def _covariances(kind: type, v: torch.Tensor, weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Means [K, D] and covariances [K, D, D] by the definition, in plain loops."""
    means = torch.stack([(weight[:, k, None] * v).sum(0) / weight[:, k].sum() for k in range(2)])
    each = [
        sum(w * torch.outer(p - m, p - m) for p, w in zip(v, weight[:, k], strict=True)) for k, m in enumerate(means)
    ]
    if kind is FullComponents:
        return means, torch.stack([s / weight[:, k].sum() for k, s in enumerate(each)])
    if kind is DiagonalComponents:
        return means, torch.stack([torch.diag(torch.diagonal(s)) / weight[:, k].sum() for k, s in enumerate(each)])
    pooled = (each[0] + each[1]) / weight.sum()
    return means, (torch.diag(torch.diagonal(pooled)) if kind is SharedDiagonalComponents else pooled).expand(2, 3, 3)


@pytest.mark.parametrize("kind", KINDS)
def test_fit_is_the_maximum_and_density_is_the_gaussians(kind):
    v, weight = (t.double() for t in _points())
    gaussians = kind(2, 3)
    gaussians.maximise(gaussians.sums(v, weight))
    means, covariances = _covariances(kind, v, weight)
    expected = torch.stack([MultivariateNormal(m, c).log_prob(v) for m, c in zip(means, covariances, strict=True)], 1)
    assert torch.allclose(gaussians(v), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_gradient_vanishes_at_the_closed_form(kind):
    v, weight = _points()
    gaussians = kind(2, 3)
    gaussians.maximise(gaussians.sums(v, weight))
    (gaussians(v) * weight).sum().backward()
    for parameter in gaussians.parameters():
        assert parameter.grad.abs().max() < 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_variances_keep_their_floor_and_empty_states_their_numbers(kind):
    gaussians = kind(3, 2, floor=0.01)
    before = gaussians.means.detach().clone()
    weight = torch.zeros(4, 3)
    weight[:, 0] = 1
    gaussians.maximise(gaussians.sums(torch.ones(4, 2), weight))
    assert torch.equal(gaussians.means[1:], before[1:])
    top = gaussians(torch.ones(1, 2))[0, 0]
    assert float(top.detach()) == pytest.approx(-math.log(2 * math.pi * 0.01), abs=1e-4)
    gaussians.maximise(gaussians.sums(torch.ones(4, 2), torch.zeros(4, 3)))
    assert all(torch.isfinite(p).all() for p in gaussians.parameters())


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_do_not_go_below_the_floor(kind):
    torch.manual_seed(0)
    gaussians, points = kind(1, 2, floor=0.01), torch.ones(4, 2)
    adam = torch.optim.Adam(gaussians.parameters(), 0.1)
    for _ in range(300):
        adam.zero_grad()
        (-gaussians(points).mean()).backward()
        adam.step()
    top = -math.log(2 * math.pi * 0.01)
    assert top - 1e-2 < float(gaussians(points)[0, 0].detach()) < top + 1e-6


@pytest.mark.parametrize("kind", KINDS)
def test_noise_has_the_covariance(kind):
    v, weight = _points()
    gaussians = kind(2, 3)
    gaussians.maximise(gaussians.sums(v, weight))
    drawn = gaussians.noise(torch.ones(200_000, dtype=torch.int64), torch.Generator().manual_seed(0))
    assert torch.allclose(drawn.T.cov(), _covariances(kind, v, weight)[1][1], rtol=0.03, atol=0.03)


def test_a_floor_of_nought_is_refused():
    with pytest.raises(UserError, match="floor"):
        DiagonalComponents(2, 2, floor=0.0)


@pytest.mark.parametrize("dim", [2, 5, 6])
@pytest.mark.parametrize("layers", [1, 4, 5])
def test_coupling_is_invertible_and_keeps_volume(dim, layers):
    f = Coupling(dim, layers=layers, hidden=7).double()
    for parameter in f.parameters():
        torch.nn.init.normal_(parameter, std=0.7)
    v = torch.randn(6, dim).double()
    assert not torch.allclose(f(v), v)
    assert torch.allclose(f.inverse(f(v)), v)
    assert torch.allclose(f(f.inverse(v)), v)
    for row in v:
        jacobian = torch.autograd.functional.jacobian(lambda r: f(r[None])[0], row)
        assert torch.allclose(jacobian.det().abs(), torch.ones((), dtype=torch.float64))


def test_projections_start_as_the_identity():
    v = torch.randn(4, 5)
    assert torch.equal(Coupling(5)(v), v)
    assert torch.equal(Unprojected(5)(v), v)
    assert torch.equal(Unprojected(5).inverse(v), v)
