"""A walk through the states of a Markov chain, for writing sentences.

Knows nothing of words.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Walk:
    """``n`` walks side by side.

    Attributes:
        states: int64 [n, T], 0 after a walk's end.
        lengths: steps of each, at least one: int64 [n].
    """

    states: Tensor
    lengths: Tensor

    @property
    def inside(self) -> Tensor:
        """True up to each walk's end: bool [n, T]."""
        return torch.arange(self.states.shape[1], device=self.states.device) < self.lengths[:, None]


def walk(
    initial: Tensor,
    transition: Tensor,
    final: Tensor | None,
    n: int,
    longest: int,
    generator: torch.Generator | None = None,
) -> Walk:
    """Walks until each meets its end, or for ``longest`` steps.

    Args:
        initial: log p(first state) [K].
        transition: log p(state | last state) [K, K].
        final: log p(end | last state) [K]; None: all walks take ``longest`` steps.
        n: how many.
        longest: steps of the longest, 1 or more.
        generator: of the noise.

    >>> walk(torch.tensor([0.0, -torch.inf]), torch.tensor([[-9e9, 0.0], [0.0, -9e9]]), None, 1, 4).states.tolist()
    [[0, 1, 0, 1]]
    """
    states = initial.shape[0]
    ends = initial.new_full((states,), -torch.inf) if final is None else final
    rows = torch.cat([transition, ends[:, None]], 1).softmax(-1)  # [K, K + 1]
    now = torch.multinomial(initial.softmax(0).expand(n, -1), 1, generator=generator)[:, 0]
    seen, alive = [], torch.ones_like(now, dtype=torch.bool)
    lengths = torch.zeros_like(now)
    for _ in range(longest):
        seen.append(torch.where(alive, now, 0))
        lengths += alive
        now = torch.multinomial(rows[now], 1, generator=generator)[:, 0]
        alive = alive & (now < states)
        if not alive.any():
            break
        now = torch.where(alive, now, 0)
    return Walk(torch.stack(seen, 1), lengths)
