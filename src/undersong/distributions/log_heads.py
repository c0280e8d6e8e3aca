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
from undersong.distributions.workspaces import Workspaces

SMALL = 2.0**-500
LOST = 1e-12

_WORKSPACES = Workspaces()


def kernel_bytes(sentences: int, words: int, planes: int) -> float:
    """What log Z and its gradient need: charts of so many planes, their derivatives, scores and temporaries."""
    return 8.0 * sentences * words**2 * (4 * planes + 4)


@first_order(MARGINALS_ONCE)
class LogHeads(torch.autograd.Function):
    """log Z float64 [B] and whether it is sound [B]; gradients are zero where it is not. First order only.

    Where gradients are asked for they are found at once, so that the charts need not outlive the call.

    Args: first [B, T + 1, T + 1] by (head, child), the root first; later, alike, and stop [B, T + 1, 2, 2], both None
    where arcs count alike and stops are 0; lengths [B]; whether several words may hang on the root.
    """

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, first: Tensor, later: Tensor | None, stop: Tensor | None, lengths: Tensor, multiroot: bool
    ) -> tuple[Tensor, Tensor]:
        start = 0 if multiroot else 1  # where several words hang on it, the root is a position, and the head of all
        batch, n, device = len(first), first.shape[1] - start, first.device
        sizes = lengths + 1 if multiroot else lengths
        with _WORKSPACES.lent(ByArc if stop is None else ByValence, n, batch, device=device) as heads:
            arcs = [each[:, start:, start:] for each in (first, later) if each is not None]
            none = heads.reach >= sizes  # [n, n, B] by (head, child): where there is no arc
            if multiroot:
                none[:, 0] = True
            top, scale = _fill(heads, arcs, None if stop is None else stop[:, start:], none, sizes)
            if multiroot:
                roots = torch.where(heads.place > 0, -torch.inf, -top)
            else:
                roots = (first[:, 0, 1:].t() - top).masked_fill_(heads.place >= sizes, -torch.inf)
            value, sound, found = _solve(heads, roots, sizes, any(ctx.needs_input_grad))
            if found:
                root, *parts = found
                given = [each for each in (first, later, stop) if each is not None]
                ctx.gradients = [_placed(part, like, start) for part, like in zip(parts, given, strict=True)]
                if not multiroot:
                    ctx.gradients[0][:, 0, 1:] = root.t()
        ctx.mark_non_differentiable(sound)
        return value + scale, sound

    @staticmethod
    def backward(ctx: Any, grad: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        gradients = [g * grad.view(-1, *[1] * (g.dim() - 1)).to(g.dtype) for g in ctx.gradients]
        return (*gradients, *[None] * (5 - len(gradients)))


def _placed(part: Tensor, like: Tensor, start: int) -> Tensor:
    """Derivatives [n, n, B] by arcs, or [2, 2, n, B] by stops, as those by ``like``, whose positions begin at start."""
    whole = torch.zeros_like(like)
    if part.dim() == 3:
        whole[:, start:, start:] = part.permute(2, 0, 1)
    else:
        whole[:, start:] = part.permute(3, 2, 0, 1)
    return whole


def _fill(heads: Heads, kinds: list[Tensor], stop: Tensor | None, none: Tensor, sizes: Tensor) -> tuple[Tensor, Tensor]:
    """Writes e^scores into ``heads``, of arcs divided by the largest of each child, of stops by that of each side.

    Returns: the logarithm of the former, 0 where there is none [n, B], and by how much log Z is smaller for both [B].
    """
    for each, weights in zip(kinds, heads.weights, strict=True):
        weights.copy_(each.permute(1, 2, 0)).masked_fill_(none, -torch.inf)
    top = finite(heads.weights.amax((0, 1)))
    heads.weights.sub_(top).exp_().masked_fill_(none, 1.0)
    scale = top.sum(0)
    if isinstance(heads, ByValence):
        assert stop is not None
        ends = torch.where(heads.place < sizes, stop.permute(2, 3, 1, 0).double(), 0.0)  # [2 sides, 2 valences, n, B]
        most = finite(ends.amax(1))
        torch.exp(ends - most[:, None], out=heads.stop)
        scale += most.sum((0, 1))
    return top, scale


def _solve(heads: Heads, roots: Tensor, sizes: Tensor, wanted: bool) -> tuple[Tensor, Tensor, list[Tensor]]:
    """log Z of the scaled scores and whether it is sound [B]; if ``wanted``, derivatives by roots and by ``_expected``.

    Args:
        heads: with the weights.
        roots: scores [n, B], -inf in padding.
        sizes: positions of each sentence, [B].
        wanted: else there are no gradients.
    """
    heads.inside(0.0)
    checked = heads.chart[: heads.checked].flatten(0, -2)
    raised = not bool(checked.amin() >= SMALL) if checked.numel() else False
    if raised:
        heads.inside(SMALL)
    left, right = heads.done
    last = sizes - 1, heads.sentence
    to_left, to_right = heads.chart[left, 0], heads.chart[right][:, *last]  # [n, B], by root
    log_ways = roots + (to_left.log() + to_right.log())
    log_z = log_ways.logsumexp(0)
    posterior = (log_ways - log_z).exp_().nan_to_num_(0.0)  # where no word can be the root there is none
    if raised or wanted:
        heads.up.zero_()
        heads.up[left, 0] = posterior / to_left
        heads.up[right, :, *last] = posterior / to_right
        heads.outside()
    sound = log_z < torch.inf  # false for NaN as well
    if raised:
        parts = heads.up[: heads.checked].flatten(0, -2) * (checked <= SMALL)
        sound &= (parts * checked).sum(0) < LOST
    if not wanted:
        return log_z, sound, []
    found = [posterior, *_expected(heads, raised)]
    return log_z, sound, found if sound.all() else [torch.where(sound, each, 0.0) for each in found]


def _expected(heads: Heads, raised: bool) -> list[Tensor]:
    """How often each arc is taken [n, n, B], and where valence counts, each later arc and each stop [2, 2, n, B].

    Overwrites derivatives.
    """
    chart, up = heads.chart, heads.up
    arcs = up[heads.arcs]
    if isinstance(heads, ByArc):
        taken = _to_arcs(arcs.mul_(chart[heads.arcs]))
        return [torch.where(heads.weights[0] > 0, taken, 0.0) if raised else taken]
    assert isinstance(heads, ByValence)
    near = torch.zeros_like(arcs)
    near[0, :-1] = chart[heads.LEFT, 1:]
    near[1, :, 1:] = chart[heads.RIGHT, :, :-1]
    first, later = heads.weights
    ends = [up[plane] * chart[plane] for plane in heads.done]  # [n, n, B] each
    none = torch.stack([each.diagonal(0, 0, 1).t() for each in ends])  # [2, n, B]
    some = torch.stack([ends[0].sum(0), ends[1].sum(1)]) - none
    stop = torch.where(heads.stop > 0, torch.stack([none, some], 1), 0.0)
    return [_to_arcs(arcs * near) * first, _to_arcs(arcs * chart[heads.RIGHT_MORE :]) * later, stop]


def _to_arcs(both: Tensor) -> Tensor:
    """Arcs to the right and to the left [2, n, n, B], 0 where i >= j, by (head, child) [n, n, B]."""
    return both[0].add_(both[1].transpose(0, 1))
