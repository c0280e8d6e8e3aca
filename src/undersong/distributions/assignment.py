"""One of K for each sentence: p(z = k) = exp(s_k) / sum_j exp(s_j), with s_k = log p(x, z = k).

The posterior of every mixture; its ``log_partition`` is log p(x). Knows nothing of what is chosen.
"""

import torch
from torch import Tensor

from undersong.distributions.semirings import Semiring
from undersong.distributions.structured import Parts, Structured


class Assignment(Structured):
    """A choice z among K, for each of B sentences.

    Args:
        scores: log-scores [B, K], nats; -inf forbids.
        prior: p(z) for the same sentences, where this is a posterior made from it.

    >>> q = Assignment(torch.tensor([[0.5, 0.25]]).log())
    >>> round(q.log_partition.exp().item(), 4), q.mode.item()
    (0.75, 0)
    """

    telling = (0,)
    has_enumerate_support = True

    def __init__(self, scores: Tensor, prior: "Assignment | None" = None):
        self.prior = prior
        super().__init__((scores,), torch.ones(len(scores), dtype=torch.int64, device=scores.device), ())

    def inside(self, semiring: Semiring) -> Tensor:
        """The sum over the K choices: [..., B]."""
        return semiring.sum(semiring.lift(self.potentials[0]), -1)

    def traced_bytes(self, words: int, kept: int) -> float:
        """Eight bytes a choice."""
        return 8.0 * kept * self.potentials[0].shape[1]

    def score(self, z: Tensor) -> Tensor:
        """s_z for z [..., B]: the same shape."""
        (scores,) = self.potentials
        return scores.expand(*z.shape, -1).gather(-1, z[..., None]).squeeze(-1)

    def structure(self, parts: Parts) -> Tensor:
        """The choice that is marked: [B]."""
        (chosen,) = parts
        assert chosen is not None
        return chosen.argmax(-1)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All choices: [K, B], or [K, 1] to be broadcast."""
        sentences, choices = self.potentials[0].shape
        return torch.arange(choices, device=self.lengths.device)[:, None].expand(-1, sentences if expand else 1)
