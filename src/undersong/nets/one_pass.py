"""One pass over rows of hidden states against the vocabulary, a chunk at a time: what ``fused`` asks of it.

With logits l_nv = w_v . h_n + b_v and p_n = softmax(l_n), a pass gives log p_n(target) and the sums over p.
Knows nothing of how a chunk's probabilities are made.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator

import torch
from torch import Tensor

Found = tuple[Tensor, Tensor | None, Tensor | None, Tensor | None]


class OnePass(ABC):
    """The rows and the vocabulary.

    Args:
        hidden: [N, H].
        weight: [V, H].
        bias: [V].
        targets: int64 [N].
        dtype: what products read.

    Attributes:
        chunk: bytes of the logits that are held at a time.
    """

    chunk: int

    def __init__(self, hidden: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, dtype: torch.dtype) -> None:
        self.hidden, self.weight, self.bias, self.dtype = hidden, weight, bias, dtype
        self.vectors = weight[targets]  # of the targets, [N, H]
        self.own = (hidden * self.vectors).sum(-1) + bias[targets]  # the targets' logits, from fp32 inputs: [N]
        most = max(1, self.chunk // (weight.shape[0] * dtype.itemsize))
        self.uses = -(-len(targets) // most)
        even = -(-len(targets) // max(1, self.uses))  # a short last chunk would cost nearly as much as a whole one
        self.rows = min(most, -(-even // 16) * 16)  # kernels come in blocks of 16 rows

    def slices(self) -> Iterator[slice]:
        """The rows of each chunk."""
        for first in range(0, len(self.own), max(1, self.rows)):
            yield slice(first, first + self.rows)

    @abstractmethod
    def run(self, upstream: Tensor | None = None, of_hidden: bool = False) -> Found:
        """Log-probabilities of the targets, nats, and gradients.

        Args:
            upstream: a factor u for each row in the sums over rows [N]; None to leave these sums out.
            of_hidden: whether the gradients of hidden states are wanted.

        Returns:
            log p(target) [N]; its gradients w_target - sum_v p_nv w_v [N, H]; -sum_n u_n p_nv h_n [V, H] and
            -sum_n u_n p_nv [V], the targets themselves not yet added; None for what was left out.
        """
