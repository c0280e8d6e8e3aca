"""The aggregated posterior's shape and the rate-distortion plane, on numbers whose answers are known."""

import numpy as np
import pytest

from undersong.measures.rates import empirical_entropy, rate_distortion
from undersong.measures.shape import aggregate_shape, tsne


def test_shape_of_a_gaussian_is_its_own():
    random = np.random.default_rng(0)
    scale, mean = np.array([0.5, 2.0, 1.0]), np.array([1.0, 0.0, -2.0])
    found = aggregate_shape((mean + scale * random.standard_normal((200_000, 3))).astype(np.float32))
    assert found["log_det_covariance"] == pytest.approx(2 * np.log(scale).sum(), abs=4 * np.sqrt(6 / 200_000))
    assert found["mean_norm_squared"] == pytest.approx(5.0, abs=0.03)


def test_a_singular_covariance_has_no_log_determinant():
    z = np.random.default_rng(0).standard_normal((50, 3))
    assert aggregate_shape(z * [1, 1, 0])["log_det_covariance"] is None
    assert aggregate_shape(z[:, [0, 1, 1]])["log_det_covariance"] is None
    assert aggregate_shape(z[:3])["log_det_covariance"] is None


def test_tsne_separates_two_clusters_and_repeats_itself():
    random = np.random.default_rng(0)
    means = np.concatenate([random.standard_normal((30, 4)), 20 + random.standard_normal((30, 4))])
    first, again = tsne(means, seed=1), tsne(means, seed=1)
    assert first.shape == (60, 2)
    assert (first == again).all()
    centres = first[:30].mean(0), first[30:].mean(0)
    within = np.linalg.norm(first[:30] - centres[0], axis=1).mean()
    assert np.linalg.norm(centres[0] - centres[1]) > 2 * within
    assert tsne(np.zeros((5, 2))).shape == (5, 2)  # a collapsed model has a picture too
    with pytest.raises(ValueError, match="at least 4"):
        tsne(means[:3])


def test_entropy_counts_duplicates():
    assert empirical_entropy(range(1000)) == pytest.approx(np.log(1000))
    assert empirical_entropy(["a", "a", "a", "b"]) == pytest.approx(-(0.75 * np.log(0.75) + 0.25 * np.log(0.25)))


def test_information_at_its_cap_is_marked():
    free = rate_distortion(rate=3.0, distortion=40.0, mutual_information=2.5, cap=7.0, entropy=7.0)
    capped = rate_distortion(rate=12.0, distortion=30.0, mutual_information=6.95, cap=7.0, entropy=7.0)
    assert free["information_at_cap"] == 0
    assert capped["information_at_cap"] == 1
    assert free["information_lower"] == -33.0


def test_the_inequalities_hold_where_everything_can_be_counted():
    # Three sentences, four codes, any encoder, prior and decoder: all of R, D, I, H by enumeration.
    random = np.random.default_rng(0)
    for _ in range(50):
        encoder, prior, decoder = (random.dirichlet(np.ones(n), size=s) for n, s in ((4, 3), (4, 1), (3, 4)))
        aggregate = encoder.mean(0)
        rate = (encoder * np.log(encoder / prior)).sum(1).mean()
        distortion = -(encoder * np.log(decoder.T)).sum(1).mean()
        information = (encoder * np.log(encoder / aggregate)).sum(1).mean()
        found = rate_distortion(rate, distortion, information, np.log(3), empirical_entropy("abc"))
        assert found["information_lower"] <= found["information"] + 1e-12
        assert found["information"] <= found["rate"] + 1e-12


def test_the_covariance_is_the_unbiased_one_of_numpy():
    z = np.random.default_rng(0).normal(size=(6, 2))
    expected = np.log(np.linalg.det(np.cov(z.T)))
    assert aggregate_shape(z)["log_det_covariance"] == pytest.approx(expected)


def test_the_lower_bound_takes_the_entropy_of_the_sentences_and_not_the_estimators_cap():
    """Of four sentences two are alike: H = 1.04 is less than ln 4, the most that the estimate can come to."""
    entropy = empirical_entropy(["a", "b", "c", "c"])
    assert entropy == pytest.approx(np.log(2) / 2 + np.log(4) / 2)
    found = rate_distortion(3.0, 0.5, 1.0, np.log(4), entropy)
    assert found["information_lower"] == pytest.approx(entropy - 0.5)
    assert found["information_cap"] == pytest.approx(np.log(4))
