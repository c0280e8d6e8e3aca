"""Inside and outside passes over projective trees as plain products, all spans of a width at once.

The recursions are those of ``split_heads``, over positions 0 .. n - 1, in float64. A chart is [plane, i, j, B]: spans of
a width lie on a diagonal, and the parts they are made of on strided views beside it, so that all spans, sentences and
both directions are one product and one sum, and nothing is copied.

Knows nothing of roots, lengths or logarithms: who calls scales the scores, and looks whether a value underflowed.
"""

from abc import ABC, abstractmethod

import torch
from torch import Tensor


class Diagonals:
    """Views of a chart [planes, n, n, B] by span width w; two planes, in rising order, are a leading dimension of 2."""

    def __init__(self, chart: Tensor):
        self.chart = chart
        _, self.n, _, self.batch = chart.shape
        self.column, self.row = self.batch, self.n * self.batch
        self.plane = self.n * self.row

    def _view(self, w: int, splits: tuple[int, ...], strides: tuple[int, ...], *starts: int) -> Tensor:
        size, stride = (*splits, self.n - w, self.batch), (*strides, self.row + self.column, 1)
        if len(starts) == 2:
            size, stride = (2, *size), (starts[1] - starts[0], *stride)
        return self.chart.as_strided(size, stride, starts[0])

    def spans(self, w: int, *planes: int) -> Tensor:
        """(i, i + w) for all i: [n - w, B]."""
        return self._view(w, (), (), *(p * self.plane + w * self.column for p in planes))

    def lefts(self, w: int, splits: int, *parts: tuple[int, int]) -> Tensor:
        """(i, i + k + shift) of each (plane, shift), for k < splits: [splits, n - w, B]."""
        return self._view(w, (splits,), (self.column,), *(p * self.plane + s * self.column for p, s in parts))

    def rights(self, w: int, splits: int, *parts: tuple[int, int]) -> Tensor:
        """(i + k + shift, i + w) of each (plane, shift), for k < splits: [splits, n - w, B]."""
        starts = (p * self.plane + s * self.row + w * self.column for p, s in parts)
        return self._view(w, (splits,), (self.row,), *starts)


class Heads(ABC):
    """One sentence's or a batch's chart. ``done`` names the planes of finished spans, left and right."""

    chart: Tensor
    done: tuple[int, int]
    checked: int  # planes, from the first, in which a small value means an underflow

    @abstractmethod
    def inside(self) -> None:
        """Fills the chart."""

    @abstractmethod
    def outside(self, up: Tensor) -> None:
        """Adds to ``up``, which holds derivatives by finished spans, those by all that they are made of."""


class ByArc(Heads):
    """Scores of arcs alone; weights e^arc [2, n, n, B]: [0, i, j] of arc j -> i and [1, i, j] of arc i -> j, i < j."""

    LEFT, LEFT_ARC, RIGHT_ARC, RIGHT = range(4)
    done, checked = (LEFT, RIGHT), 4

    def __init__(self, arcs: Tensor):
        self.arcs = arcs
        self.chart = arcs.new_ones(4, *arcs.shape[1:])

    def inside(self) -> None:
        at, weight = Diagonals(self.chart), Diagonals(self.arcs)
        for w in range(1, at.n):
            joined = (at.lefts(w, w, (self.RIGHT, 0)) * at.rights(w, w, (self.LEFT, 1))).sum(0)
            torch.mul(joined, weight.spans(w, 0, 1), out=at.spans(w, self.LEFT_ARC, self.RIGHT_ARC))
            parts = at.lefts(w, w, (self.LEFT, 0), (self.RIGHT_ARC, 1)) * at.rights(
                w, w, (self.LEFT_ARC, 0), (self.RIGHT, 1)
            )
            torch.sum(parts, 1, out=at.spans(w, self.LEFT, self.RIGHT))

    def outside(self, up: Tensor) -> None:
        at, weight, over = Diagonals(self.chart), Diagonals(self.arcs), Diagonals(up)
        for w in range(at.n - 1, 0, -1):
            left, right = ((self.LEFT, 0), (self.RIGHT_ARC, 1)), ((self.LEFT_ARC, 0), (self.RIGHT, 1))
            done = over.spans(w, self.LEFT, self.RIGHT)[:, None]
            over.lefts(w, w, *left).addcmul_(done, at.rights(w, w, *right))
            over.rights(w, w, *right).addcmul_(done, at.lefts(w, w, *left))
            joined = (over.spans(w, self.LEFT_ARC, self.RIGHT_ARC) * weight.spans(w, 0, 1)).sum(0)
            over.lefts(w, w, (self.RIGHT, 0)).addcmul_(joined, at.rights(w, w, (self.LEFT, 1)))
            over.rights(w, w, (self.LEFT, 1)).addcmul_(joined, at.lefts(w, w, (self.RIGHT, 0)))


class ByValence(Heads):
    """Scores by valence; weights of first and later arcs as in ``ByArc``, of stops [2 sides, 2 valences, n, B].

    ``LEFT_MORE`` and ``RIGHT_MORE`` hold what a later arc is multiplied with.
    """

    LEFT_OPEN, LEFT, LEFT_ARC, RIGHT, RIGHT_OPEN, RIGHT_ARC, LEFT_MORE, RIGHT_MORE = range(8)
    done, checked = (LEFT, RIGHT), 6

    def __init__(self, first: Tensor, later: Tensor, stop: Tensor):
        self.first, self.later, self.stop = first, later, stop
        self.chart = first.new_ones(8, *first.shape[1:])

    def _stop(self, w: int) -> Tensor:
        """Of the heads of (i, i + w) with some child on that side: i + w to the left, i to the right; [2, n - w, B]."""
        n, batch = self.stop.shape[2:]
        return self.stop[:, 1].as_strided((2, n - w, batch), (2 * n * batch - w * batch, batch, 1), (n + w) * batch)

    def inside(self) -> None:
        at, first, later = Diagonals(self.chart), Diagonals(self.first), Diagonals(self.later)
        at.spans(0, self.LEFT, self.RIGHT).copy_(self.stop[:, 0])
        at.spans(1, self.LEFT_MORE, self.RIGHT_MORE).zero_()
        for w in range(1, at.n):
            more = at.spans(w, self.LEFT_MORE, self.RIGHT_MORE)
            if w > 1:
                parts = at.lefts(w, w - 1, (self.RIGHT, 0), (self.RIGHT_OPEN, 1)) * at.rights(
                    w, w - 1, (self.LEFT_OPEN, 1), (self.LEFT, 2)
                )
                torch.sum(parts, 1, out=more)
            arcs = torch.mul(more, later.spans(w, 0, 1), out=at.spans(w, self.LEFT_ARC, self.RIGHT_ARC))
            arcs[0].addcmul_(at.lefts(w, 1, (self.RIGHT, w - 1))[0], first.spans(w, 0))
            arcs[1].addcmul_(at.rights(w, 1, (self.LEFT, 1))[0], first.spans(w, 1))
            parts = at.lefts(w, w, (self.LEFT, 0), (self.RIGHT_ARC, 1)) * at.rights(
                w, w, (self.LEFT_ARC, 0), (self.RIGHT, 1)
            )
            done = torch.sum(parts, 1, out=at.spans(w, self.LEFT_OPEN, self.RIGHT_OPEN))
            torch.mul(done, self._stop(w), out=at.spans(w, self.LEFT, self.RIGHT))

    def outside(self, up: Tensor) -> None:
        at, over = Diagonals(self.chart), Diagonals(up)
        first, later = Diagonals(self.first), Diagonals(self.later)
        for w in range(at.n - 1, 0, -1):
            left, right = ((self.LEFT, 0), (self.RIGHT_ARC, 1)), ((self.LEFT_ARC, 0), (self.RIGHT, 1))
            done = over.spans(w, self.LEFT_OPEN, self.RIGHT_OPEN)
            done = done.addcmul_(over.spans(w, self.LEFT, self.RIGHT), self._stop(w))[:, None]
            over.lefts(w, w, *left).addcmul_(done, at.rights(w, w, *right))
            over.rights(w, w, *right).addcmul_(done, at.lefts(w, w, *left))
            arcs = over.spans(w, self.LEFT_ARC, self.RIGHT_ARC)
            over.lefts(w, 1, (self.RIGHT, w - 1))[0].addcmul_(arcs[0], first.spans(w, 0))
            over.rights(w, 1, (self.LEFT, 1))[0].addcmul_(arcs[1], first.spans(w, 1))
            if w > 1:
                left, right = ((self.RIGHT, 0), (self.RIGHT_OPEN, 1)), ((self.LEFT_OPEN, 1), (self.LEFT, 2))
                more = (arcs * later.spans(w, 0, 1))[:, None]
                over.lefts(w, w - 1, *left).addcmul_(more, at.rights(w, w - 1, *right))
                over.rights(w, w - 1, *right).addcmul_(more, at.lefts(w, w - 1, *left))
