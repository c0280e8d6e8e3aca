"""Projective dependency trees scored arc by arc.

    score(z) = sum over words c of arcs[z_c, c]

Words are 1..T, 0 is the root. Knows nothing of words or of where the scores come from.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from undersong.distributions.log_heads import LogHeads
from undersong.distributions.memory import check_length
from undersong.distributions.moments import by_marginals, differentiable
from undersong.distributions.semirings import LOG, Semiring
from undersong.distributions.split_heads import inside, is_projective
from undersong.distributions.structured import Parts, Structured


class Dependency(Structured):
    """Projective dependency trees (Kim et al. 2018, section 3.4), with one root word or several; Eisner's algorithm.

    z is the heads, int64 [..., B, T]: 0 the root, 1..T a word; 0 in padding. The potential (``dependency.potentials``,
    with marginals aligned) is arcs.

    Args:
        arcs: score of (head, child), [B, T + 1, T + 1]; what points to 0 or to itself is never read.
        lengths: words of each sentence, one or more, int [B].
        multiroot: whether several words may hang on the root; where not, exactly one does.

    Raises:
        UserError: the charts of sentences this long do not fit in memory.

    >>> arcs, lengths = torch.zeros(1, 4, 4), torch.tensor([3])
    >>> [round(Dependency(arcs, lengths, multiroot=many).log_partition.exp().item()) for many in (False, True)]
    [7, 12]
    """

    def __init__(self, arcs: Tensor, lengths: Tensor, multiroot: bool = False):
        self.multiroot = multiroot
        super().__init__((arcs,), lengths, (arcs.shape[-1] - 1,))

    def _arcs(self) -> tuple[Tensor, Tensor]:
        """Scores of a head's first and of its later children on a side: a single root has no later one."""
        (arcs,) = self.potentials
        if self.multiroot:
            return arcs, arcs
        return arcs, torch.cat([torch.full_like(arcs[:, :1], -torch.inf), arcs[:, 1:]], 1)

    def inside(self, semiring: Semiring) -> Tensor:
        first, later = self._arcs()
        return inside(semiring, first, later, first.new_zeros(*first.shape[:2], 2, 2), self.lengths)

    def _log_partition(self) -> Tensor:
        check_length(self.event_shape[0], len(self.lengths), self._bytes, self.lengths.device)
        (arcs,) = self.potentials
        if self.multiroot:  # the root is the first position, and the head of all
            root = torch.full_like(arcs[:, 0], -torch.inf)
            root[:, 0] = 0.0
            found = LogHeads.apply(root, arcs, None, None, self.lengths + 1)
        else:
            root, words = arcs[:, :, 1:].split([1, arcs.shape[1] - 1], 1)
            found = LogHeads.apply(root[:, 0], words, None, None, self.lengths)
        return self._settle(*found)

    def _settle(self, value: Tensor, sound: Tensor) -> Tensor:
        """log Z [B], with what is not sound computed again in log space."""
        (arcs,) = self.potentials
        if not sound.all():
            rest = (~sound).nonzero()[:, 0]
            value = value.index_copy(0, rest, self.replace([arcs[rest].double()], self.lengths[rest]).inside(LOG))
        return value.to(arcs.dtype)

    def _bytes(self, words: int) -> float:
        """What ``log_partition`` and its gradient need for sentences of so many words, roughly."""
        return len(self.lengths) * words**2 * 8.0 * 20

    def traced_bytes(self, words: int, kept: int) -> float:
        return kept * (5.0 * words**3 + 64.0 * words**2)

    def _moments(self, values: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        return super()._moments(values) if differentiable(self, values) else by_marginals(self, values)

    def score(self, z: Tensor) -> Tensor:
        (arcs,) = self.potentials
        rows = torch.arange(len(self.lengths), device=z.device)
        child = torch.arange(1, z.shape[-1] + 1, device=z.device)
        here = child <= self.lengths[:, None]
        proper = is_projective(z, self.lengths)
        if not self.multiroot:
            proper = proper & (((z == 0) & here).sum(-1) == 1)
        each = arcs[rows[:, None], z.clamp(0, z.shape[-1]), child]
        return torch.where(proper, torch.where(here, each, 0.0).sum(-1), -torch.inf)

    def structure(self, parts: Parts) -> Tensor:
        (arcs,) = parts
        assert arcs is not None
        return arcs[:, :, 1:].argmax(1)  # a padded word has no head: 0
