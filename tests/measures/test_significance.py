"""Tests that find planted differences, and find nothing at the stated rate where there is nothing."""

import warnings
from functools import partial
from itertools import combinations, product

import numpy as np
import pytest
from scipy import stats

from undersong.measures.overlap import bleu, bleu_of, bleu_statistics
from undersong.measures.significance import (
    Comparison,
    compare_seeds,
    mark,
    paired_bootstrap,
    proportions,
    spread,
    stratified,
    student,
    welch,
)


def test_bootstrap_interval_is_the_normal_one_for_a_mean():
    random = np.random.default_rng(0)
    a, b = random.standard_normal((2, 2000))
    found = paired_bootstrap(a, b, resamples=5000)
    error = (a - b).std(ddof=1) / np.sqrt(2000)
    assert found.difference == pytest.approx((a - b).mean())
    assert found.low == pytest.approx(found.difference - 1.96 * error, abs=0.15 * error)
    assert found.high == pytest.approx(found.difference + 1.96 * error, abs=0.15 * error)


def test_bootstrap_is_paired():
    # A difference far below the spread of the sentences, but the same on each of them.
    random = np.random.default_rng(0)
    a = 10 * random.standard_normal(500)
    b = a - 0.1 + 0.05 * random.standard_normal(500)
    assert paired_bootstrap(a, b).real()
    assert not paired_bootstrap(a, random.permutation(b)).real()


def test_bootstrap_is_wrong_as_often_as_it_says():
    random = np.random.default_rng(1)
    p = [paired_bootstrap(*random.standard_normal((2, 200)), resamples=400, seed=i).p for i in range(300)]
    assert np.mean(np.array(p) < 0.1) == pytest.approx(0.1, abs=4 * np.sqrt(0.09 / 300))
    same = random.standard_normal(50)
    assert paired_bootstrap(same, same).p == 1.0


def test_bootstrap_of_corpus_bleu():
    random = np.random.default_rng(0)
    words = list("abcdefgh")
    originals = [list(random.choice(words, size=8)) for _ in range(300)]
    worse = [[w if random.random() < 0.6 else "x" for w in s] for s in originals]
    better = [[w if random.random() < 0.8 else "x" for w in s] for s in originals]
    statistics = [bleu_statistics(written, originals) for written in (better, worse)]
    found = paired_bootstrap(*statistics, statistic=partial(bleu_of, order=2), resamples=500)
    assert found.difference == pytest.approx(bleu(better, originals, 2) - bleu(worse, originals, 2))
    assert found.low < found.difference < found.high
    assert found.real()
    assert "300 sentences" in found.test


def test_bootstrap_needs_the_same_sentences():
    with pytest.raises(ValueError, match="same sentences"):
        paired_bootstrap([1.0, 2.0], [1.0])


def test_welch_is_scipys():
    a, b = [1.0, 2.0, 3.0], [4.0, 5.0, 7.0]
    assert welch(a, b).p == pytest.approx(stats.ttest_ind(a, b, equal_var=False).pvalue)
    assert welch([1.0, 1.0], [2.0, 2.0]).p == 0.0
    assert welch([1.0, 1.0], [1.0, 1.0]).p == 1.0
    for count, other in ((3, 4), (6, 3), (9, 10)):  # the means of equal numbers differ by rounding
        same = welch([0.1] * count, [0.1] * other)
        assert (same.difference, same.low, same.high, same.p) == (0.0, 0.0, 0.0, 1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        known = welch([8.0, 8.0, 8.0], [6.0, 5.0, 8.0])
    assert known.p == pytest.approx(stats.ttest_1samp([6.0, 5.0, 8.0], 8.0).pvalue)
    assert compare_seeds([1.0], [2.0]) is None
    assert compare_seeds([], [2.0, 3.0]) is None
    with pytest.raises(ValueError, match="two seeds"):
        welch([1.0], b)


def test_one_run_against_several_seeds_is_measured_by_their_spread():
    """By hand: of 1, 2, 3 the mean is 2 and s = 1, so x = 6 is (6 - 2) / sqrt(4/3) = 3.464 deviations away."""
    found, turned = student([6.0], [1.0, 2.0, 3.0]), student([1.0, 2.0, 3.0], [6.0])
    assert found is not None
    assert turned is not None
    assert found.p == pytest.approx(2 * stats.t.sf(4 / np.sqrt(4 / 3), 2)) == turned.p
    assert (found.difference, turned.difference) == (4.0, -4.0)
    assert found.low is not None
    assert found.low == pytest.approx(4 - stats.t.ppf(0.975, 2) * np.sqrt(4 / 3)) == pytest.approx(-turned.high)
    assert found.test == "Student's t-test over 1 and 3 seeds"
    assert student([6.0], [2.0, 2.0]) is None
    assert compare_seeds([6.0], [1.0, 2.0, 3.0]) == found
    with pytest.raises(ValueError, match="two or more"):
        student([1.0, 2.0], [1.0, 2.0])


def test_one_run_against_several_seeds_calls_chance_real_as_often_as_it_says():
    random = np.random.default_rng(0)
    draws = random.standard_normal((2000, 4))
    found = [student(row[:1], row[1:]) for row in draws]
    assert np.mean([one.real() for one in found if one is not None]) == pytest.approx(0.05, abs=0.015)


def test_spread_of_one_seed_is_unknown():
    assert spread([2.0]) == (2.0, None)
    assert spread([1.0, 2.0, 3.0]) == (2.0, pytest.approx(1.0))


def test_a_mark_names_its_test():
    found = Comparison(1.0, None, None, 0.2, "a test over 3 and 3 seeds")
    assert mark(found) == "not significant (p = 0.200, a test over 3 and 3 seeds)"
    assert mark(Comparison(1.0, 0.5, 1.5, 0.0002, "t")) == "* (p < 0.001, t)"


def test_two_proportions_agree_with_a_contingency_table():
    found = proportions(0.30, 0.26, 1000, 800)
    table = [[300, 700], [208, 592]]
    assert found.p == pytest.approx(stats.chi2_contingency(table, correction=False).pvalue, rel=1e-9)
    assert found.difference == pytest.approx(0.04)
    assert found.low < 0.04 < found.high
    assert found.test == "two-proportion z-test over 1000 and 800 sentences"
    assert proportions(1.0, 1.0, 50).p == 1.0


def test_two_proportions_call_chance_real_as_often_as_they_say():
    random = np.random.default_rng(0)
    shares = random.binomial(500, 0.3, size=(2, 4000)) / 500
    wrong = np.mean([proportions(a, b, 500).real() for a, b in shares.T])
    assert abs(wrong - 0.05) < 4 * np.sqrt(0.05 * 0.95 / 4000)


def test_pairs_together_are_tested_as_by_all_ways_of_dealing():
    random = np.random.default_rng(2)
    pairs = [(random.standard_normal(3) + 0.8, random.standard_normal(2)), (random.standard_normal(2), [0.3, -0.1])]

    def parts(first: np.ndarray, second: np.ndarray) -> list[float]:
        both = np.concatenate([first, second])
        ways = combinations(range(len(both)), len(first))
        means = [(both[[*way]].mean(), np.delete(both, [*way]).mean()) for way in ways]
        return [(a - b) / both.std(ddof=1) / 2 for a, b in means]

    dealt = np.array([sum(way) for way in product(*(parts(np.array(a), np.array(b)) for a, b in pairs))])
    assert len(dealt) == 10 * 6
    found = stratified(pairs, draws=50_000)
    assert found is not None
    assert found.difference == pytest.approx(dealt[0])  # the first way is the one observed
    exact = np.mean(np.abs(dealt) >= abs(dealt[0]) - 1e-9)
    assert abs(found.p - exact) < 4 * np.sqrt(exact * (1 - exact) / 50_000) + 1 / 50_000
    assert found.test == "stratified permutation test over 2 pairs and 9 runs"


def test_pairs_together_are_wrong_as_often_as_they_say():
    random = np.random.default_rng(3)
    scales = 10.0 ** np.arange(-2, 3)  # pairs of other units, as rates and shares are
    p = []
    for _ in range(1000):
        found = stratified([tuple(scale * random.standard_normal((2, 3)) + 7 * scale) for scale in scales], draws=400)
        assert found is not None
        p.append(found.p)
    for level in (0.05, 0.2):
        assert abs(np.mean(np.array(p) < level) - level) < 4 * np.sqrt(level * (1 - level) / 1000)


def test_pairs_together_find_what_no_pair_shows_alone():
    pairs = [([3.0, 4.0, 5.0], [1.0, 2.0, 3.5])] * 4
    assert not welch(*pairs[0]).real()
    found, other = stratified(pairs), stratified([(b, a) for a, b in pairs])
    assert found is not None
    assert other is not None
    assert found.real()
    assert (found.difference, found.p) == pytest.approx((-other.difference, other.p), abs=0.01)
    mixed = stratified([*pairs[:2], *((b, a) for a, b in pairs[2:])])
    assert mixed is not None
    assert not mixed.real()


def test_pairs_that_are_all_alike_say_nothing():
    same = ([8.0, 8.0, 8.0], [8.0, 8.0, 8.0])
    assert stratified([same]) is None
    assert stratified([same, ([1.0, 2.0], [3.0, 4.0])]) == stratified([([1.0, 2.0], [3.0, 4.0])])


@pytest.mark.parametrize("wrong", [-np.inf, np.nan])
def test_what_is_not_finite_makes_no_difference(wrong):
    scores = np.array([wrong, 1.0, 2.0])
    assert paired_bootstrap(scores, np.arange(3.0), resamples=20) is None
    assert paired_bootstrap(scores, scores, resamples=20) is None
