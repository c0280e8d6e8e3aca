"""Gradients made by hand that may be differentiated no further, and say so when someone does.

A backward pass over saved gradients would drop second-order terms without a word. torch's ``once_differentiable``
notices only where the upstream gradient has a graph of its own, which a plain sum has not. Here the gradient itself may
always be looked at.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import torch
from torch import Tensor

MARGINALS_ONCE = (
    "The fast kernels of trees are differentiable once, and this differentiates their marginals: detach these, or take "
    "`inside(LOG)`, which is differentiable any number of times, instead of `log_partition`."
)

Made = TypeVar("Made", bound=type[torch.autograd.Function])


def first_order(advice: str) -> Callable[[Made], Made]:
    """Mark an autograd function: the gradients that its backward pass returns raise RuntimeError when differentiated.

    They depend, as far as autograd can see, on all that the function was given: so no way of asking goes around it.

    Args:
        advice: the error's text: what is differentiable once only, and what to do instead.
    """

    def mark(function: Made) -> Made:
        forward, backward = function.forward, function.backward

        @wraps(forward)
        def remembering(ctx: Any, *given: Any) -> Any:
            with torch.enable_grad():
                learning = [t for t in given if isinstance(t, Tensor) and t.requires_grad]
                ctx.given = [_Link.apply(*learning)] if learning else []
            return forward(ctx, *given)

        @wraps(backward)
        def checked(ctx: Any, *upstream: Any) -> tuple[Tensor | None, ...]:
            graph = torch.is_grad_enabled()  # only so while a graph of the gradient is being made
            with torch.no_grad():
                found = backward(ctx, *upstream)
            if not graph:
                return found
            return tuple(g if g is None else _Refuse.apply(g.detach(), advice, *ctx.given, *upstream) for g in found)

        function.forward, function.backward = staticmethod(remembering), staticmethod(checked)  # type: ignore[assignment]
        return function

    return mark


class _Link(torch.autograd.Function):
    """What depends on tensors and holds none of their numbers."""

    @staticmethod
    def forward(ctx: Any, *sources: Tensor) -> Tensor:
        return sources[0].new_empty(0)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[None, ...]:
        return (None,) * len(ctx.needs_input_grad)


class _Refuse(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gradient: Tensor, advice: str, *sources: Tensor | None) -> Tensor:
        ctx.advice = advice
        return gradient.view_as(gradient)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        raise RuntimeError(ctx.advice)
