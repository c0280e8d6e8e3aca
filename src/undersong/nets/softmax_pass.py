"""Probabilities by a softmax of each row, safe whatever the logits are: rows lie as [n, V].

On CUDA what lies between the products is one kernel of ours (``nets.kernels``).
In bf16 the products read bf16 and the chunk of logits is bf16, as are its probabilities; sums are fp32, and so is lse,
which comes from the largest probability where these are made.
Knows nothing of gradients that come from elsewhere, nor of modules.
"""

import warnings
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec

import torch
from torch import Tensor

from undersong.nets.one_pass import Found, OnePass
from undersong.nets.products import Matrix, OuterSum, product

_CHUNK = 24_000_000  # bytes of a chunk of logits, which a last-level cache holds
_CHUNK_CUDA = 256_000_000  # on CUDA: rows enough that a product keeps all of a device busy
_SUMMED = 6_000_000  # bytes of a chunk that are summed at a time where they must be copied for it


class SoftmaxPass(OnePass):
    """See ``OnePass``."""

    def __init__(self, hidden: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, dtype: torch.dtype) -> None:
        self.chunk = _CHUNK_CUDA if hidden.is_cuda else _CHUNK
        super().__init__(hidden, weight, bias, targets, dtype)
        self.to_logits = Matrix(weight, dtype, self.rows, self.uses)
        self.short_bias = bias.to(dtype)

    def chunks(self) -> Iterator[tuple[slice, Tensor]]:
        """Slices of rows and their logits [n, V]."""
        for rows in self.slices():
            yield rows, self.to_logits(self.hidden[rows].to(self.dtype), self.short_bias)

    def run(self, upstream: Tensor | None = None, of_hidden: bool = False) -> Found:
        """See ``OnePass``."""
        lse = torch.empty_like(self.own)
        in_hidden = torch.empty_like(self.hidden) if of_hidden else None
        in_weight = in_bias = None
        if upstream is not None:
            in_weight, in_bias = OuterSum(self.weight), torch.zeros_like(self.bias)
        back = Matrix(self.weight.t(), self.dtype, self.rows, self.uses) if of_hidden else None
        for rows, logits in self.chunks():
            if back is None and in_weight is None:
                _logsumexp(logits, out=lse[rows])
                del logits
                continue
            p = _softmax(logits, out=lse[rows])
            if in_hidden is not None and back is not None:
                torch.sub(self.vectors[rows], back(p), out=in_hidden[rows])
            if upstream is not None and in_weight is not None and in_bias is not None:
                factor = -upstream[rows]
                in_weight.add(p, (self.hidden[rows] * factor[:, None]).to(self.dtype))
                in_bias += product(factor[None].to(self.dtype), p)[0]
            del logits, p  # before the next chunk is made
        return self.own - lse, in_hidden, None if in_weight is None else in_weight.total(), in_bias


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
