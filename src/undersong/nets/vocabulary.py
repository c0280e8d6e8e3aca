"""The last layer: from a hidden state to log-probabilities of words.

    log p(w | h) = W_w h + b_w - lse(h),    lse(h) = log sum_v exp(W_v h + b_v)

Two thirds of a sentence VAE's arithmetic happen here. The fused path works over chunks of rows that stay in cache, so
that [N, V] is never held, and makes loss and gradients in one pass: three products in all, as plain autograd does.

Knows nothing of sentences, padding or time: its rows are the real targets, in any order.
"""

import torch
from torch import Tensor, nn

from undersong.nets.fused import log_prob
from undersong.nets.precision import FP32, Precision
from undersong.nets.products import rounded_linear


class Vocabulary(nn.Module):
    """Log-probabilities over a vocabulary of V words from hidden states of width H.

    Args:
        vocab: number of words V.
        width: size H of a hidden state.
        weight: the [V, H] matrix to share (tied embeddings); None for one of its own.

    >>> layer = Vocabulary(50, 8)
    >>> layer.log_prob(torch.zeros(3, 8), torch.tensor([4, 5, 6])).exp()
    tensor([0.0200, 0.0200, 0.0200], grad_fn=...)
    """

    def __init__(self, vocab: int, width: int, weight: nn.Parameter | None = None) -> None:
        super().__init__()
        self.precision: Precision = FP32  # see nets.precision; a run's choice, not the layer's
        self.weight = nn.Parameter(torch.empty(vocab, width)) if weight is None else weight
        self.bias = nn.Parameter(torch.zeros(vocab))
        if weight is None:
            nn.init.uniform_(self.weight, -(width**-0.5), width**-0.5)

    def log_prob(self, hidden: Tensor, targets: Tensor, weighted: bool = False) -> Tensor:
        """Log-probability of each target, nats.

        Args:
            hidden: [N, H].
            targets: int64 [N]; real words only, padding dropped by the caller.
            weighted: say so when the rows' upstream gradients will differ (importance weights over samples): the
                result is the same, but it then costs four products, where guessing wrong costs five.

        Returns:
            [N].
        """
        if self.precision.fused:
            return log_prob(hidden, self.weight, self.bias, targets, self.precision, weighted)
        return self.log_softmax(hidden).gather(1, targets[:, None]).squeeze(1)

    def logits(self, hidden: Tensor) -> Tensor:
        """Unnormalised log-probabilities: [..., H] -> [..., V]."""
        if self.precision.name == "fp32":
            return nn.functional.linear(hidden, self.weight, self.bias)
        return rounded_linear(hidden, self.weight, self.precision.dtype) + self.bias

    def log_softmax(self, hidden: Tensor) -> Tensor:
        """Log-probabilities of all words, for search: [..., H] -> [..., V], nats."""
        return self.logits(hidden).log_softmax(-1)
