"""log p(target | h) and its gradients in one pass over chunks of rows.

With p = softmax(W h + b) and an upstream gradient u_n for each row n,

    d/dh_n = u_n (W_target - p_n W),    d/dW = sum_n u_n (1_target - p_n) h_n^T,    d/db = sum_n u_n (1_target - p_n)

The first is exact for any u, since u_n only scales it. The others need u before the rows are summed: where all u are
equal (the mean of a batch) they too are made in the forward pass, with u = 1, and scaled; otherwise p is made again.
p is never corrected by the one-hot target: that part is a gather (d/dh) and a scatter (d/dW) of a few rows.

How p is made is a pass's affair: ``exp_pass`` where it is the faster one and far from overflow, ``softmax_pass``
elsewhere. In bf16 the products read bf16, sum in fp32 and round what they give to bf16; the target's own logit and all
arithmetic on what they give are fp32, but for exp or softmax of the logits.
Knows nothing of modules.
"""

from typing import Any

import torch
from torch import Tensor

from undersong.distributions.first_order import first_order
from undersong.nets.exp_pass import LEAST, ExpPass
from undersong.nets.one_pass import Found
from undersong.nets.precision import ONCE, Precision
from undersong.nets.products import on_intel
from undersong.nets.softmax_pass import SoftmaxPass


def log_prob(
    hidden: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, precision: Precision, weighted: bool
) -> Tensor:
    """Log-probability of each target, nats; differentiable once.

    Args:
        hidden: [N, H].
        weight: [V, H].
        bias: [V].
        targets: int64 [N].
        precision: of the products.
        weighted: True to leave the gradients of weight and bias to the backward pass.

    Returns:
        [N].
    """
    dtype = precision.dtype if precision.name != "fp32" else hidden.dtype
    learning = torch.is_grad_enabled() and (hidden.requires_grad or weight.requires_grad or bias.requires_grad)
    if not learning:
        return _run(None, False, hidden, weight, bias, targets, dtype)[0]
    return _LogProb.apply(hidden, weight, bias, targets, dtype, weighted)


def _run(upstream: Tensor | None, of_hidden: bool, *given: Any) -> Found:
    """What the quick pass finds, where it is one and can be trusted; else what the safe one finds."""
    if on_intel(given[0].device.type):
        found = ExpPass(*given).run(upstream, of_hidden)
        if bool((found[0] > LEAST).all()):  # not where one is no number
            return found
    return SoftmaxPass(*given).run(upstream, of_hidden)


@first_order(ONCE)
class _LogProb(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, dtype: torch.dtype, weighted: bool
    ) -> Tensor:
        of_hidden, of_weight, of_bias = ctx.needs_input_grad[:3]
        ones = None if weighted or not (of_weight or of_bias) else torch.ones_like(hidden[:, 0])
        log_p, in_hidden, in_weight, in_bias = _run(ones, of_hidden, hidden, weight, bias, targets, dtype)
        if in_weight is not None and in_bias is not None:
            in_weight.index_add_(0, targets, hidden)
            in_bias.index_add_(0, targets, torch.ones_like(log_p))
        ctx.save_for_backward(hidden, weight, bias, targets, in_hidden)
        ctx.dtype, ctx.sums = dtype, None if in_weight is None else (in_weight, in_bias)
        return log_p

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        hidden, weight, bias, targets, in_hidden = ctx.saved_tensors
        d_hidden = None if in_hidden is None else in_hidden * upstream[:, None]
        if not (ctx.needs_input_grad[1] or ctx.needs_input_grad[2]):
            return d_hidden, None, None, None, None, None
        sums, ctx.sums = ctx.sums, None  # scaled in place and given away: a second backward pass makes them again
        first = upstream[0] if len(upstream) else upstream.new_ones(())
        if sums is not None and bool((upstream == first).all()):
            return d_hidden, sums[0].mul_(first), sums[1].mul_(first), None, None, None
        _, _, d_weight, d_bias = _run(upstream, False, hidden, weight, bias, targets, ctx.dtype)
        assert d_weight is not None
        assert d_bias is not None
        d_weight.index_add_(0, targets, hidden * upstream[:, None])
        d_bias.index_add_(0, targets, upstream)
        return d_hidden, d_weight, d_bias, None, None, None
