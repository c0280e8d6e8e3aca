"""Bounds on log p(x) and estimates of it, from the log densities of S samples of q(z|x).

    log w_s = log p(x|z_s) + log p(z_s) - log q(z_s|x),    E[mean_s log w_s] = ELBO <= IWAE_K <= log p(x) = log E[w]

All in nats, for B sentences at once; nothing is divided by a number of words. Knows nothing of models or sentences.
"""

import math
from dataclasses import dataclass
from itertools import combinations

import torch
from torch import Tensor

from undersong.measures.precision import float64

MOST_SUBSETS = 1_000_000


def elbo(log_w: Tensor) -> Tensor:
    """The ELBO by Monte Carlo, mean_s log w_s: [S, B] -> [B] (with a closed-form KL, use the ``ELBO`` objective)."""
    return log_w.mean(0)


def iwae(log_w: Tensor, k: int) -> Tensor:
    """IWAE_K, averaged over all subsets of K among the S samples (Burda et al. 2016).

    One subset gives an unbiased estimate of IWAE_K, so their average does too; and on any one set of samples the
    average rises with K, from the ELBO at K = 1 to the importance-sampled log p(x) at K = S, without noise between.

    Args:
        log_w: log importance weights [S, B].
        k: from 1 to S.

    Returns:
        [B]

    Raises:
        ValueError: k is not from 1 to S, or the subsets are more than a million.

    >>> log_w = torch.tensor([[0.0], [-2.0], [-4.0]])
    >>> [round(float(iwae(log_w, k)), 3) for k in (1, 2, 3)]
    [-2.0, -1.269, -0.956]
    """
    samples = log_w.shape[0]
    if not 1 <= k <= samples:
        raise ValueError(f"IWAE_K of {samples} samples is defined for K from 1 to {samples}, not for {k}.")
    if math.comb(samples, k) > MOST_SUBSETS:
        raise ValueError(
            f"There are {math.comb(samples, k):,} subsets of {k} among {samples} samples: give fewer samples."
        )
    # Not torch.combinations, which lays out all S^K tuples first.
    subsets = torch.tensor(list(combinations(range(samples), k)), device=log_w.device)  # [M, K]
    return (log_w[subsets].logsumexp(1) - math.log(k)).mean(0)


@dataclass(frozen=True)
class Estimate:
    """An estimate of log p(x) for each of B sentences.

    Attributes:
        value: nats [B].
        error: standard error, nats [B]; NaN for a single sample, whose error is not known.
        effective: effective sample size [B], 1 to S.
    """

    value: Tensor
    error: Tensor
    effective: Tensor


def importance_sampled(log_w: Tensor) -> Estimate:
    """log p(x) = log E_q[w] by importance sampling, log 1/S sum_s w_s; its expectation is IWAE_S, a lower bound.

    The standard error is that of the mean weight carried through the logarithm (delta method). The effective sample
    size is (sum w)^2 / sum w^2 (Kong 1992): where it is small, value and error are both not to be trusted.

    Args:
        log_w: log importance weights [S, B].

    >>> found = importance_sampled(torch.zeros(10, 1))
    >>> float(found.value), float(found.error), round(float(found.effective), 4)
    (0.0, 0.0, 10.0)
    """
    samples = log_w.shape[0]
    total = float64(log_w).logsumexp(0)  # [B]
    squares = (2 * (float64(log_w) - total)).exp().sum(0)  # of the normalised weights
    spread = (samples * squares - 1).clamp(min=0)  # their variance over their mean squared
    error = (spread / (samples - 1)).sqrt() if samples > 1 else torch.full_like(total, math.nan)
    return Estimate(total - math.log(samples), error, 1 / squares)


def reconstruction(log_w: Tensor, log_px: Tensor) -> Tensor:
    """log p(x'=x|x) = log E_p(z|x)[p(x|z)], the second term of AutoGen (Mansbridge et al. 2019, eqs. 3 and 7).

    The posterior p(z|x) is reached from q by self-normalised importance sampling, with the same samples:
    log sum_s w_s p(x|z_s) - log sum_s w_s.

    Args:
        log_w: log importance weights [S, B].
        log_px: log p(x|z) [S, B].

    Returns:
        [B], nats; a larger one means that z, drawn knowing the sentence, brings it back.
    """
    return float64(log_w + log_px).logsumexp(0) - float64(log_w).logsumexp(0)
