"""Semi-Markov chains: a sentence cut into segments of several words, each in one state.

    score(z) = initial[k_1] + sum_i segment[start_i, length_i, k_i] + sum_i transition[k_i, k_i+1] + final[k_last]

    after[e, k] = (+)_l before[e - l, k] (x) segment[e - l, l, k], before[e, k] = (+)_j after[e, j] (x) transition[j, k]

Knows nothing of words, nor of where the scores of segments come from.
"""

import torch
from torch import Tensor

from undersong.distributions.semirings import LOG, Semiring, sample_index
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

    telling = (2,)

    def __init__(
        self, initial: Tensor, transition: Tensor, segment: Tensor, lengths: Tensor, final: Tensor | None = None
    ):
        final = segment.new_zeros(segment.shape[-1]) if final is None else final
        first, last = (t[None] if t.dim() == 1 else t for t in (initial, final))
        between = transition[None] if transition.dim() == 2 else transition
        super().__init__((first, between, segment, last), lengths, segment.shape[1:2])

    def inside(self, semiring: Semiring) -> Tensor:
        _, after = self._messages(semiring)
        total = after[0]
        for end, value in enumerate(after[1:], 2):
            total = torch.where((self.lengths == end)[:, None], value, total)
        return semiring.sum(total + self.potentials[3], -1)

    def _messages(self, semiring: Semiring) -> tuple[list[Tensor], list[Tensor]]:
        """``before`` words 0, 1, ... and ``after`` 1, 2, ... words, [..., B, K] each."""
        initial, between, segment, _ = self.potentials
        sentences, _, _, states = segment.shape
        before, after = [semiring.lift(initial.expand(sentences, states))], list[Tensor]()
        for ending in self._by_end():
            if after:
                before.append(semiring.product(after[-1], between))
            after.append(semiring.sum(_joined(before, ending), -2))
        return before, after

    def _by_end(self) -> tuple[Tensor, ...]:
        """Scores of the segments that end after 1, 2, ... words, by their length [B, L or less, K] each."""
        segment = self.potentials[2]
        steps, longest = segment.shape[1:3]
        last, size = (torch.arange(n, device=segment.device) for n in (steps, longest))
        ending = segment[:, (last[:, None] - size).clamp(min=0), size]  # [B, T, L, K]
        return tuple(each[:, : t + 1] for t, each in enumerate(ending.unbind(1)))

    def traced_bytes(self, words: int, kept: int) -> float:
        longest, states = self.potentials[2].shape[2:]
        return kept * words * (8.0 * states**2 + 32.0 * longest * states + 64.0 * states)

    def _sample(self, n: int) -> Tensor:
        """From the end: the last state, the length of its segment, the state before, and so on."""
        longest, states = self.potentials[2].shape[2:]
        each = 3 * longest * states  # a word's segments
        self._ask(lambda words: 8.0 * len(self.lengths) * (words * (each + 4 * states + n) + n * (each + 6 * states)))
        wide = self.wide
        before, after = wide._messages(LOG)
        endings = wide._by_end()
        reached, backwards = torch.stack(after, 1), wide.potentials[1].mT  # [B, T, K], [1 or B, K to, K from]
        end = self.lengths.expand(n, -1)
        state = sample_index((self.pick(reached, self.lengths - 1) + wide.potentials[3]).expand(n, -1, -1), -1)[..., 0]
        z = end.new_full((n, *self.batch_shape, *self.event_shape), -1)
        for now in reversed(range(1, int(self.lengths.max()) + 1)):
            here = self.pick(_joined(before[:now], endings[now - 1]).transpose(1, 2), state)  # [n, B, L or less]
            size = sample_index(here, -1)
            start = now - 1 - size  # [n, B, 1]
            ends = (end == now)[..., None]
            z.scatter_(-1, start, torch.where(ends, state[..., None] * longest + size, z.gather(-1, start)))
            into = self.pick(reached, (start[..., 0] - 1).clamp(min=0)) + self.pick(backwards, state)  # [n, B, K]
            state = torch.where(ends, sample_index(into, -1), state[..., None])[..., 0]
            end = torch.where(ends[..., 0], start[..., 0], end)
        return z

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


def _joined(before: list[Tensor], ending: Tensor) -> Tensor:
    """All up to segments that end at one place, by their length and state [..., B, L or less, K].

    Args:
        before: all before each word up to that place, [..., B, K] each.
        ending: scores of the segments [B, L or less, K].
    """
    return torch.stack(before[: -ending.shape[1] - 1 : -1], -2) + ending
