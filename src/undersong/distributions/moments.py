"""log Z and its derivative along one value a part, E[sum over z's parts of v(part)], in one pass forward.

Knows nothing of structures: it is told how log Z is found.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.autograd import forward_ad


def along(
    log_partition: Callable[[Sequence[Tensor]], Tensor], potentials: Sequence[Tensor], values: Sequence[Tensor]
) -> tuple[Tensor, Tensor]:
    """log Z and its derivative, float64 [B] each: one number a sentence even where sentences share potentials.

    Differentiable, since the recursion itself is differentiated.

    Args:
        log_partition: from potentials to log Z [B], in plain differentiable operations.
        potentials: where, [B or 1, ...] each.
        values: one finite value a part, aligned with ``potentials``, of the same or broadcasting shapes.

    >>> both = torch.tensor([[0.25, 0.75]]).log()
    >>> total, mean = along(lambda p: p[0].logsumexp(-1), [both], [torch.tensor([[4.0, 8.0]])])
    >>> round(total.exp().item(), 6), round(mean.item(), 6)
    (1.0, 7.0)
    """
    shapes = [torch.broadcast_shapes(p.shape, v.shape) for p, v in zip(potentials, values, strict=True)]
    with forward_ad.dual_level():
        dual = [
            forward_ad.make_dual(p.double().expand(s).contiguous(), v.double().expand(s).contiguous())
            for p, v, s in zip(potentials, values, shapes, strict=True)
        ]
        total, derivative = forward_ad.unpack_dual(log_partition(dual))
    return total, torch.zeros_like(total) if derivative is None else derivative
