"""A kernel for CUDA, in Triton: rows of logits become probabilities in place, and give their logsumexp.

    lse_n = log sum_v exp(l_nv),    p_nv = exp(l_nv - lse_n)

Plain operations pass over the logits several times (maximum, softmax, largest probability), this kernel passes twice,
or once where only the logsumexp is wanted. Sums are made in the dtype of ``lse``, whatever the logits are.
torch's builds for CUDA bring Triton along. Triton's interpreter runs the same kernel on a CPU, slowly, for tests.
Knows nothing of words, targets or gradients.
"""

import torch
from torch import Tensor

try:
    import triton
    import triton.language as tl
except (
    ImportError
):  # torch's builds without CUDA come without it: see ``softmax_pass``, which then makes no use of this
    triton = None

_BLOCK = 4096  # numbers of a row that a program holds at a time


def softmax_(logits: Tensor, lse: Tensor, keep: bool) -> None:
    """Fill ``lse`` [N], and with ``keep`` turn logits [N, V] into probabilities in place.

    Args:
        logits: [N, V]; rows may lie apart, a row's numbers lie side by side.
        lse: [N], contiguous.
        keep: False to leave the logits as they are.
    """
    rows, words = logits.shape
    block = min(_BLOCK, 1 << (words - 1).bit_length())  # a power of two
    with torch.cuda.device_of(logits):  # Triton starts kernels on the current device
        _row[(rows,)](logits, lse, logits.stride(0), words, BLOCK=block, KEEP=keep)


if triton is not None:

    @triton.jit
    def _row(logits, lse, stride, words, BLOCK: tl.constexpr, KEEP: tl.constexpr):
        """A row: its maximum and its sum go along (online softmax, Milakov and Gimelshein 2018), then probabilities."""
        kept = lse.dtype.element_ty
        row = logits + tl.program_id(0).to(tl.int64) * stride
        top = tl.full((), float("-inf"), kept)
        total = tl.full((), 0.0, kept)
        for first in range(0, words, BLOCK):
            place = first + tl.arange(0, BLOCK)
            x = tl.load(row + place, mask=place < words, other=float("-inf")).to(kept)
            higher = tl.maximum(top, tl.max(x))
            shift = tl.where(higher == float("-inf"), 0.0, higher)  # words so far all impossible: nothing to shift by
            total = total * tl.exp(top - shift) + tl.sum(tl.exp(x - shift))
            top = higher
        tl.store(lse + tl.program_id(0), top + tl.log(total))
        if KEEP:
            for first in range(0, words, BLOCK):
                place = first + tl.arange(0, BLOCK)
                x = tl.load(row + place, mask=place < words, other=0.0).to(kept)
                p = tl.exp(x - top) / total  # not exp(x - lse): a large logit's lse is rounded
                tl.store(row + place, p.to(logits.dtype.element_ty), mask=place < words)
