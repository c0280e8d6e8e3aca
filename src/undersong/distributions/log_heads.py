"""log Z of projective trees and its gradient, by the products of ``scaled_heads``, and where these can be trusted.

    Z = sum over r of e^root(r) F_left(0, r) F_right(r, size - 1)

Scores are divided by the largest of each child and of each side's stops, so that every factor is at most 1, and the
products are taken in float64. Where no value is below ``SMALL`` = 2^-500, no product of two underflows, and nothing is
lost. Else smaller values, zeros included, are raised to ``SMALL``: an upper bound of every value, hence of Z, and all
terms being nonnegative, the share of Z that was added is at most the sum of the raised values' posteriors. Where that
share is above ``LOST`` a sentence is not *sound*, and the caller computes it in log space.

Knows nothing of words or of what the scores mean.
"""

from typing import Any

import torch
from torch import Tensor

from undersong.distributions.first_order import MARGINALS_ONCE, first_order
from undersong.distributions.scaled_heads import ByArc, ByValence, Heads
from undersong.distributions.scales import finite

SMALL = 2.0**-500
LOST = 1e-12


def _both(x: Tensor) -> Tensor:
    """[n, n, B] by (head, child) as [2, n, n, B]: arcs to the left as (child, head), to the right as (head, child)."""
    return torch.stack([x.transpose(0, 1), x])


def _to_arcs(both: Tensor) -> Tensor:
    """The inverse, for what is 0 where i >= j, as [B, n, n]."""
    return (both[0].transpose(0, 1) + both[1]).permute(2, 0, 1)


def kernel_bytes(sentences: int, words: int, planes: int) -> float:
    """What log Z and its gradient need: charts of so many planes, their derivatives, scores and temporaries."""
    return 8.0 * sentences * words**2 * (4 * planes + 4)


@first_order(MARGINALS_ONCE)
class LogHeads(torch.autograd.Function):
    """log Z float64 [B] and whether it is sound [B]; gradients are zero where it is not. First order only.

    Args: root [B, n], first [B, n, n], later [B, n, n] or None where it equals first, stop [B, n, 2, 2] or None where
    it is 0, sizes [B]: positions of each sentence.
    """

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, root: Tensor, first: Tensor, later: Tensor | None, stop: Tensor | None, sizes: Tensor
    ) -> tuple[Tensor, Tensor]:
        batch, n = root.shape
        place = torch.arange(n, device=root.device)
        here = place[:, None] < sizes  # [n, B]
        pair = here[:, None] & here & (place[:, None] != place)[..., None]  # [n, n, B]
        arcs = [
            torch.where(pair, scores.permute(1, 2, 0), -torch.inf).double()
            for scores in ([first] if later is None else [first, later])
        ]
        top = finite(torch.stack([a.amax(0) for a in arcs]).amax(0))  # [n, B]
        ends = None
        scale = torch.where(here, top, 0.0).sum(0)
        if stop is not None:
            ends = torch.where(here, stop.permute(2, 3, 1, 0).double(), 0.0)  # [2 sides, 2 valences, n, B]
            most = finite(ends.amax(1))
            ends = ends - most[:, None]
            scale = scale + most.sum((0, 1))
        both = [_both(torch.where(pair, (a - top).exp(), 1.0)) for a in arcs]
        heads: Heads = ByArc(both[0]) if ends is None else ByValence(both[0], both[1], ends.exp().contiguous())
        heads.inside(0.0)
        checked = heads.chart[: heads.checked].flatten(0, -2)
        sound = checked.amin(0) >= SMALL
        ctx.heads, ctx.sizes, ctx.dtype, ctx.up = heads, sizes, root.dtype, None
        raised = not bool(sound.all())
        if raised:
            heads.inside(SMALL)
        left, right = heads.done
        ctx.ways = heads.chart[right][:, sizes - 1, torch.arange(batch, device=root.device)]  # [n, B], by root
        log_ways = torch.where(here, root.t().double() - top, -torch.inf) + (
            heads.chart[left, 0].log() + ctx.ways.log()
        )
        log_z = log_ways.logsumexp(0)
        ctx.root = torch.where(log_z > -torch.inf, (log_ways - log_z).exp(), 0.0)  # posterior [n, B]
        if raised:
            ctx.up = _outside(ctx, ctx.root)
            posterior = ctx.up[: heads.checked].view(-1, batch) * (checked <= SMALL)
            sound = (posterior * checked).sum(0) < LOST
        ctx.sound = sound & (log_z < torch.inf)  # false for NaN as well
        ctx.mark_non_differentiable(ctx.sound)
        return log_z + scale, ctx.sound

    @staticmethod
    def backward(ctx: Any, grad: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        heads: Heads = ctx.heads
        chart = heads.chart
        root = ctx.root * grad
        up = _outside(ctx, root) if ctx.up is None else ctx.up * grad
        stop, later = None, None
        if isinstance(heads, ByArc):
            span = slice(heads.LEFT_ARC, heads.RIGHT_ARC + 1)
            first = _to_arcs(torch.where(heads.arcs > 0, up[span] * chart[span], 0.0))
        else:
            assert isinstance(heads, ByValence)
            arcs = up[heads.LEFT_ARC :: heads.RIGHT_ARC - heads.LEFT_ARC][:2]
            later = _to_arcs(arcs * heads.later * chart[heads.LEFT_MORE :])
            near = torch.zeros_like(arcs)
            near[0, :, 1:] = chart[heads.RIGHT, :, :-1]
            near[1, :-1] = chart[heads.LEFT, 1:]
            first = _to_arcs(arcs * heads.first * near)
            ends = [up[plane] * chart[plane] for plane in heads.done]  # [n, n, B] each
            none = torch.stack([each.diagonal(0, 0, 1).t() for each in ends], 1)  # [n, 2, B]
            some = torch.stack([ends[0].sum(0), ends[1].sum(1)], 1) - none
            stop = torch.stack([none, some], 2).permute(3, 0, 1, 2)  # [B, n, 2, 2]
            stop = torch.where(heads.stop.permute(3, 2, 0, 1) > 0, stop, 0.0)
        found = [root.t(), first, later, stop]
        sound = ctx.sound
        zeroed = [g if g is None else torch.where(sound.view(-1, *[1] * (g.dim() - 1)), g, 0.0) for g in found]
        return (*(g if g is None else g.to(ctx.dtype) for g in zeroed), None)


def _outside(ctx: Any, root: Tensor) -> Tensor:
    """Derivatives by all values of the chart, from the roots' posteriors [n, B]."""
    heads: Heads = ctx.heads
    left, right = heads.done
    up = heads.up.zero_()
    up[left, 0] = torch.where(heads.chart[left, 0] > 0, root / heads.chart[left, 0], 0.0)
    sentence = torch.arange(len(ctx.sizes), device=up.device)
    up[right, :, ctx.sizes - 1, sentence] = torch.where(ctx.ways > 0, root / ctx.ways, 0.0)
    heads.outside()
    return up
