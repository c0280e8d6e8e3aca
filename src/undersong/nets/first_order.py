"""Backward passes that may be differentiated no further, and say so.

A backward pass written by hand over saved gradients would drop second-order terms without a word. torch's
``once_differentiable`` notices only where the upstream gradient has a graph of its own, which a plain loss has not.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from torch.autograd.function import once_differentiable


def first_order(backward: Callable[..., Any]) -> Callable[..., Any]:
    """Mark the backward pass of an autograd function.

    Raises:
        RuntimeError: when gradients are taken with ``create_graph=True``.
    """
    once = once_differentiable(backward)

    @wraps(backward)
    def checked(ctx: Any, *upstream: Any) -> Any:
        if torch.is_grad_enabled():  # only so while a graph of the gradient is being made
            raise RuntimeError(
                "The fused kernels are differentiable once, and this asks for a graph of their gradient: run it inside "
                "`undersong.nets.precision.using(module, PLAIN)`."
            )
        return once(ctx, *upstream)

    return checked
