"""One of K for each sentence: p(z = k) = exp(s_k - log sum_j exp s_j), with s_k = log p(x, z = k).

The posterior of every mixture; its ``log_partition`` is log p(x). Knows nothing of what is chosen.
"""

import torch
from torch import Tensor
from torch.distributions import Distribution, register_kl


class Assignment(Distribution):
    """A choice z among K, for each of B sentences.

    Args:
        scores: log-scores [B, K], nats; -inf forbids.

    >>> q = Assignment(torch.tensor([[0.5, 0.25]]).log())
    >>> q.log_partition.exp().item(), q.mode.item()
    (0.75, 0)
    """

    arg_constraints = {}  # noqa: RUF012 (torch's own protocol)
    has_enumerate_support = True

    def __init__(self, scores: Tensor):
        super().__init__(scores.shape[:1])
        self.scores = scores
        self.possible = scores.isneginf().logical_not().any(-1)  # [B]
        self._safe = torch.where(self.possible[:, None], scores, torch.zeros_like(scores))

    @property
    def potentials(self) -> tuple[Tensor]:
        """The scores, as every structured distribution names them."""
        return (self.scores,)

    @property
    def log_partition(self) -> Tensor:
        """log sum_k exp s_k: [B], nats; -inf where nothing is allowed."""
        return self._if_possible(self._safe.logsumexp(-1))

    @property
    def best(self) -> Tensor:
        """The highest score: [B]; its gradient is one for the first of the best."""
        return self._if_possible(self._safe.max(-1).values)

    @property
    def marginals(self) -> tuple[Tensor]:
        """p(z = k), aligned with ``potentials``: [B, K]; zeros where nothing is allowed."""
        return (self._safe.softmax(-1) * self.possible[:, None],)

    @property
    def mode(self) -> Tensor:
        """The best choice: int64 [B]."""
        return self._safe.argmax(-1)

    def score(self, z: Tensor) -> Tensor:
        """s_z for z [..., B]: the same shape."""
        return self.scores.expand(*z.shape, -1).gather(-1, z[..., None]).squeeze(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        """log p(z) for z [..., B], nats."""
        return self.score(value) - self.log_partition

    def sample(self, sample_shape: torch.Size | list[int] | tuple[int, ...] = ()) -> Tensor:
        """Choices [..., B], int64."""
        shape = torch.Size(sample_shape)
        chosen = torch.multinomial(self._safe.softmax(-1), shape.numel(), replacement=True)  # [B, n]
        return chosen.T.reshape(*shape, -1)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All choices: [K, B]."""
        choices = torch.arange(self.scores.shape[1], device=self.scores.device)[:, None]
        return choices.expand(-1, len(self.scores)) if expand else choices

    def top_k(self, k: int) -> tuple[Tensor, Tensor]:
        """The k best choices [k, B] and their scores [k, B]; past K, choice 0 with a score of -inf."""
        found = self.scores.topk(min(k, self.scores.shape[1]), -1)
        more = (0, k - found.indices.shape[1])
        padded = torch.nn.functional.pad(found.values, more, value=float("-inf"))
        return torch.nn.functional.pad(found.indices, more).T, padded.T

    def entropy(self) -> Tensor:
        """Entropy [B], nats."""
        p = self.marginals[0]
        return -torch.special.xlogy(p, p).sum(-1)

    def _if_possible(self, values: Tensor) -> Tensor:
        return torch.where(self.possible, values, torch.full_like(values, float("-inf")))


@register_kl(Assignment, Assignment)
def _kl(q: Assignment, p: Assignment) -> Tensor:
    weight = q.marginals[0]
    ratio = (q.scores - q.log_partition[:, None]) - (p.scores - p.log_partition[:, None])
    return (weight * ratio.masked_fill(weight == 0, 0.0)).sum(-1)
