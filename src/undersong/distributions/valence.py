"""Projective dependency trees told by the dependency model with valence (DMV).

    score(z) = root[r] + sum over heads h and sides, over h's children c on that side from the nearest out, of
               (decide[h, side, v, go on] + attach[h, c, v]) + decide[h, side, v', stop]

v is 0 for the first child on that side and 1 for later ones; v' is 0 where h took none there, else 1. Exactly one word
r hangs on the root (Klein and Manning 2004). Knows nothing of words, tags or probabilities.
"""

import torch
from torch import Tensor

from undersong.distributions.log_heads import LogHeads, kernel_bytes
from undersong.distributions.scaled_heads import ByValence
from undersong.distributions.semirings import LOG, Semiring
from undersong.distributions.split_heads import inside, is_projective, traced_bytes
from undersong.distributions.structured import Parts, Structured

LEFT, RIGHT = 0, 1
STOP, GO = 0, 1


def bytes_needed(sentences: int, words: int) -> float:
    """What making potentials, their log Z and its gradient need, for whoever asks before there is any."""
    return kernel_bytes(sentences, words, ByValence.planes) + 48.0 * sentences * words**2


class Valence(Structured):
    """Dependency trees with a single root, scored by attachments and by decisions to stop or go on.

    z is the heads, int64 [..., B, T]: 0 the root, 1..T a word; 0 in padding. Potentials (``valence.potentials``, with
    marginals, that is expected counts, aligned) are root, attach and decide.

    Args:
        root: score of each word as the root's only child, [B, T].
        attach: score of (head, child, valence), [B, T, T, 2]; what is on the diagonal is never read.
        decide: score of (head, side: 0 left 1 right, valence, 0 stop 1 go on), [B, T, 2, 2, 2].
        lengths: words of each sentence, one or more, int [B].

    Raises:
        UserError: the charts of sentences this long do not fit in memory.

    >>> lengths = torch.tensor([3])
    >>> dmv = Valence(torch.zeros(1, 3), torch.zeros(1, 3, 3, 2), torch.zeros(1, 3, 2, 2, 2), lengths)
    >>> round(dmv.log_partition.exp().item())  # projective trees over three words
    7
    """

    telling = (0, 1)
    marginals_first = True

    def __init__(self, root: Tensor, attach: Tensor, decide: Tensor, lengths: Tensor):
        super().__init__((root, attach, decide), lengths, root.shape[1:])

    def _arcs(self) -> tuple[Tensor, Tensor, Tensor]:
        """First and later arcs [B, T + 1, T + 1] with the decision to take them, and stops [B, T + 1, 2, 2]."""
        root, attach, decide = self.potentials
        batch, words = root.shape
        place = torch.arange(words, device=root.device)
        side = (place > place[:, None]).long()  # (head, child): right where the child comes later
        arcs = attach + decide[:, place[:, None], side, :, GO]  # [B, T, T, 2]
        never = torch.full_like(root, -torch.inf)[:, :1]
        first = torch.cat([root[:, None], arcs[..., 0]], 1)
        later = torch.cat([torch.full_like(root, -torch.inf)[:, None], arcs[..., 1]], 1)
        nothing = never[:, None].expand(batch, words + 1, 1)
        free = decide.new_zeros(batch, 1, 2, 2)
        return torch.cat([nothing, first], 2), torch.cat([nothing, later], 2), torch.cat([free, decide[..., STOP]], 1)

    def inside(self, semiring: Semiring) -> Tensor:
        return inside(semiring, *self._arcs(), self.lengths)

    def _log_partition(self) -> Tensor:
        value, sound = LogHeads.apply(*self._arcs(), self.lengths, False)
        return self._settle(value, sound, lambda rest: rest.inside(LOG)).to(self.potentials[0].dtype)

    def kernel_bytes(self, words: int) -> float:
        return kernel_bytes(len(self.lengths), words, ByValence.planes)

    def traced_bytes(self, words: int, kept: int) -> float:
        return traced_bytes(words, kept)

    def score(self, z: Tensor) -> Tensor:
        first, later, stop = self._arcs()
        words = z.shape[-1]
        rows = torch.arange(len(self.lengths), device=z.device)
        child = torch.arange(1, words + 1, device=z.device)
        here = child <= self.lengths[:, None]  # [B, T]
        proper = is_projective(z, self.lengths) & (((z == 0) & here).sum(-1) == 1)
        heads = torch.where(here, z, -1)
        place = torch.arange(words + 1, device=z.device)
        has = heads[..., None, :] == place[:, None]  # [..., B, T + 1, T], head and child
        right = has & (child > place[:, None])
        left = has & ~right
        nearest = (right & (right.cumsum(-1) == 1)) | (left & (left.flip(-1).cumsum(-1).flip(-1) == 1))
        arcs = torch.where(nearest, first[..., 1:], later[..., 1:])
        total = torch.where(has, arcs, 0.0).sum((-2, -1))
        taken = torch.stack([left.any(-1), right.any(-1)], -1).long()  # [..., B, T + 1, 2]
        sides = torch.arange(2, device=z.device)
        ends = stop[rows[:, None, None], place[:, None], sides, taken]
        words_too = (place[:, None] > 0) & (place[:, None] <= self.lengths[:, None, None])
        return torch.where(proper, total + torch.where(words_too, ends, 0.0).sum((-2, -1)), -torch.inf)

    def structure(self, parts: Parts) -> Tensor:
        root, attach, _ = parts
        assert root is not None
        assert attach is not None
        return torch.cat([root[:, None], attach.sum(-1)], 1).argmax(1)  # a padded word has no head: 0
