"""A decoder that scores no ends of sentences, as search reads it: an end comes only where it must, and costs nothing.

    log p(x|z) = sum_t log p(x_t | x_<t, z),   how many words x has is given

Knows nothing of search, or of what is forced.
"""

import torch
from torch import Tensor

from undersong.data.batch import EOS
from undersong.nets import Reader, State
from undersong.nets.allowed import Allowed, best_words


class Endless:
    """A ``Reader`` for whom the end has log p 0, so that a ``Constraint`` must say where it is."""

    def __init__(self, reader: Reader) -> None:
        self.reader, self.start = reader, reader.start

    def step(self, token: Tensor, state: State) -> tuple[Tensor, State]:
        """As ``Decoder.step``, but for the end."""
        log_p, state = self.reader.step(token, state)
        return log_p.index_fill(1, torch.tensor([EOS], device=log_p.device), 0.0), state

    def best(self, token: Tensor, state: State, k: int, allowed: Allowed) -> tuple[Tensor, Tensor, State]:
        """As ``Decoder.best``, but for the end."""
        log_p, state = self.step(token, state)
        return *best_words(log_p, k, allowed), state
