"""Mutual information of sentence and code, I(x, z) = E_x E_q(z|x) [log q(z|x) - log q(z)].

The aggregated posterior q(z) = 1/N sum_j q(z|x_j) is summed over all N sentences, for each sample of each: N^2
densities. The estimate never exceeds ln N: an estimate inside batches of n would never exceed ln n (Hoffman and Johnson
2016). Knows nothing of models.
"""

import math
from collections.abc import Iterable, Sequence
from functools import singledispatch

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

from undersong.measures.precision import float64, home
from undersong.measures.some import need_some

ROWS = 4096  # samples compared with one batch of posteriors at once


def mutual_information(
    posteriors: Sequence[Distribution], z: Tensor, walk: Iterable[Distribution] | None = None
) -> Tensor:
    """log q(z|x) - log q(z) of each sentence, whose mean over sentences estimates I(x, z).

    Args:
        posteriors: q(z|x) of N sentences in batches, batch shapes [B_1], [B_2] and so on, which add up to N.
        z: samples of them in the same order: [S, N, D].
        walk: the same posteriors, for a caller that shows how far it is; ``posteriors`` itself by default.

    Returns:
        [N], nats, averaged over the samples.

    Raises:
        ValueError: there is no sentence, or no sample.

    >>> apart = Independent(Normal(torch.tensor([[-9.0], [9.0]]), torch.ones(2, 1)), 1)
    >>> round(float(mutual_information([apart], apart.mean[None]).mean()), 4)  # ln 2: two sentences told apart
    0.6931
    """
    samples, count = z.shape[:2]
    need_some(samples=samples, sentences=count)
    flat = z.flatten(0, 1)  # [S * N, D]
    mixed = torch.full((samples * count,), -math.inf, dtype=torch.float64, device=home(z.device))
    for q in posteriors if walk is None else walk:
        for first in range(0, len(flat), ROWS):
            part = slice(first, first + ROWS)
            mixed[part] = torch.logaddexp(mixed[part], pairwise_log_prob(q, flat[part]).logsumexp(1))
    own, first = [], 0
    for q in posteriors:
        last = first + q.batch_shape[0]
        own.append(own_log_prob(q, z[:, first:last]))
        first = last
    each = torch.cat(own, 1)
    mixed = torch.maximum(mixed.view(samples, count), each)  # a sum is no less than a part, however both were rounded
    return (each - (mixed - math.log(count))).mean(0)


def cap(count: int) -> float:
    """The most that the estimate over N sentences can come to: ln N, in nats."""
    need_some(sentences=count)
    return math.log(count)


@singledispatch
def pairwise_log_prob(q: Distribution, z: Tensor) -> Tensor:
    """log q_b(z_n) of every pair, for samples [M, D] and a batch of B distributions: float64 [M, B]."""
    return float64(q.log_prob(z[:, None]))


@pairwise_log_prob.register
def _(q: Independent, z: Tensor) -> Tensor:
    if not isinstance(q.base_dist, Normal) or q.reinterpreted_batch_ndims != 1:
        return float64(q.log_prob(z[:, None]))
    # Two matrix products. The squares are large and cancel, hence float64, and a middle that all share.
    middle = float64(q.base_dist.loc).mean(0)  # [D]
    loc, z = float64(q.base_dist.loc) - middle, float64(z) - middle
    precise = float64(q.base_dist.scale) ** -2  # [B, D]
    square = z.square() @ precise.t() - 2 * (z @ (loc * precise).t()) + (loc.square() * precise).sum(-1)
    return -0.5 * (square - precise.log().sum(-1) + z.shape[-1] * math.log(2 * math.pi))


def own_log_prob(q: Distribution, z: Tensor) -> Tensor:
    """log q_b(z_b) for samples [S, B, D]: float64 [S, B]."""
    if isinstance(q, Independent) and isinstance(q.base_dist, Normal):
        loc, scale = float64(q.base_dist.loc), float64(q.base_dist.scale)
        return Independent(Normal(loc, scale), 1).log_prob(float64(z))
    return float64(q.log_prob(z))
