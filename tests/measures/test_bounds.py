"""ELBO <= IWAE_K <= log p(x), without noise where that can be had; right estimates agree with closed forms."""

import math
from collections.abc import Callable

import pytest
import torch
from tests.measures.gaussian import LinearGaussian, closed_elbo, sentences, system
from torch import Tensor

from undersong.draw import Draw, draw
from undersong.measures import bounds

COUNT = 8
MODEL = LinearGaussian(count=COUNT)
X = sentences(COUNT)


def drawn(wide: float, samples: int, m: float = 0.0, seed: int = 0) -> Draw:
    torch.manual_seed(seed)
    q = system(MODEL, m, wide).posterior(X)
    return draw(MODEL, X, q, q.rsample((samples,)))


def test_with_the_exact_posterior_every_bound_is_log_p() -> None:
    d = drawn(wide=1.0, samples=6)
    truth = MODEL.log_p(X)
    for k in range(1, 7):
        torch.testing.assert_close(bounds.iwae(d.log_w, k), truth)
    found = bounds.importance_sampled(d.log_w)
    torch.testing.assert_close(found.value, truth)
    torch.testing.assert_close(found.error, torch.zeros_like(truth), atol=1e-6, rtol=0)
    torch.testing.assert_close(found.effective, torch.full_like(truth, 6.0))
    torch.testing.assert_close(d.mean(d.log_px) - d.kl, truth, atol=3.0, rtol=0)  # one term is sampled here


@pytest.mark.parametrize("seed", range(5))
def test_bounds_rise_with_k_on_one_set_of_samples(seed: int) -> None:
    log_w = drawn(wide=1.7, samples=10, seed=seed).log_w
    ladder = torch.stack([bounds.iwae(log_w, k) for k in range(1, 11)])
    assert (ladder.diff(dim=0) > 0).all()
    torch.testing.assert_close(ladder[0], bounds.elbo(log_w))
    torch.testing.assert_close(ladder[-1], bounds.importance_sampled(log_w).value)


def test_bounds_lie_between_the_closed_elbo_and_log_p() -> None:
    """In expectation: the mean of many independent sets, with its standard error."""
    sets, samples, wide = 1000, 5, 1.4
    log_w = drawn(wide, sets * samples).log_w.view(samples, sets * COUNT)
    elbo, truth = closed_elbo(MODEL, X, wide), MODEL.log_p(X)
    below = elbo
    for k in range(1, samples + 1):
        each = bounds.iwae(log_w, k).view(sets, COUNT)
        mean, error = each.mean(0), each.std(0) / math.sqrt(sets)
        assert (error < 0.01 * truth.abs()).all()
        if k == 1:
            assert ((mean - elbo).abs() < 4 * error).all()
        assert (mean > below - 4 * error).all()
        assert (mean < truth).all()
        below = mean


Estimator = Callable[[Draw], Tensor]

WRONG: dict[str, Estimator] = {
    "q counted twice": lambda d: (d.log_w - d.log_qz).logsumexp(0) - math.log(len(d.log_px)),  # type: ignore[operator]
    "q with the wrong sign": lambda d: (d.log_px + d.log_pz + d.log_qz).logsumexp(0) - math.log(len(d.log_px)),  # type: ignore[operator]
    "the prior left out": lambda d: (d.log_w - d.log_pz).logsumexp(0) - math.log(len(d.log_px)),
    "a sum for a mean": lambda d: d.log_w.logsumexp(0),
    "the mean of logs": lambda d: d.log_w.mean(0),
}


def agrees(estimator: Estimator) -> bool:
    """Within four standard errors of the closed form for every sentence, the error being under 1%."""
    d, truth = drawn(wide=1.3, samples=20_000), MODEL.log_p(X)
    error = bounds.importance_sampled(d.log_w).error
    assert (error < 0.01 * truth.abs()).all()
    return bool(((estimator(d) - truth).abs() < 4 * error).all())


def test_importance_sampling_agrees_with_the_closed_form() -> None:
    assert agrees(lambda d: bounds.importance_sampled(d.log_w).value)


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_estimator_does_not_agree(name: str) -> None:
    assert not agrees(WRONG[name])


def test_the_standard_error_is_the_spread_of_repeated_estimates() -> None:
    d = drawn(wide=1.3, samples=400 * 500)
    repeated = bounds.importance_sampled(d.log_w.view(400, 500 * COUNT))
    spread = repeated.value.view(500, COUNT).std(0)
    claimed = repeated.error.view(500, COUNT).mean(0)
    torch.testing.assert_close(claimed, spread, rtol=0.15, atol=0)


def test_one_sample_has_a_value_but_no_error() -> None:
    found = bounds.importance_sampled(drawn(wide=1.3, samples=1).log_w)
    assert found.value.isfinite().all()
    assert found.error.isnan().all()
    torch.testing.assert_close(found.effective, torch.ones(COUNT, dtype=torch.float64))


@pytest.mark.parametrize("wide", [1.0, 1.5])
def test_autogens_reconstruction_agrees_with_the_closed_form(wide: float) -> None:
    repeats, samples = 40, 4000
    d = drawn(wide, repeats * samples)
    each = bounds.reconstruction(d.log_w.view(samples, -1), d.log_px.view(samples, -1)).view(repeats, COUNT)
    truth, error = MODEL.log_again(X), each.std(0) / math.sqrt(repeats)
    assert (error < 0.01 * truth.abs()).all()
    assert ((each.mean(0) - truth).abs() < 4 * error).all()
    wrong = d.log_px.logsumexp(0) - math.log(len(d.log_px))  # under q instead of the posterior
    if wide > 1:
        assert ((wrong - truth).abs() > 4 * error).any()


def test_impossible_k_is_refused() -> None:
    log_w = torch.zeros(30, 1)
    for k in (0, 31, 15):
        with pytest.raises(ValueError, match=r"subsets|defined"):
            bounds.iwae(log_w, k)


def test_weights_by_hand() -> None:
    """Weights 1/2, 3/2 and 3: their mean is 5/3, their deviation (over S - 1) is sqrt(19/12)."""
    found = bounds.importance_sampled(torch.tensor([[0.5], [1.5], [3.0]]).log())
    assert float(found.value) == pytest.approx(math.log(5 / 3))
    assert float(found.error) == pytest.approx(math.sqrt(19 / 12 / 3) / (5 / 3))
    assert float(found.effective) == pytest.approx(25 / 11.5)
