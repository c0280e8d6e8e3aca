"""Beam search, over all sentences and hypotheses at once.

    score(x) = log p(x|z) / lp(x),   lp(x) = ((5 + |x|) / 6) ** a,   |x| counts the words and the end

(Wu et al. 2016, eq. 14, without coverage; a = 0 compares log-probabilities.) Besides its W hypotheses the beam keeps
the greedy one, in a slot of its own once it falls out: the result is the better of beam and greedy search. Every
hypothesis that ends is a candidate for the result, and one that can no longer beat the best finished one is dropped at
once, which changes no result: log p only falls as words are added, so log p / lp(longest sentence) bounds its score.

Knows nothing of decoders or text.
"""

import torch
from torch import Tensor

from undersong.data.batch import BOS, EOS
from undersong.decoding.constraint import Constraint
from undersong.decoding.search import Hypothesis, Search
from undersong.errors import UserError
from undersong.nets import Reader
from undersong.settings import need_finite

WIDEST, HEAVIEST = 10_000, 10


class Beam(Search):
    """The best of many hypotheses, never worse than the greedy one.

    Args:
        width: W, hypotheses kept for a sentence; at most 10,000.
        length_penalty: the exponent a; above 0 favours longer sentences; at most 10.
    """

    def __init__(self, width: int = 10, length_penalty: float = 0.0):
        if width < 1:
            raise UserError(f"a beam of width {width} holds nothing: use 1 or more.")
        if width > WIDEST:
            raise UserError(f"a beam of width {width} would fill the memory: use {WIDEST} or less.")
        need_finite(length_penalty=length_penalty)
        if length_penalty < 0:
            raise UserError(f"length_penalty {length_penalty} is below 0: use 0 for none, more for longer sentences.")
        if length_penalty > HEAVIEST:
            raise UserError(
                f"length_penalty {length_penalty} is above {HEAVIEST}: scores of long sentences would be too small for "
                "numbers; use about 1 for longer sentences."
            )
        self.width, self.length_penalty, self.rows = width, length_penalty, width

    def run(self, decoder: Reader, z: Tensor, rule: Constraint, keys: Tensor, seed: int) -> list[Hypothesis]:
        """One sentence for each z [N, D]; there is no noise."""
        beams, done = _Beams(len(z), self.width, z.device), _Finished(len(z), z.device)
        ceiling = self._divisor(rule.limit + 1)[:, None]  # [N, 1]
        slots, state = beams.alive(), decoder.start(z)  # a row of the state for each living hypothesis: [R]
        sentence = torch.arange(len(z), device=z.device).repeat_interleave(beams.slots)  # of each slot: [N * S]
        position = torch.zeros_like(sentence)
        step = 0
        while len(slots):
            allowed = rule.at(sentence[slots], position[slots], step)
            log_p, words, state = decoder.best(beams.last[slots], state, self.width + 1, allowed)  # [R, k]
            total, words = beams.candidates(slots, log_p, words)  # [N, S, k]
            ended = words == EOS
            score = total / self._divisor(torch.tensor(step + 1))
            done.offer(score.masked_fill(~ended, -torch.inf), total, beams.words, step)
            parent = beams.advance(total.masked_fill(ended, -torch.inf), words)  # [N * S]
            position = rule.after(sentence, position[parent], beams.last)
            beams.keep(beams.total / ceiling > done.score[:, None])
            row = torch.empty_like(parent)
            row[slots] = torch.arange(len(slots), device=z.device)
            slots = beams.alive()
            state = state.select(row[parent[slots]])
            step += 1
        return done.hypotheses()

    def _divisor(self, length: Tensor) -> Tensor:
        return ((5.0 + length.double()) / 6.0) ** self.length_penalty


class _Beams:
    """The unfinished hypotheses: S = W + 1 slots a sentence, the last for a greedy one that fell out of the beam.

    ``total`` holds log p [N, S], -inf in an empty slot; ``words`` those so far [N, S, T]; ``last`` the last word of
    each [N * S]; ``greedy`` the slot of each sentence's greedy hypothesis [N].
    """

    def __init__(self, sentences: int, width: int, device: torch.device):
        self.width, self.slots = width, width + 1
        self.total = torch.full((sentences, self.slots), -torch.inf, dtype=torch.float64, device=device)
        self.total[:, 0] = 0.0
        self.words = torch.empty((sentences, self.slots, 0), dtype=torch.int64, device=device)
        self.last = torch.full((sentences * self.slots,), BOS, device=device)
        self.greedy = torch.zeros(sentences, dtype=torch.int64, device=device)

    def alive(self) -> Tensor:
        """The slots in use, counted through all sentences: [R]."""
        return (self.total > -torch.inf).flatten().nonzero().squeeze(1)

    def keep(self, worthy: Tensor) -> None:
        """Empty the slots that are not ``worthy`` [N, S]."""
        self.total = self.total.masked_fill(~worthy, -torch.inf)

    def candidates(self, slots: Tensor, log_p: Tensor, words: Tensor) -> tuple[Tensor, Tensor]:
        """What the rows in use [R, k] propose, laid out by sentence and slot: log p so far and words, [N, S, k]."""
        size = (*self.total.shape, log_p.shape[1])
        total = self.total.new_full(size, -torch.inf).flatten(0, 1)
        laid = words.new_zeros(size).flatten(0, 1)
        total[slots] = log_p.double() + self.total.flatten()[slots][:, None]
        laid[slots] = words
        return total.view(size), laid.view(size)

    def advance(self, total: Tensor, words: Tensor) -> Tensor:
        """Keep the best W of all candidates [N, S, k] and the greedy one; say whose child each slot holds: [N * S]."""
        sentences, _, k = total.shape
        best, chosen = total[:, : self.width].flatten(1).topk(self.width, 1)  # [N, W] among W * k
        heir = total[:, :, 0].gather(1, self.greedy[:, None])  # the greedy hypothesis's own best word: [N, 1]
        same = chosen == self.greedy[:, None] * k
        inside = same.any(1, keepdim=True)
        self.total = torch.cat([best, heir.masked_fill(inside, -torch.inf)], 1)
        chosen = torch.cat([chosen, self.greedy[:, None] * k], 1)  # [N, S] among S * k
        self.greedy = torch.where(inside[:, 0], same.int().argmax(1), self.width)
        parent = chosen // k
        last = words.flatten(1).gather(1, chosen)
        self.words = torch.cat([self.words.take_along_dim(parent[:, :, None], 1), last[:, :, None]], 2)
        self.last = last.flatten()
        return (parent + self.slots * torch.arange(sentences, device=parent.device)[:, None]).flatten()


class _Finished:
    """The best finished hypothesis of each sentence."""

    def __init__(self, sentences: int, device: torch.device):
        self.score = torch.full((sentences,), -torch.inf, dtype=torch.float64, device=device)
        self.log_prob = self.score.clone()
        self.words = torch.empty((sentences, 0), dtype=torch.int64, device=device)
        self.length = torch.zeros(sentences, dtype=torch.int64, device=device)

    def offer(self, score: Tensor, total: Tensor, words: Tensor, length: int) -> None:
        """Hypotheses of ``length`` words that may end here: scores and log p [N, S, k], words [N, S, length]."""
        best, place = score.flatten(1).max(1)
        better = best > self.score
        self.score = torch.where(better, best, self.score)
        self.log_prob = torch.where(better, total.flatten(1).gather(1, place[:, None]).squeeze(1), self.log_prob)
        self.length.masked_fill_(better, length)
        rows = better.nonzero().squeeze(1)
        self.words = torch.nn.functional.pad(self.words, (0, length - self.words.shape[1]), value=EOS)
        self.words[rows] = words[rows, place[rows] // score.shape[2]]

    def hypotheses(self) -> list[Hypothesis]:
        """They, in order."""
        found = zip(self.words.tolist(), self.length.tolist(), self.log_prob.tolist(), self.score.tolist(), strict=True)
        return [Hypothesis(words[:length], log_prob, score) for words, length, log_prob, score in found]
