"""The sums a recursion may be read with: over all structures, over the best, over the k best, or over a sampled one.

    log:  a (+) b = log(exp a + exp b)      max:  a (+) b = max(a, b)      k-max:  the k largest of both
    in all of them  a (x) b = a + b  (for k-max: the k largest of all sums)

A *value* is what the recursion makes: a tensor [..., B, ...] in which k-max keeps its k alternatives, best first, in a
leading dimension; recursions therefore count dimensions from the end. A *potential* is a plain tensor and is added to a
value by ``+``. No structure at all is -inf; gradients there are never NaN, and over log zero.

Knows nothing of what is summed over.
"""

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor

from undersong.distributions.scales import finite


class Semiring(ABC):
    """How values are joined. ``lift`` makes the first values; ``value + potential`` is always allowed.

    Attributes:
        kept: about how many numbers a gradient needs of each alternative that was summed over.
    """

    kept = 1

    def lift(self, potential: Tensor) -> Tensor:
        """A potential as a value."""
        return potential

    def times(self, a: Tensor, b: Tensor) -> Tensor:
        """Two values side by side in one structure; broadcasts."""
        return a + b

    @abstractmethod
    def sum(self, value: Tensor, dim: int) -> Tensor:
        """Alternatives along ``dim``, which is negative, as one value."""

    def product(self, value: Tensor, table: Tensor) -> Tensor:
        """``value`` [..., B, J] by a potential [1 or B, J, K]: all ways through J, [..., B, K]."""
        return self.sum(value.unsqueeze(-1) + table, -2)


class Log(Semiring):
    """All structures: log sum exp."""

    kept = 2

    def sum(self, value: Tensor, dim: int) -> Tensor:
        return log_sum_exp(value, dim)

    def product(self, value: Tensor, table: Tensor) -> Tensor:
        """As a product of matrices, where no entry of it comes near underflow: what is lost then is nothing to it."""
        top = finite(value.detach().amax(-1, keepdim=True))
        table_top = finite(table.detach().amax((-2, -1), keepdim=True))
        weights, factors = (value - top).exp(), (table - table_top).exp()
        made = weights @ factors[0] if len(table) == 1 else (weights.unsqueeze(-2) @ factors).squeeze(-2)
        if bool((made > torch.finfo(made.dtype).tiny / torch.finfo(made.dtype).eps ** 2).all()):
            return made.log() + top + table_top.squeeze(-1)
        return super().product(value, table)


class Max(Semiring):
    """The best structure; its gradient goes to one argument alone, also where several are equal."""

    def sum(self, value: Tensor, dim: int) -> Tensor:
        return value.max(dim).values

    def product(self, value: Tensor, table: Tensor) -> Tensor:
        """As in the base class, with nothing of the size of the alternatives kept or made for the gradient."""
        return _BestProduct.apply(value, table)


class KMax(Semiring):
    """The ``k`` best structures, best first; -inf where there are fewer."""

    def __init__(self, k: int):
        self.k, self.kept = k, 2 * k

    def lift(self, potential: Tensor) -> Tensor:
        nothing = torch.full_like(potential, -torch.inf).expand(self.k - 1, *potential.shape)
        return torch.cat([potential[None], nothing])

    def times(self, a: Tensor, b: Tensor) -> Tensor:
        return (a[:, None] + b[None]).flatten(0, 1).topk(self.k, 0).values

    def sum(self, value: Tensor, dim: int) -> Tensor:
        return value.movedim(dim, 0).flatten(0, 1).topk(self.k, 0).values


class Sampling(Semiring):
    """All structures, but the gradient of a sum goes to one alternative, drawn with its probability.

    Where no part of a structure is used twice, the gradient of the whole is the indicator of an exact sample.
    """

    kept = 2

    def sum(self, value: Tensor, dim: int) -> Tensor:
        return _Draw.apply(value, dim)


class _BestProduct(torch.autograd.Function):
    """max_j value[..., b, j] + table[b, j, k]; the gradient looks for the best j only where it is wanted."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, table: Tensor) -> Tensor:
        ctx.save_for_backward(value, table)
        rows = table.mT  # [1 or B, K, J]
        if value.dim() == 2:
            return (value.unsqueeze(-2) + rows).amax(-1)
        return torch.stack([(each.unsqueeze(-2) + rows).amax(-1) for each in value])

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, Tensor | None]:
        value, table = ctx.saved_tensors
        *other, k = upstream.nonzero().unbind(1)
        rows = other[-1] if len(table) > 1 else torch.zeros_like(other[-1])
        best = (value[tuple(other)] + table[rows, :, k]).argmax(-1)
        given = upstream[(*other, k)]
        to_value = torch.zeros_like(value).index_put((*other, best), given, accumulate=True)
        if not ctx.needs_input_grad[1]:
            return to_value, None
        return to_value, torch.zeros_like(table).index_put((rows, best, k), given, accumulate=True)


class _Draw(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor, dim: int) -> Tensor:
        ctx.save_for_backward(value)
        ctx.dim = dim
        return log_sum_exp(value, dim)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None]:
        (value,) = ctx.saved_tensors
        chosen = sample_index(value, ctx.dim)
        return torch.zeros_like(value).scatter(ctx.dim, chosen, upstream.unsqueeze(ctx.dim)), None


LOG, MAX, SAMPLING = Log(), Max(), Sampling()


def log_sum_exp(x: Tensor, dim: int) -> Tensor:
    """log sum exp along ``dim``; -inf with zero gradients where all is -inf. Differentiable any number of times.

    >>> x = torch.tensor([-torch.inf, -torch.inf], requires_grad=True)
    >>> log_sum_exp(x, 0).backward()
    >>> x.grad.tolist()
    [0.0, 0.0]
    """
    top = finite(x.detach().amax(dim, keepdim=True))
    total = (x - top).exp().sum(dim)
    empty = total == 0
    return torch.where(empty, -torch.inf, torch.where(empty, 1.0, total).log() + top.squeeze(dim))


def sample_index(scores: Tensor, dim: int) -> Tensor:
    """One index along ``dim``, kept as a dimension of one, drawn from softmax(scores); any where all are -inf."""
    scores = scores.movedim(dim, -1)
    total = (scores - finite(scores.amax(-1, keepdim=True))).exp().cumsum(-1)
    point = torch.rand_like(total[..., :1]) * total[..., -1:]  # below the last, so at no index that is impossible
    return torch.searchsorted(total, point, right=True).clamp(max=scores.shape[-1] - 1).movedim(-1, dim)
