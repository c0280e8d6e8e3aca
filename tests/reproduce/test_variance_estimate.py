"""Section 3 of the isotropic-posterior paper: one shared variance is estimated more precisely than each of K.

The paper's symbols are lost in our source. Of N samples of K dimensions with variance s^2 around a known mean, the mean
square of one dimension has the standard deviation s^2 sqrt(2 / N); that of all K together s^2 sqrt(2 / (N K)), which is
sqrt(K) times less.
"""

import numpy as np
import pytest
import torch

from undersong.families import DiagonalGaussian, IsotropicGaussian

N, K, TRIALS, VARIANCE = 50, 16, 10_000, 0.3  # deviations over the trials are known to 0.7%


@pytest.fixture(scope="module")
def each() -> np.ndarray:
    """Estimates of each dimension's variance in each trial [TRIALS, K]."""
    random = np.random.Generator(np.random.Philox(key=0))
    samples = random.normal(0.0, np.sqrt(VARIANCE), size=(TRIALS, N, K))
    return (samples**2).mean(1)


def test_a_shared_variance_is_estimated_sqrt_k_times_as_precisely(each: np.ndarray) -> None:
    shared = each.mean(1)  # the mean over all N K squares
    assert each.mean() == pytest.approx(VARIANCE, rel=0.01)
    assert each.std() == pytest.approx(VARIANCE * np.sqrt(2 / N), rel=0.03)
    assert shared.std() == pytest.approx(VARIANCE * np.sqrt(2 / (N * K)), rel=0.05)
    assert each.std() / shared.std() == pytest.approx(np.sqrt(K), rel=0.05)


def test_of_many_separate_estimates_a_few_are_far_off_by_chance(each: np.ndarray) -> None:
    worst, shared = np.abs(each - VARIANCE).max(1).mean(), np.abs(each.mean(1) - VARIANCE).mean()
    assert worst > 4 * shared


def test_these_estimates_are_those_of_the_librarys_posteriors() -> None:
    """Each family's likelihood of the samples is highest at its own estimate, and is not at the other one's."""
    samples = torch.from_numpy(np.random.Generator(np.random.Philox(key=1)).normal(0.0, 0.5, size=(N, K)))
    squares = (samples**2).mean(0)
    for family, estimate, other in (
        (DiagonalGaussian(K), squares, squares.mean().expand(K)),
        (IsotropicGaussian(K), squares.mean()[None], squares.min()[None]),
    ):
        slopes = []
        for variance in (estimate, other):
            log_variance = variance.log().clone().requires_grad_()
            q = family(torch.cat([torch.zeros(K, dtype=torch.float64), log_variance]))
            slopes.append(torch.autograd.grad(q.log_prob(samples).mean(), log_variance)[0].abs().max())
        assert slopes[0] < 1e-9 < 1e-2 < slopes[1]
