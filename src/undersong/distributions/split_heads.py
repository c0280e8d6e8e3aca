"""Projective dependency trees by split heads: a head takes its left and right children apart, from the nearest out.

Over positions 0 (the root) .. T, with C(i, j) a head's children on one side so far, F the same once that side is
finished, and I a head that has just taken a child at the other end (Eisner 1996; Klein and Manning 2004):

    I_right(i, j) = first(i, j) F_left(i + 1, j) + later(i, j) sum_{i < k < j} C_right(i, k) F_left(k + 1, j)
    C_right(i, j) = sum_{i < k <= j} I_right(i, k) F_right(k, j)
    F_right(i, j) = C_right(i, j) stop(i, right, 1),    F_right(i, i) = stop(i, right, 0)

and the same to the left. Z = C_right(0, length). Several roots, or a single one, is a choice of ``later`` in the root's
row. Knows nothing of what the scores mean.
"""

import torch
from torch import Tensor

from undersong.distributions.semirings import Semiring


def inside(semiring: Semiring, first: Tensor, later: Tensor, stop: Tensor, lengths: Tensor) -> Tensor:
    """The sum over all trees [..., B], in plain operations.

    Args:
        semiring: how to add and multiply.
        first: log-score of an arc (head, child) to the nearest child on its side [B, T + 1, T + 1].
        later: log-score of an arc to a further child [B, T + 1, T + 1].
        stop: log-score of ending a side [B, T + 1, 2, 2]: (head, 0 left 1 right, 0 without a child 1 with some).
        lengths: words, int [B].
    """
    positions = first.shape[1]
    place = torch.arange(positions, device=lengths.device)
    here = place <= lengths[:, None]  # [B, T + 1]
    read = here[:, :, None] & here[:, None] & (place > 0)  # the rest may be anything: 0 * NaN would be in gradients
    first, later = torch.where(read, first, 0.0), torch.where(read, later, 0.0)
    stop = torch.where(here[..., None, None], stop, 0.0)
    stop_left, stop_right = stop.unbind(2)  # [B, T + 1, 2]
    done_left, done_right = [semiring.lift(stop_left[..., 0])], [semiring.lift(stop_right[..., 0])]  # by width [B, n]
    open_left, open_right, arc_left, arc_right = (done_left[:1] for _ in range(4))  # width 0 is never read
    whole = []
    for w in range(1, positions):
        n = positions - w

        def join(lefts: list[tuple[int, Tensor]], rights: list[Tensor], gap: int, n: int = n) -> Tensor:
            """Sum over splits: the right part starts ``gap`` after the end of the left one."""
            left = torch.stack([x[..., :n] for _, x in lefts], -1)
            right = torch.stack([y[..., v + gap : v + gap + n] for (v, _), y in zip(lefts, rights, strict=True)], -1)
            return semiring.sum(semiring.times(left, right), -1)

        to_right = done_left[w - 1][..., 1 : n + 1] + first.diagonal(w, 1, 2)
        to_left = done_right[w - 1][..., :n] + first.diagonal(-w, 1, 2)
        if w > 1:
            more = join([(v, open_right[v]) for v in range(1, w)], [done_left[w - 1 - v] for v in range(1, w)], 1)
            to_right = semiring.sum(torch.stack([to_right, more + later.diagonal(w, 1, 2)], -1), -1)
            more = join([(v, done_right[v]) for v in range(w - 1)], [open_left[w - 1 - v] for v in range(w - 1)], 1)
            to_left = semiring.sum(torch.stack([to_left, more + later.diagonal(-w, 1, 2)], -1), -1)
        arc_right, arc_left = [*arc_right, to_right], [*arc_left, to_left]
        right = join([(v, arc_right[v]) for v in range(1, w + 1)], [done_right[w - v] for v in range(1, w + 1)], 0)
        left = join([(v, done_left[v]) for v in range(w)], [arc_left[w - v] for v in range(w)], 0)
        open_right, open_left = [*open_right, right], [*open_left, left]
        done_right.append(right + stop_right[:, :n, 1])
        done_left.append(left + stop_left[:, w:, 1])
        whole.append(right[..., 0])
    rows = torch.arange(len(lengths), device=lengths.device)
    return torch.stack(whole, -1)[..., rows, lengths - 1]


def traced_bytes(words: int, kept: int) -> float:
    """What ``inside`` and its gradient need for one sentence, roughly; ``kept`` is the semiring's."""
    return kept * (5.0 * words**3 + 64.0 * words**2)


def is_projective(heads: Tensor, lengths: Tensor) -> Tensor:
    """Whether heads int64 [..., B, T] (0 the root, 1..T) make a projective tree over the first words; [..., B]."""
    words = heads.shape[-1]
    child = torch.arange(1, words + 1, device=heads.device)
    here = child <= lengths[:, None]  # [B, T]
    heads = torch.where(here, heads, 0)
    proper = ((heads >= 0) & (heads <= lengths[:, None]) & ((heads != child) | ~here)).all(-1)
    heads = heads.clamp(0, words)
    up = torch.cat([torch.zeros_like(heads[..., :1]), heads], -1)  # [..., B, T + 1]
    for _ in range(words.bit_length()):
        up = up.gather(-1, up)  # twice as far up each time
    left, right = torch.minimum(heads, child), torch.maximum(heads, child)
    a, b, c, d = left[..., :, None], right[..., :, None], left[..., None, :], right[..., None, :]
    crossing = (a < c) & (c < b) & (b < d) & here[:, :, None] & here[:, None, :]
    return proper & (up == 0).all(-1) & ~crossing.any((-2, -1))
