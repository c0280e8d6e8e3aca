"""Gradients made by hand that may be differentiated no further, and say so when someone does.

torch's ``once_differentiable`` notices only where the upstream gradient has a graph of its own, which a plain sum has
not; second-order terms would be dropped without a word. Here the gradient itself may always be looked at.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from torch import Tensor


def first_order(backward: Callable[..., tuple[Tensor | None, ...]]) -> Callable[..., tuple[Tensor | None, ...]]:
    """Mark the backward pass of an autograd function: what it returns raises RuntimeError when differentiated."""

    @wraps(backward)
    def checked(ctx: Any, *upstream: Any) -> tuple[Tensor | None, ...]:
        graph = torch.is_grad_enabled()  # only so while a graph of the gradient is being made
        with torch.no_grad():
            found = backward(ctx, *upstream)
        if not graph:
            return found
        return tuple(g if g is None else _Refuse.apply(g.detach().requires_grad_()) for g in found)

    return checked


class _Refuse(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient.view_as(gradient)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        raise RuntimeError(
            "The fast kernels of trees are differentiable once, and this differentiates their marginals: detach these, "
            "or take `inside(LOG)`, which is differentiable any number of times, instead of `log_partition`."
        )
