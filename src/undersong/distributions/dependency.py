"""Projective dependency trees scored arc by arc.

    score(z) = sum over words c of arcs[z_c, c]

Words are 1..T, 0 is the root. Knows nothing of words or of where the scores come from.
"""

import torch
from torch import Tensor

from undersong.distributions.log_heads import LogHeads, kernel_bytes
from undersong.distributions.scaled_heads import ByArc
from undersong.distributions.semirings import LOG, Semiring
from undersong.distributions.split_heads import inside, is_projective, traced_bytes
from undersong.distributions.structured import Parts, Structured


class Dependency(Structured):
    """Projective dependency trees (Kim et al. 2018, section 4.3), with one root word or several; Eisner's algorithm.

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

    telling = (0,)
    marginals_first = True

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
        (arcs,) = self.potentials
        value, sound = LogHeads.apply(arcs, None, None, self.lengths, self.multiroot)
        return self._settle(value, sound, lambda rest: rest.inside(LOG)).to(arcs.dtype)

    def kernel_bytes(self, words: int) -> float:
        return kernel_bytes(len(self.lengths), words, ByArc.planes)

    def traced_bytes(self, words: int, kept: int) -> float:
        return traced_bytes(words, kept)

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
