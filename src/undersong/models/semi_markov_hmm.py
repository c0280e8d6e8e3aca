"""The hidden semi-Markov model, with segments written by networks (tutorial, section 4.3; Wiseman et al. 2018).

    p(x, z) = p(k_1) prod_i p(k_{i+1} | k_i) p(l_i | k_i) p(words of segment i | k_i) p(end | k_last)

A state lasts for a segment of up to L words, which are not independent given it. Sentences written by the same states
in the same order share a template. The sum over all ways to cut and name is exact; the networks learn by its gradient.
Knows nothing of learning.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from undersong.configurable import Configurable
from undersong.data.batch import PAD, Batch
from undersong.distributions.semi_markov import SemiMarkov
from undersong.models.annotation import contradicted, never_empty
from undersong.models.base import WORDS_AND_END, SummedOut
from undersong.models.walk import walk
from undersong.nets.segments import RecurrentSegments, Segments
from undersong.nets.table import Table
from undersong.settings import need


class SemiMarkovHMM(Configurable, nn.Module, SummedOut):
    """K states that last; trained by ``Gradient``. The end of the sentence is scored.

    Args:
        vocab: V; follows from the corpus.
        states: K.
        longest: L, words of the longest segment.
        segments: what a segment's words say of its state, given V and K: ``RecurrentSegments`` or ``BagSegments``.

    >>> SemiMarkovHMM(50, states=4).log_marginal(Batch.of([[5, 6, 7], [8]])).shape
    torch.Size([2])
    """

    event = WORDS_AND_END
    annotation = ("tags",)

    def __init__(
        self,
        vocab: int,
        states: int = 45,
        longest: int = 4,
        segments: Callable[[int, int], Segments] = RecurrentSegments,
    ):
        super().__init__()
        need(1, states=states, longest=longest)
        self.vocab, self.latent, self.longest = vocab, states, longest
        self.initial = Table(states)
        self.transition = Table(states, states + 1)
        self.length = Table(states, longest)
        self.segments = segments(vocab, states)

    def prior(self, x: Batch) -> SemiMarkov:
        """p(z | length of x), with z as of ``SemiMarkov``: state * L + (words - 1) where a segment starts, else -1."""
        return self._chain(self.length().T.expand(*x.tokens.shape, -1, -1), x)

    def posterior(self, x: Batch, *, given: bool = False) -> SemiMarkov:
        """p(z|x), whose ``log_partition`` is log p(x); -inf for a sentence without words, which no segment wrote.

        Args:
            x: B sentences.
            given: a word's tag in ``x.tags``, where known, is the state of its segment.

        Raises:
            UserError: there are more tags than states.
        """
        segment = self.segments(x, self.longest).cumsum(2) + self.length().T  # [B, T, L, K]
        wrong = contradicted(x, self.latent) if given else None
        if wrong is not None:
            reached = nn.functional.pad(wrong, (0, 0, 0, self.longest - 1)).unfold(1, self.longest, 1)  # [B, T, K, L]
            segment = segment.masked_fill(reached.transpose(2, 3).cumsum(2) > 0, -torch.inf)
        return self._chain(never_empty(segment, x), x)

    def log_likelihood(self, x: Batch, z: Tensor) -> Tensor:
        """log p(x|z) in nats for z [S, B, T]: [S, B]; log p(length), which the prior is given, is part of it."""
        return self.posterior(x).score(z) - self.prior(x).log_prob(z)

    @torch.no_grad()
    def sample(self, n: int, *, max_words: int = 100, generator: torch.Generator | None = None) -> tuple[Tensor, Batch]:
        """``n`` sentences with their segments [n, T]; what goes on after ``max_words`` words is cut off."""
        rows = self.transition()
        path = walk(self.initial(), rows[:, :-1], rows[:, -1], n, max_words, generator)
        state = path.states  # [n, segments]
        size = 1 + torch.multinomial(self.length().exp()[state.flatten()], 1, generator=generator).view_as(state)
        written = self.segments.write(state.flatten(), self.longest, generator).view(*state.shape, self.longest)
        place = torch.arange(self.longest, device=state.device)
        there = path.inside[..., None] & (place < size[..., None])  # [n, segments, L]
        lengths = there.sum((1, 2)).clamp(max=max_words)
        starts = torch.where(place == 0, (state * self.longest + size - 1)[..., None], -1).expand_as(written)
        order = (~there).flatten(1).to(torch.int8).argsort(dim=1, stable=True)[:, : int(lengths.max())]
        inside = torch.arange(order.shape[1], device=state.device) < lengths[:, None]
        tokens = torch.where(inside, written.flatten(1).gather(1, order), PAD)
        z = torch.where(inside, starts.flatten(1).gather(1, order), -1)
        room = lengths[:, None] - torch.arange(z.shape[1], device=z.device)  # words left, for a segment that is cut
        z = torch.where(z >= 0, z - (z % self.longest - (room - 1)).clamp(min=0), -1)
        return z, Batch(tokens, lengths, torch.arange(n, device=state.device))

    def _chain(self, segment: Tensor, x: Batch) -> SemiMarkov:
        rows = self.transition()
        return SemiMarkov(self.initial(), rows[:, :-1], segment, x.lengths.clamp(min=1), rows[:, -1])
