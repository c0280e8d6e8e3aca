"""Is a difference real? Spread over seeds, resampled sentences, and tests that are named wherever they speak.

- ``paired_bootstrap``: two models on the same sentences; sentences are resampled (Koehn 2004).
- ``proportions``: two shares of right answers, where only the shares are known.
- ``compare_seeds``: two methods, one of them trained from several seeds, or both; Student's or Welch's t-test.
- ``stratified``: several pairs of methods, of few seeds each, all at once.

Knows nothing of models: a score is a number a sentence or a number a seed.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from undersong.measures.some import need_some
from undersong.settings import lowest_bits

Statistic = Callable[[NDArray[Any]], NDArray[Any]]


@dataclass(frozen=True)
class Comparison:
    """A difference and what a test says of it.

    Attributes:
        difference: of the first from the second, in the score's unit.
        low, high: 95% confidence interval of the difference; None where the test gives none.
        p: two-sided p-value.
        test: the test's name, with what it resampled.
    """

    difference: float
    low: float | None
    high: float | None
    p: float
    test: str

    def real(self, level: float = 0.05) -> bool:
        """Does the test call the difference real?"""
        return self.p < level


def mark(comparison: Comparison, level: float = 0.05) -> str:
    """What a table prints beside a difference: ``*`` and the p-value, or why there is no mark; never without the test.

    >>> mark(Comparison(1.0, 0.5, 1.5, 0.002, "paired bootstrap, 100 sentences"))
    '* (p = 0.002, paired bootstrap, 100 sentences)'
    """
    p = f"p = {comparison.p:.3f}" if comparison.p >= 0.001 else "p < 0.001"
    return f"{'*' if comparison.real(level) else 'not significant'} ({p}, {comparison.test})"


def spread(values: ArrayLike) -> tuple[float, float | None]:
    """Mean and standard deviation (n - 1) over seeds; no deviation of one seed.

    Raises:
        ValueError: there is no value.

    >>> spread([1.0, 3.0])
    (2.0, 1.4142135623730951)
    """
    numbers = np.asarray(values, dtype=np.float64)
    need_some(values=len(numbers))
    return float(numbers.mean()), float(numbers.std(ddof=1)) if len(numbers) > 1 else None


def mean_of_sums(sums: NDArray[Any]) -> NDArray[Any]:
    """The mean, for scores given as ``(score, 1)`` rows: the default statistic."""
    return sums[..., 0] / sums[..., 1]


def paired_bootstrap(
    first: ArrayLike,
    second: ArrayLike,
    statistic: Statistic = mean_of_sums,
    resamples: int = 2000,
    seed: int = 0,
) -> Comparison | None:
    """Two models on the same N sentences: how often would resampled sentences turn the difference round?

    p = 2 min(#{delta* <= 0} + 1, #{delta* >= 0} + 1) / (resamples + 1), at most 1. None where a score is not finite, as
    the log-probability of a sentence that a model holds for impossible: there is no difference to resample.

    Args:
        first, second: a score a sentence [N], or the rows [N, F] of a statistic that is a function of their sum:
            ``overlap.bleu_statistics`` with ``partial(bleu_of, order=4)`` gives corpus BLEU.
        statistic: summed rows [..., F] to scores [...].
        resamples: number of resamples.
        seed: of the resampling.

    Raises:
        ValueError: the two do not score the same number of sentences, or score none.
    """
    return paired_bootstraps({"": (first, second, statistic)}, resamples, seed).get("")


def paired_bootstraps(
    scores: Mapping[str, tuple[ArrayLike, ArrayLike, Statistic]], resamples: int = 2000, seed: int = 0
) -> dict[str, Comparison]:
    """``paired_bootstrap`` of several scores of the same N sentences, which are resampled once for all of them.

    Scores that are not all finite are left out.

    Args:
        scores: by name, those of the first model, of the second, and the statistic.
        resamples, seed: as above.

    Raises:
        ValueError: not all are of the same number of sentences, or there is none.
    """
    sides = {name: (_rows(first), _rows(second)) for name, (first, second, _) in scores.items()}
    counts = {len(rows) for pair in sides.values() for rows in pair}
    if len(counts) != 1 or 0 in counts:
        raise ValueError(f"A paired test needs the same sentences twice, not {sorted(counts)}.")
    random = np.random.Generator(np.random.Philox(key=lowest_bits(seed)))
    sides = {name: pair for name, pair in sides.items() if all(np.isfinite(rows).all() for rows in pair)}
    (count,), deltas = counts, {name: np.empty(resamples) for name in sides}
    step = max(1, 4_000_000 // count)
    for start in range(0, resamples, step):
        part = slice(start, min(start + step, resamples))
        weight = random.multinomial(count, np.full(count, 1 / count), part.stop - start).astype(np.float64)  # [R, N]
        for name, (a, b) in sides.items():
            statistic = scores[name][2]
            deltas[name][part] = statistic(weight @ a) - statistic(weight @ b)
    return {name: _said(*sides[name], scores[name][2], deltas[name]) for name in sides}


def _said(
    a: NDArray[np.float64], b: NDArray[np.float64], statistic: Statistic, deltas: NDArray[np.float64]
) -> Comparison:
    """What the resampled differences say of the observed one."""
    below, above = (deltas <= 0).sum() + 1, (deltas >= 0).sum() + 1
    low, high = np.quantile(deltas, [0.025, 0.975])
    difference = float(statistic(a.sum(0)) - statistic(b.sum(0)))
    p = float(min(1.0, 2 * min(below, above) / (len(deltas) + 1)))
    return Comparison(difference, float(low), float(high), p, f"paired bootstrap over {len(a)} sentences")


def welch(first: ArrayLike, second: ArrayLike) -> Comparison:
    """Welch's t-test between the seeds of two methods; needs two seeds of each.

    Raises:
        ValueError: fewer than two seeds of either.
    """
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if min(len(a), len(b)) < 2:
        raise ValueError("Welch's t-test needs at least two seeds of each method.")
    name, difference = f"Welch's t-test over {len(a)} and {len(b)} seeds", float(a.mean() - b.mean())
    if np.ptp(a) == np.ptp(b) == 0:  # the statistic is 0/0 or infinite; a mean of equal numbers may be off by rounding
        difference = float(a[0] - b[0])
        return Comparison(difference, difference, difference, 1.0 if difference == 0 else 0.0, name)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Precision loss", RuntimeWarning)  # seeds of one side that are all equal
        result = stats.ttest_ind(a, b, equal_var=False)
    interval = result.confidence_interval(0.95)
    return Comparison(difference, float(interval.low), float(interval.high), float(result.pvalue), name)


def proportions(first: float, second: float, count: int, other: int | None = None) -> Comparison:
    """Two shares of right answers: z = (a - b) / sqrt(m (1 - m) (1/n + 1/n')), m the share of both together.

    Where both are of the same sentences it is too careful, since it does not see that they agree on most of them.

    Args:
        first, second: shares, from 0 to 1.
        count, other: of how many sentences; ``other`` is ``count`` by default.

    Raises:
        ValueError: there is no sentence.

    >>> proportions(0.55, 0.45, 1000).real(), proportions(0.51, 0.49, 1000).real()
    (True, False)
    """
    n, m = count, count if other is None else other
    need_some(sentences=min(n, m))
    both, difference = (n * first + m * second) / (n + m), first - second
    error = float(np.sqrt(both * (1 - both) * (1 / n + 1 / m)))
    apart = float(np.sqrt(first * (1 - first) / n + second * (1 - second) / m))  # for the interval: each its own spread
    p = float(2 * stats.norm.sf(abs(difference) / error)) if error else 1.0
    low, high = difference - 1.96 * apart, difference + 1.96 * apart
    return Comparison(difference, low, high, p, f"two-proportion z-test over {n} and {m} sentences")


def student(first: ArrayLike, second: ArrayLike) -> Comparison | None:
    """One run against several seeds of another method: would one more seed of that method fall so far away?

    t = (x - m) / (s sqrt(1 + 1/n)) with n - 1 degrees of freedom: Student's t-test between samples of 1 and n, which
    takes the single run's method to vary as much as the other does (Crawford and Howell 1998). None where the several
    are all equal: then nothing is known of how far seeds lie apart.

    Raises:
        ValueError: not one seed of one and two or more of the other.

    >>> student([11.0], [20.2, 12.6, 19.7]).real(), student([2.0], [20.2, 20.6, 19.7]).real()
    (False, True)
    """
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if min(len(a), len(b)) != 1 or len(a) == len(b):
        raise ValueError("This test is of one seed of one method against two or more of the other.")
    if np.ptp(a) == np.ptp(b) == 0:
        return None
    result = stats.ttest_ind(a, b)
    interval, name = result.confidence_interval(0.95), f"Student's t-test over {len(a)} and {len(b)} seeds"
    return Comparison(float(a.mean() - b.mean()), float(interval.low), float(interval.high), float(result.pvalue), name)


def compare_seeds(first: ArrayLike, second: ArrayLike) -> Comparison | None:
    """Welch's test where both methods have two seeds or more, Student's where one of them has; None where neither has,
    since one seed of each says nothing of spread."""
    counts = sorted((np.size(first), np.size(second)))
    if counts[0] == 0 or counts[1] == 1:
        return None
    return student(first, second) if counts[0] == 1 else welch(first, second)


def stratified(pairs: Sequence[tuple[ArrayLike, ArrayLike]], draws: int = 20_000, seed: int = 0) -> Comparison | None:
    """Several pairs of methods at once: is the first of each the greater, over all pairs together?

        T = 1/K sum_k (mean a_k - mean b_k) / s_k,    p = (#{|T*| >= |T|} + 1) / (draws + 1)

    s_k is the standard deviation of the k-th pair's values taken together, and T* is T where these are dealt out anew
    within every pair: a stratified permutation test. Pairs whose values are all equal say nothing and are left out;
    None where no other is left. The difference is T, in standard deviations.

    Args:
        pairs: a value a seed of the first and of the second method, K times.
        draws: how often values are dealt out anew.
        seed: of the dealing.

    >>> ahead = stratified([([3.0, 4.0, 5.0], [1.0, 2.0, 3.5])] * 3)
    >>> ahead.real(), welch([3.0, 4.0, 5.0], [1.0, 2.0, 3.5]).real()
    (True, False)
    """
    sides = [(np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)) for a, b in pairs]
    sides = [(a, b) for a, b in sides if np.ptp(np.concatenate([a, b])) > 0]
    if not sides:
        return None
    random = np.random.Generator(np.random.Philox(key=lowest_bits(seed)))
    observed, dealt = 0.0, np.zeros(draws)
    for a, b in sides:
        both = np.concatenate([a, b])
        scale = len(sides) * both.std(ddof=1)
        observed += (a.mean() - b.mean()) / scale
        anew = random.permuted(np.tile(both, (draws, 1)), axis=1)
        dealt += (anew[:, : len(a)].mean(1) - anew[:, len(a) :].mean(1)) / scale
    p = ((np.abs(dealt) >= abs(observed) - 1e-9).sum() + 1) / (draws + 1)
    name = f"stratified permutation test over {len(sides)} pairs and {sum(len(a) + len(b) for a, b in sides)} runs"
    return Comparison(float(observed), None, None, float(p), name)


def _rows(scores: ArrayLike) -> NDArray[np.float64]:
    rows = np.asarray(scores, dtype=np.float64)
    return np.stack([rows, np.ones_like(rows)], axis=1) if rows.ndim == 1 else rows
