"""One pass over rows of hidden states against the vocabulary, a chunk at a time: what ``fused`` asks of it.

With logits l_nv = w_v . h_n + b_v and p_n = softmax(l_n), a pass gives log p_n(target) and the sums over p.
Knows nothing of how a chunk's probabilities are made.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator

import torch
from torch import Tensor

_CHUNK = 24_000_000  # bytes of a chunk of logits, which a last-level cache holds
_CHUNK_CUDA = 256_000_000  # on CUDA: rows enough that a product keeps all of a device busy


Found = tuple[Tensor, Tensor | None, Tensor | None, Tensor | None]


class OnePass(ABC):
    """The rows and the vocabulary.

    Args:
        hidden: [N, H].
        weight: [V, H].
        bias: [V].
        targets: int64 [N].
        dtype: what products read.
    """

    def __init__(self, hidden: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, dtype: torch.dtype) -> None:
        self.hidden, self.weight, self.bias, self.dtype = hidden, weight, bias, dtype
        self.own = (hidden * weight[targets]).sum(-1) + bias[targets]  # the targets' logits, from fp32 inputs: [N]
        chunk = _CHUNK_CUDA if hidden.is_cuda else _CHUNK
        most = max(1, chunk // (weight.shape[0] * dtype.itemsize))
        self.uses = -(-len(targets) // most)
        even = -(-len(targets) // max(1, self.uses))  # a short last chunk would cost nearly as much as a whole one
        self.rows = min(most, -(-even // 16) * 16)  # kernels come in blocks of 16 rows

    def slices(self) -> Iterator[slice]:
        """The rows of each chunk."""
        for first in range(0, len(self.own), max(1, self.rows)):
            yield slice(first, first + self.rows)

    @abstractmethod
    def run(self, upstream: Tensor | None = None, of_hidden: bool = False) -> Found:
        """Log-probabilities of the targets, nats, and minus the sums over p of words' vectors and of rows.

        Args:
            upstream: a factor for each row in the sums over rows [N]; None to leave these sums out.
            of_hidden: whether the sums of words' vectors are wanted.

        Returns:
            [N], [N, H], [V, H] and [V]; None for what was left out.
        """
