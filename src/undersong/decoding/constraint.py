"""What is fixed of a sentence before it is written: given words, blanks, and where it must end.

Where a word may need several pieces, a blank is as many as make one. So every hypothesis has a position of its own
among the elements that are given: how many of them it has begun, and the state of the word in a blank (``spelling``).
Knows nothing of models or of text.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from undersong.data.batch import BOS, EOS, PAD, SPECIAL, UNK
from undersong.decoding.spelling import NEVER, STATES, Spelling, whole
from undersong.nets.allowed import Allowed

BLANK, FREE = -1, -2


@dataclass(frozen=True)
class Constraint:
    """What each of N sentences may hold.

    The start and padding symbols are never written. A blank is one known word: neither the unknown word nor the end.

    Attributes:
        given: the elements: a word's id, ``EOS`` where the sentence ends, ``BLANK`` or ``FREE``, and ``FREE`` at the
            last two: int64 [N, L + 2]. All is free beyond.
        limit: most words of each sentence; its end is forced after as many, and scored: int64 [N].
        unknown: whether the unknown word may be written where the choice is free.
        spelling: of a vocabulary of pieces; None where each is a word.
        ends: whether the end may come where the choice is free.

    >>> rule = Constraint.of(1, max_words=3, given=torch.tensor([[7, BLANK]]))
    >>> row = torch.tensor([0])
    >>> [rule.at(row, torch.tensor([t]), t).forced.tolist() for t in range(4)]
    [[7], [-1], [-1], [3]]
    """

    given: Tensor
    limit: Tensor
    unknown: bool = True
    spelling: Spelling | None = None
    ends: bool = True

    @staticmethod
    def of(
        sentences: int,
        max_words: int | Tensor,
        given: Tensor | None = None,
        unknown: bool = True,
        spelling: Spelling | None = None,
        ends: bool = True,
    ) -> "Constraint":
        """The constraint of N ``sentences``, of at most ``max_words`` (one number, or [N]) or as many as are given.

        Of pieces each blank may then have two, an opening space and a character.
        """
        if given is None:
            given = torch.empty(sentences, 0, dtype=torch.int64)
        given = torch.nn.functional.pad(given, (0, 2), value=FREE)  # right after what is given, and later
        place = torch.arange(1, given.shape[1] + 1, device=given.device)
        longest = torch.where((given != FREE) & (given != EOS), place, 0).amax(1)
        if spelling is not None:
            longest += (given == BLANK).sum(1)
        limit = torch.maximum(longest, torch.as_tensor(max_words, device=given.device))
        return Constraint(given, limit, unknown, spelling, ends)

    def to(self, device: torch.device) -> "Constraint":
        """The same on another device."""
        spelling = None if self.spelling is None else self.spelling.to(device)
        return replace(self, given=self.given.to(device), limit=self.limit.to(device), spelling=spelling)

    def at(self, rows: Tensor, position: Tensor, step: int) -> Allowed:
        """What may come after ``step`` words.

        Args:
            rows: the sentence of each of R hypotheses [R].
            position: theirs [R]: 0 at first, then what ``after`` says.
            step: words, or pieces, written so far.
        """
        place, state = self._split(position)
        here = self.given[rows, place]
        banned = torch.zeros(len(rows), len(SPECIAL), dtype=torch.bool, device=here.device)
        banned[:, [PAD, BOS]] = True
        banned[:, UNK] = (here == BLANK) | (not self.unknown)
        banned[:, EOS] = (here == BLANK) | ((here == FREE) & (not self.ends))
        closed = state == 0
        fixed = torch.where(closed & (here != FREE), here, -1)  # a blank leaves a choice, as what is free does
        forced = torch.where(self.limit[rows] <= step, EOS, fixed)
        return Allowed(banned, forced, self._pieces(rows, place, state, step))

    def after(self, rows: Tensor, position: Tensor, token: Tensor) -> Tensor:
        """The position of each hypothesis [R] once it has written ``token`` [R]."""
        if self.spelling is None:
            return position + 1
        place, state = self._split(position)
        opened = torch.where(self.given[rows, place] == BLANK, self.spelling.after[0, token], 0)
        longer = torch.where(state > 0, self.spelling.after[state, token], NEVER)
        return STATES * torch.where(longer == NEVER, place + 1, place) + torch.where(longer == NEVER, opened, longer)

    def _split(self, position: Tensor) -> tuple[Tensor, Tensor]:
        """Elements begun, as far as any are given, and the state of the word in a blank."""
        states = 1 if self.spelling is None else STATES
        return (position // states).clamp(max=self.given.shape[1] - 1), position % states

    def _pieces(self, rows: Tensor, place: Tensor, state: Tensor, step: int) -> Tensor | None:
        """The pieces that keep blanks to one word each and given words as they are: bool [R, V]; None for all."""
        if self.spelling is None:
            return None
        spelling, here, closed = self.spelling, self.given[rows, place], state == 0
        free = closed & (here == FREE) & ((place == 0) | (self.given[rows, place - 1] == FREE))
        if bool((free | (closed & (here >= 0))).all()):  # a word that is given is forced
            return None
        next_element = torch.where((here == BLANK)[:, None], spelling.after[0] != NEVER, spelling.begins)
        words = here >= 0
        next_element[words] = torch.nn.functional.one_hot(here[words], next_element.shape[1]).bool()
        # Pieces to spare, once the word in a blank has one more: what is given needs one each, and a blank two.
        spare = self.limit[rows] - step - 1 - self._needed()[rows, place]
        longer = spelling.after[state]
        goes_on = ~closed[:, None] & (longer != NEVER) & (spare[:, None] >= (~whole(longer)).int())
        return goes_on | (next_element & whole(state)[:, None]) | free[:, None]

    def _needed(self) -> Tensor:
        """The fewest pieces that the elements from each on take, but the end: [N, L + 2]."""
        each = ((self.given != FREE) & (self.given != EOS)).int() + (self.given == BLANK).int()
        return each.flip(1).cumsum(1).flip(1)
