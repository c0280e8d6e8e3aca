"""Expectations over structures, E[sum over z's parts of v(part)], and log Z beside them: two ways to the same.

    from the derivative of log Z along v, or, where a kernel gives marginals fast, as sum over parts of p(part) v(part)

in float64. Knows nothing of what the parts are.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.autograd import forward_ad

from undersong.distributions.semirings import LOG

if TYPE_CHECKING:
    from undersong.distributions.structured import Structured


def differentiable(distribution: "Structured", values: Sequence[Tensor]) -> bool:
    """Whether someone may ask for the gradient of an expectation of these values."""
    tensors = (*distribution.potentials, *values)
    return torch.is_grad_enabled() and any(t.requires_grad for t in tensors)


def by_derivative(distribution: "Structured", values: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """log Z and the expectation of one finite value a part (aligned with ``potentials``), float64 [B] each.

    Found in one pass forward, so that it is one number a sentence even where sentences share potentials;
    differentiable, since the recursion itself is differentiated.
    """
    shapes = [torch.broadcast_shapes(p.shape, v.shape) for p, v in zip(distribution.potentials, values, strict=True)]
    with forward_ad.dual_level():
        dual = [
            forward_ad.make_dual(p.double().expand(s).contiguous(), v.double().expand(s).contiguous())
            for p, v, s in zip(distribution.potentials, values, shapes, strict=True)
        ]
        total, expected = forward_ad.unpack_dual(distribution.replace(dual).inside(LOG))
    return total, torch.zeros_like(total) if expected is None else expected


def by_marginals(distribution: "Structured", values: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """The same, each sentence with its own copy of what sentences share; not differentiable."""
    sentences = len(distribution.lengths)
    own = distribution.replace([p.detach().double().expand(sentences, *p.shape[1:]) for p in distribution.potentials])
    parts = [(m * v).flatten(1).sum(1) for m, v in zip(own.marginals, values, strict=True)]
    return own.log_partition, torch.stack(parts).sum(0)
