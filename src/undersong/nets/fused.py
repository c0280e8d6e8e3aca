"""log p(target | h) and its gradients in one pass over chunks of rows.

With p = softmax(W h + b) and an upstream gradient u_n for each row n,

    d/dh_n = u_n (W_target - p_n W),    d/dW = sum_n u_n (1_target - p_n) h_n^T,    d/db = sum_n u_n (1_target - p_n)

The first is exact for any u, since u_n only scales it. The others need u before the rows are summed: where all u are
equal (the mean of a batch) they too are made in the forward pass, with u = 1, and scaled; otherwise p is made again.
p is never corrected by the one-hot target: that part is a gather (d/dh) and a scatter (d/dW) of a few rows.

In bf16 the products read bf16 and the chunk of logits is bf16; the target's own logit, lse and all sums are fp32.
On CUDA products are cuBLAS's, and what lies between them is one kernel of ours (``nets.kernels``).
Knows nothing of modules.
"""

import warnings
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from undersong.distributions.first_order import first_order
from undersong.nets.precision import ONCE, Precision
from undersong.nets.products import Matrix, OuterSum

_CHUNK = 24_000_000  # bytes of a chunk of logits, which a last-level cache holds
_SUMMED = 6_000_000  # bytes of a chunk that are summed at a time where they must be copied for it
_CHUNK_CUDA = 256_000_000  # on CUDA: rows enough that a product keeps all of a device busy


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
        return _Pass(hidden, weight, bias, targets, dtype).likelihood()
    return _LogProb.apply(hidden, weight, bias, targets, dtype, weighted)


class _Pass:
    """One pass over the rows, chunk by chunk."""

    def __init__(self, hidden: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, dtype: torch.dtype) -> None:
        self.hidden, self.weight, self.bias, self.targets, self.dtype = hidden, weight, bias, targets, dtype
        chunk = _CHUNK_CUDA if hidden.is_cuda else _CHUNK
        most = max(1, chunk // (weight.shape[0] * dtype.itemsize))
        self.uses = -(-len(targets) // most)
        even = -(-len(targets) // max(1, self.uses))  # a short last chunk would cost nearly as much as a whole one
        self.rows = min(most, -(-even // 16) * 16)  # kernels come in blocks of 16 rows
        self.to_logits = Matrix(weight, dtype, self.rows, self.uses)
        self.short_bias = bias.to(dtype)

    def chunks(self) -> Iterator[tuple[slice, Tensor]]:
        """Slices of rows and their logits [n, V]."""
        for first in range(0, len(self.targets), max(1, self.rows)):
            rows = slice(first, first + self.rows)
            yield rows, self.to_logits(self.hidden[rows].to(self.dtype), self.short_bias)

    def likelihood(self) -> Tensor:
        """Log-probabilities alone: [N]."""
        lse = self.hidden.new_empty(len(self.targets))
        for rows, logits in self.chunks():
            _logsumexp(logits, out=lse[rows])
            del logits
        return self.target_logits() - lse

    def target_logits(self) -> Tensor:
        """The targets' own logits, from fp32 inputs: [N]."""
        return (self.hidden * self.weight[self.targets]).sum(-1) + self.bias[self.targets]

    def gradients(
        self, upstream: Tensor | None, of_hidden: bool
    ) -> tuple[Tensor, Tensor | None, Tensor | None, Tensor | None]:
        """lse [N] and minus the sums over p: [N, H], [V, H] and [V].

        Args:
            upstream: a factor for each row in the sums over rows [N]; None to leave these sums out.
            of_hidden: False to leave out the gradient of the hidden states.
        """
        lse = self.hidden.new_empty(len(self.targets))
        in_hidden = torch.empty_like(self.hidden) if of_hidden else None
        in_weight = in_bias = None
        if upstream is not None:
            in_weight, in_bias = OuterSum(self.weight), torch.zeros_like(self.bias)
        back = Matrix(self.weight.t(), self.dtype, self.rows, self.uses) if of_hidden else None
        for rows, logits in self.chunks():
            p = _softmax(logits, out=lse[rows])
            if in_hidden is not None and back is not None:
                in_hidden[rows] = back(p).neg_()
            if upstream is not None and in_weight is not None and in_bias is not None:
                factor = -upstream[rows]
                in_weight.add(p, (self.hidden[rows] * factor[:, None]).to(self.dtype))
                in_bias += torch.mm(factor[None].to(self.dtype), p)[0]
            del logits, p  # before the next chunk is made
        return lse, in_hidden, None if in_weight is None else in_weight.total(), in_bias


def _softmax(logits: Tensor, out: Tensor) -> Tensor:
    """Turn logits [n, V] into probabilities in place, as a second chunk would not stay in cache; ``out``: logsumexp."""
    if _has_kernel(logits.device.type):
        _kernel(logits, out, keep=True)
        return logits
    top = logits.amax(-1)
    p = torch.softmax(logits, -1, out=logits)
    # The largest probability is 1 / sum exp(logits - top), and never underflows. Numbers from 0 on are in the order of
    # their bits, and whole numbers are compared faster.
    largest = p.view(torch.int16).amax(-1).view(p.dtype) if p.dtype == torch.bfloat16 else p.amax(-1)
    torch.sub(top.to(out.dtype), largest.to(out.dtype).log(), out=out)
    return p


def _logsumexp(logits: Tensor, out: Tensor) -> None:
    """The same without probabilities: rounded logits [n, V] are summed in the dtype of ``out``, a block at a time."""
    if _has_kernel(logits.device.type):
        _kernel(logits, out, keep=False)
        return
    rows = max(1, _SUMMED // (logits.shape[1] * out.dtype.itemsize))
    for part, lse in zip(logits.split(rows), out.split(rows), strict=True):
        _softmax(part.to(out.dtype), lse)


def _kernel(logits: Tensor, lse: Tensor, keep: bool) -> None:
    from undersong.nets.kernels import softmax_  # the compiler behind it is there for CUDA alone

    softmax_(logits, lse, keep)


@cache
def _has_kernel(device: str) -> bool:
    """Whether a device's type has a kernel of ours: tried once, since a compiler may lack what it needs in turn."""
    if device != "cuda" or find_spec("triton") is None:
        return False
    try:
        _kernel(torch.zeros(1, 2, device=device), torch.zeros(1, device=device), keep=True)
    except Exception as error:  # whatever kind: plain operations do the same, slower
        warnings.warn(
            f"Triton cannot make the kernel of the vocabulary, plain operations stand in: {error}", stacklevel=2
        )
        return False
    return True


class _LogProb(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, dtype: torch.dtype, weighted: bool
    ) -> Tensor:
        work = _Pass(hidden, weight, bias, targets, dtype)
        of_hidden, of_weight, of_bias = ctx.needs_input_grad[:3]
        ones = None if weighted or not (of_weight or of_bias) else torch.ones_like(hidden[:, 0])
        lse, in_hidden, in_weight, in_bias = work.gradients(ones, of_hidden)
        if in_hidden is not None:
            in_hidden += weight[targets]
        if in_weight is not None and in_bias is not None:
            in_weight.index_add_(0, targets, hidden)
            in_bias.index_add_(0, targets, torch.ones_like(lse))
        ctx.save_for_backward(hidden, weight, bias, targets, in_hidden)
        ctx.dtype, ctx.sums = dtype, None if in_weight is None else (in_weight, in_bias)
        return work.target_logits() - lse

    @staticmethod
    @first_order(ONCE)
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        hidden, weight, bias, targets, in_hidden = ctx.saved_tensors
        d_hidden = None if in_hidden is None else in_hidden * upstream[:, None]
        if not (ctx.needs_input_grad[1] or ctx.needs_input_grad[2]):
            return d_hidden, None, None, None, None, None
        sums, ctx.sums = ctx.sums, None  # scaled in place and given away: a second backward pass makes them again
        first = upstream[0] if len(upstream) else upstream.new_ones(())
        if sums is not None and bool((upstream == first).all()):
            return d_hidden, sums[0].mul_(first), sums[1].mul_(first), None, None, None
        work = _Pass(hidden, weight, bias, targets, ctx.dtype)
        _, _, d_weight, d_bias = work.gradients(upstream, of_hidden=False)
        assert d_weight is not None
        assert d_bias is not None
        d_weight.index_add_(0, targets, hidden * upstream[:, None])
        d_bias.index_add_(0, targets, upstream)
        return d_hidden, d_weight, d_bias, None, None, None
