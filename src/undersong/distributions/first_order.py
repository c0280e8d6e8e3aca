"""Gradients made by hand that may be differentiated no further, and say so when someone does.

A backward pass over saved gradients would drop second-order terms without a word. torch's ``once_differentiable``
notices only where the upstream gradient has a graph of its own, which a plain sum has not. Here the gradient itself may
always be looked at.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from torch import Tensor

MARGINALS_ONCE = (
    "The fast kernels of trees are differentiable once, and this differentiates their marginals: detach these, or take "
    "`inside(LOG)`, which is differentiable any number of times, instead of `log_partition`."
)

Backward = Callable[..., tuple[Tensor | None, ...]]


def first_order(advice: str) -> Callable[[Backward], Backward]:
    """Mark the backward pass of an autograd function: what it returns raises RuntimeError when differentiated.

    Args:
        advice: the error's text: what is differentiable once only, and what to do instead.
    """

    def mark(backward: Backward) -> Backward:
        @wraps(backward)
        def checked(ctx: Any, *upstream: Any) -> tuple[Tensor | None, ...]:
            graph = torch.is_grad_enabled()  # only so while a graph of the gradient is being made
            with torch.no_grad():
                found = backward(ctx, *upstream)
            if not graph:
                return found
            return tuple(g if g is None else _Refuse.apply(g.detach().requires_grad_(), advice) for g in found)

        return checked

    return mark


class _Refuse(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gradient: Tensor, advice: str) -> Tensor:
        ctx.advice = advice
        return gradient.view_as(gradient)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        raise RuntimeError(ctx.advice)
