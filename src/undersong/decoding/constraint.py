"""What is fixed of a sentence before it is written: given words, blanks, and where it must end.

Knows nothing of models or of text.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from undersong.data.batch import BOS, EOS, PAD, SPECIAL, UNK
from undersong.nets.allowed import Allowed

BLANK, FREE = -1, -2


@dataclass(frozen=True)
class Constraint:
    """What each of N sentences may hold, position by position.

    The start and padding symbols are never written. A blank is one known word: neither the unknown word nor the end.

    Attributes:
        given: what stands at each position: a word's id, ``EOS`` where the sentence ends, ``BLANK`` or ``FREE``: int64
            [N, L]. All is free beyond.
        limit: most words of each sentence; its end is forced after as many, and scored: int64 [N].
        unknown: whether the unknown word may be written where the choice is free.

    >>> rule = Constraint.of(1, max_words=3, given=torch.tensor([[7, BLANK]]))
    >>> [rule.at(t).forced.tolist() for t in range(4)]
    [[7], [-1], [-1], [3]]
    """

    given: Tensor
    limit: Tensor
    unknown: bool = True

    @staticmethod
    def of(sentences: int, max_words: int | Tensor, given: Tensor | None = None, unknown: bool = True) -> "Constraint":
        """The constraint of N ``sentences``, of at most ``max_words`` (one number, or [N]) or as many as are given."""
        if given is None:
            given = torch.empty(sentences, 0, dtype=torch.int64)
        place = torch.arange(1, given.shape[1] + 1, device=given.device)
        fixed = (given != FREE) & (given != EOS)
        longest = torch.where(fixed, place, 0).amax(1) if given.shape[1] else given.new_zeros(sentences)
        return Constraint(given, torch.maximum(longest, torch.as_tensor(max_words, device=given.device)), unknown)

    def to(self, device: torch.device) -> "Constraint":
        """The same on another device."""
        return Constraint(self.given.to(device), self.limit.to(device), self.unknown)

    def at(self, step: int) -> Allowed:
        """What may come after ``step`` words."""
        rows = len(self.limit)
        here = self.given[:, step] if step < self.given.shape[1] else self.limit.new_full((rows,), FREE)
        forced = torch.where(self.limit <= step, EOS, here.clamp(min=-1))  # BLANK and FREE leave a choice
        banned = torch.zeros(rows, len(SPECIAL), dtype=torch.bool, device=here.device)
        banned[:, [PAD, BOS]] = True
        banned[:, UNK] = (here == BLANK) | (not self.unknown)
        banned[:, EOS] = here == BLANK
        return Allowed(banned, torch.where(forced == FREE, -1, forced))
