"""Semi-Markov chains: a sentence cut into segments of several words, each in one state.

    score(z) = initial[k_1] + sum_i segment[start_i, length_i, k_i] + sum_i transition[k_i, k_i+1] + final[k_last]

    after[e, k] = (+)_l before[e - l, k] (x) segment[e - l, l, k], before[e, k] = (+)_j after[e, j] (x) transition[j, k]

Knows nothing of words, nor of where the scores of segments come from.
"""

import torch
from torch import Tensor

from undersong.distributions.semirings import Semiring
from undersong.distributions.structured import Parts, Structured


class SemiMarkov(Structured):
    """A chain of segments of 1 to L words in K states (Kim et al. 2018, section 4.3; Sarawagi and Cohen 2005).

    z is int64 [..., B, T]: state * L + (length - 1) where a segment starts, -1 elsewhere and in padding. Potentials are
    initial [1 or B, K], transition [1 or B, K, K], segment [B, T, L, K] and final [1 or B, K].

    Args:
        initial: score of the first segment's state, [K] or [B, K].
        transition: score of (from, to) between neighbouring segments, [K, K] or [B, K, K].
        segment: score of the segment that starts at word t, has l + 1 words and is in state k, [B, T, L, K]; those
            that reach beyond the sentence are not read.
        lengths: words of each sentence, one or more, int [B].
        final: score of the last segment's state, [K] or [B, K]; none by default.

    >>> zeros = torch.zeros
    >>> cuts = SemiMarkov(zeros(1), zeros(1, 1), zeros(1, 4, 3, 1), torch.tensor([4]))  # 4 words, at most 3 together
    >>> round(cuts.log_partition.exp().item())
    7
    """

    def __init__(
        self, initial: Tensor, transition: Tensor, segment: Tensor, lengths: Tensor, final: Tensor | None = None
    ):
        final = segment.new_zeros(segment.shape[-1]) if final is None else final
        first, last = (t[None] if t.dim() == 1 else t for t in (initial, final))
        between = transition[None] if transition.dim() == 2 else transition
        super().__init__((first, between, segment, last), lengths, segment.shape[1:2])

    def inside(self, semiring: Semiring) -> Tensor:
        initial, between, segment, final = self.potentials
        sentences, steps, longest, states = segment.shape
        before = [semiring.lift(initial.expand(sentences, states))]  # [B, K] each
        total = None
        for end in range(1, steps + 1):
            size = torch.arange(min(longest, end), device=segment.device)
            starts = torch.stack([before[end - 1 - s] for s in range(len(size))], -2)  # [B, l, K]
            after = semiring.sum(starts + segment[:, end - 1 - size, size], -2)
            total = after if total is None else torch.where((self.lengths == end)[:, None], after, total)
            if end < steps:
                before.append(semiring.product(after, between))
        assert total is not None
        return semiring.sum(total + final, -1)

    def score(self, z: Tensor) -> Tensor:
        initial, between, segment, final = self.potentials
        longest = segment.shape[2]
        state, size = z.clamp(min=0) // longest, z.clamp(min=0) % longest
        last, end = state[..., 0], torch.zeros_like(state[..., 0])  # of the segments so far
        total, right = self.pick(initial, last), torch.ones_like(end, dtype=torch.bool)
        for t in range(segment.shape[1]):
            starts = z[..., t] >= 0
            right = right & (starts == ((end == t) & (t < self.lengths)))
            step = self.pick(segment, t, size[..., t], state[..., t])
            if t:
                step = step + self.pick(between, last, state[..., t])
            total = total + torch.where(starts, step, 0.0)
            last = torch.where(starts, state[..., t], last)
            end = torch.where(starts, t + 1 + size[..., t], end)
        return (total + self.pick(final, last)).masked_fill(~right | (end != self.lengths), -torch.inf)

    def structure(self, parts: Parts) -> Tensor:
        segment = parts[2]
        assert segment is not None
        marked, z = segment.transpose(2, 3).flatten(2).max(-1)  # [B, T], over states * L + sizes
        return torch.where(marked > 0, z, -1)
