"""Linear chains: tag sequences scored by pairs of neighbours.

    score(z) = initial[z_1] + sum_t emission[t, z_t] + sum_t transition[z_t, z_t+1] + final[z_T]

What all sentences share stays shared: no [B, T, K, K] is made unless one is given. Knows nothing of words or of
probabilities: a row need not sum to one.
"""

import torch
from torch import Tensor

from undersong.distributions.semirings import Semiring
from undersong.distributions.structured import Parts, Structured


class Chain(Structured):
    """A linear chain of K states, as of an HMM's posterior or of a CRF (Kim et al. 2018, section 3.3).

    z is int64 [..., B, T], 0 in padding. Potentials (``chain.potentials``, with marginals aligned) are initial
    [1 or B, K], transition [1 or B, 1 or T - 1, K, K], emission [B, T, K] and final [1 or B, K].

    Args:
        initial: score of the first state, [K] or [B, K].
        transition: score of (from, to), [K, K], [B, K, K] or [B, T - 1, K, K].
        emission: score of each word in each state, [B, T, K].
        lengths: words of each sentence, one or more, int [B].
        final: score of the last state, as of an end symbol after it, [K] or [B, K]; none by default.

    >>> chain = Chain(torch.zeros(2), torch.zeros(2, 2), torch.zeros(1, 3, 2), torch.tensor([3]))
    >>> round(chain.log_partition.exp().item()), chain.sample((5,)).shape
    (8, torch.Size([5, 1, 3]))
    """

    def __init__(
        self, initial: Tensor, transition: Tensor, emission: Tensor, lengths: Tensor, final: Tensor | None = None
    ):
        states = emission.shape[-1]
        final = emission.new_zeros(states) if final is None else final
        first, last = (t[None] if t.dim() == 1 else t for t in (initial, final))
        between = transition[(None,) * (3 - transition.dim())]  # [1 or B, K, K] or [B, T - 1, K, K]
        between = between if between.dim() == 4 else between[:, None]
        super().__init__((first, between, emission, last), lengths, emission.shape[1:2])

    @property
    def states(self) -> int:
        """K."""
        return self.potentials[2].shape[-1]

    def between(self, t: int) -> Tensor:
        """Scores of transitions from word t to word t + 1, [1 or B, K, K]."""
        transition = self.potentials[1]
        return transition[:, t if transition.shape[1] > 1 else 0]

    def inside(self, semiring: Semiring) -> Tensor:
        initial, _, emission, final = self.potentials
        alpha = semiring.lift(initial + emission[:, 0])  # [B, K]
        for t in range(1, emission.shape[1]):
            step = semiring.sum(alpha.unsqueeze(-1) + self.between(t - 1), -2) + emission[:, t]
            alpha = torch.where((t < self.lengths)[:, None], step, alpha)
        return semiring.sum(alpha + final, -1)

    def score(self, z: Tensor) -> Tensor:
        initial, _, emission, final = self.potentials
        total = self.pick(initial, z[..., 0]) + self.pick(emission, 0, z[..., 0])
        for t in range(1, emission.shape[1]):
            step = self.pick(self.between(t - 1), z[..., t - 1], z[..., t]) + self.pick(emission, t, z[..., t])
            total = total + torch.where(t < self.lengths, step, 0.0)
        last = z.gather(-1, (self.lengths - 1).expand(z.shape[:-1])[..., None])[..., 0]
        return total + self.pick(final, last)

    def structure(self, parts: Parts) -> Tensor:
        emission = parts[2]
        assert emission is not None
        return emission.argmax(-1)
