"""Expectations over structures from their marginals, for distributions whose kernels give those fast.

    E[sum over z's parts of v(part)] = sum over parts of p(part) v(part)

in float64, each sentence with its own copy of what sentences share. First order only: where gradients are asked for,
the base class differentiates the recursion itself. Knows nothing of what the parts are.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from undersong.distributions.structured import Structured


def differentiable(distribution: Structured, values: Sequence[Tensor]) -> bool:
    """Whether someone may ask for the gradient of an expectation of these values."""
    tensors = (*distribution.potentials, *values)
    return torch.is_grad_enabled() and any(t.requires_grad for t in tensors)


def by_marginals(distribution: Structured, values: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """log Z and the expectation of one finite value a part (aligned with ``potentials``), float64 [B] each."""
    sentences = len(distribution.lengths)
    own = distribution.replace([p.detach().double().expand(sentences, *p.shape[1:]) for p in distribution.potentials])
    parts = [(m * v).flatten(1).sum(1) for m, v in zip(own.marginals, values, strict=True)]
    return own.log_partition, torch.stack(parts).sum(0)
