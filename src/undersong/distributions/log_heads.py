"""log Z of projective trees and its gradient, by the products of ``scaled_heads``, and where these can be trusted.

    Z = sum over r of e^root(r) F_left(0, r) F_right(r, size - 1)

Scores are divided by the largest of each child and of each side's stops, so that every factor is at most 1, and the
products are taken in float64. *Sound* is a sentence none of whose values is below ``SMALL`` = 2^-500, but for those that
are exactly 0 because nothing is allowed, which a second pass over what is allowed tells. A product of two such values is
above the smallest normal number, 2^-1022, so nothing underflowed. The caller computes the others in log space.

Knows nothing of words or of what the scores mean.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from undersong.distributions.scaled_heads import ByArc, ByValence, Heads

SMALL = 2.0**-500
# Derivatives by values that are 0 grow with the number of trees, up to 6.75^n; with 1/SMALL they must stay below 2^1023.
ZEROS_UP_TO = 180


def _both(weights: Tensor) -> Tensor:
    """[B, n, n] by (head, child) as [2, n, n, B]: arcs to the left as (child, head), to the right as (head, child)."""
    last = weights.permute(1, 2, 0)
    return torch.stack([last.transpose(0, 1), last])


def _to_arcs(both: Tensor) -> Tensor:
    """The inverse, for what is 0 where i >= j."""
    return (both[0].transpose(0, 1) + both[1]).permute(2, 0, 1)


def _finite(x: Tensor) -> Tensor:
    return torch.where(x.isinf(), 0.0, x)


class LogHeads(torch.autograd.Function):
    """log Z float64 [B] and whether it is sound [B]; gradients are zero where it is not. First order only.

    Args: root [B, n], first [B, n, n], later [B, n, n] or None where it equals first, stop [B, n, 2, 2] or None where it
    is 0, sizes [B]: positions of each sentence.
    """

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, root: Tensor, first: Tensor, later: Tensor | None, stop: Tensor | None, sizes: Tensor
    ) -> tuple[Tensor, Tensor]:
        batch, n = root.shape
        place = torch.arange(n, device=root.device)
        here = place < sizes[:, None]  # [B, n]
        pair = here[:, :, None] & here[:, None, :] & (place[:, None] != place)
        scores = [first] if later is None else [first, later]
        arcs = torch.where(pair, torch.stack([s.double() for s in scores]), -torch.inf)  # [1 or 2, B, n, n]
        top = _finite(arcs.amax((0, 2)))  # [B, n]
        weights = [_both(torch.where(pair, (a - top[:, None]).exp(), 1.0)) for a in arcs]
        allowed = [_both(((a > -torch.inf) | ~pair).double()) for a in arcs]
        scale = torch.where(here, top, 0.0).sum(-1)
        heads: Heads
        if later is None or stop is None:
            heads, support = ByArc(weights[0]), ByArc(allowed[0])
        else:
            ends = torch.where(here[..., None, None], stop.double(), 0.0)
            most = _finite(ends.amax(-1))  # [B, n, 2]
            scale = scale + most.sum((1, 2))
            ends = (ends - most[..., None]).permute(2, 3, 1, 0)  # [2 sides, 2 valences, n, B]
            heads = ByValence(weights[0], weights[1], ends.exp().contiguous())
            support = ByValence(allowed[0], allowed[1], (ends > -torch.inf).double().contiguous())
        heads.inside()
        chart = heads.chart
        sound = chart[: heads.checked].amin((0, 1, 2)) >= SMALL
        if n <= ZEROS_UP_TO and not sound.all():
            support.inside()
            fine = (chart >= SMALL) | (support.chart == 0)
            sound = fine[: heads.checked].all(0).all(0).all(0)
        left = chart[heads.done[0], 0]  # [n, B], by root
        right = chart[heads.done[1]][:, (sizes - 1), torch.arange(batch, device=root.device)]
        way = torch.where(here, root.double() - top, -torch.inf).t() + left.log() + right.log()
        log_z = way.logsumexp(0)
        sound = sound & (log_z < torch.inf)  # false for NaN as well
        ctx.posterior = torch.where(log_z > -torch.inf, (way - log_z).exp(), 0.0)  # [n, B], of roots
        ctx.heads, ctx.sound, ctx.sizes, ctx.dtype = heads, sound, sizes, root.dtype
        ctx.mark_non_differentiable(sound)
        return log_z + scale, sound

    @staticmethod
    @once_differentiable  # type: ignore[misc]
    def backward(ctx: Any, grad: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        heads: Heads = ctx.heads
        chart, (left, right) = heads.chart, heads.done
        root = ctx.posterior * grad
        up = torch.zeros_like(chart)
        last, each = ctx.sizes - 1, torch.arange(len(ctx.sizes), device=chart.device)
        ways = chart[right][:, last, each]
        up[left, 0] = torch.where(chart[left, 0] > 0, root / chart[left, 0], 0.0)
        up[right, :, last, each] = torch.where(ways > 0, root / ways, 0.0)
        heads.outside(up)
        stop, later = None, None
        if isinstance(heads, ByArc):
            first = _to_arcs(up[[heads.LEFT_ARC, heads.RIGHT_ARC]] * chart[[heads.LEFT_ARC, heads.RIGHT_ARC]])
        else:
            assert isinstance(heads, ByValence)
            arcs = up[[heads.LEFT_ARC, heads.RIGHT_ARC]]
            later = _to_arcs(arcs * heads.later * chart[[heads.LEFT_MORE, heads.RIGHT_MORE]])
            near = torch.zeros_like(arcs)
            near[0, :, 1:] = chart[heads.RIGHT, :, :-1]
            near[1, :-1] = chart[heads.LEFT, 1:]
            first = _to_arcs(arcs * heads.first * near)
            ends = up[[left, right]] * chart[[left, right]]  # [2, n, n, B]
            none = ends.diagonal(0, 1, 2).permute(2, 0, 1)  # [n, 2, B]
            some = torch.stack([ends[0].sum(0), ends[1].sum(1)], 1) - none
            stop = torch.stack([none, some], 2).permute(3, 0, 1, 2)  # [B, n, 2, 2]
        found = [root.t(), first, later, stop]
        sound = ctx.sound
        zeroed = [g if g is None else torch.where(sound.view(-1, *[1] * (g.dim() - 1)), g, 0.0) for g in found]
        return (*(g if g is None else g.to(ctx.dtype) for g in zeroed), None)
