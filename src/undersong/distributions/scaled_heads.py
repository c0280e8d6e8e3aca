"""Inside and outside passes over projective trees as plain products, all spans of a width at once.

The recursions are those of ``split_heads``, over positions 0 .. n - 1, in float64. A chart is [plane, i, j, B]: spans
of a width lie on a diagonal, and the parts they are made of on strided views beside it, so that all spans, sentences
and both directions are one product and one sum, and nothing is copied. Which views those are depends on n and B alone:
they are made once, with the chart. What lies below the diagonal, and parts of one word, are 1 and stay so.

Knows nothing of roots, lengths or logarithms: who calls scales the scores, and looks whether a value underflowed.
"""

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor


class Layout:
    """Views of a chart [planes, n, n, B] by span width w; two planes, in rising order, are a leading dimension of 2."""

    def __init__(self, chart: Tensor):
        self.chart = chart
        _, self.n, _, self.batch = chart.shape
        self.column, self.row, self.plane = self.batch, self.n * self.batch, self.n * self.n * self.batch

    def _view(self, w: int, splits: tuple[int, ...], strides: tuple[int, ...], *starts: int) -> Tensor:
        size, stride = (*splits, self.n - w, self.batch), (*strides, self.row + self.column, 1)
        if len(starts) == 2:
            size, stride = (2, *size), (starts[1] - starts[0], *stride)
        return self.chart.as_strided(size, stride, self.chart.storage_offset() + starts[0])

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
    """A chart, room for its derivatives, and the weights, [2, n, n, B] of each kind: all that a pass needs.

    [0, i, j] of a kind's weights is e^score of the arc j -> i and [1, i, j] that of i -> j, where i < j.

    Args:
        n: positions.
        batch: sentences.
        device: where.
    """

    planes: ClassVar[int]
    kinds: ClassVar[int]  # of arcs
    done: ClassVar[tuple[int, int]]  # planes of finished spans, to the left and to the right
    checked: ClassVar[int]  # planes, from the first, in which a small value means an underflow

    def __init__(self, n: int, batch: int, device: torch.device):
        self.chart = torch.ones(self.planes, n, n, batch, dtype=torch.float64, device=device)
        self.up = torch.zeros_like(self.chart)
        self.weights = self.chart.new_ones(self.kinds, 2, n, n, batch)
        self.nbytes = self.chart.nbytes + self.up.nbytes + self.weights.nbytes

    @abstractmethod
    def inside(self, least: float) -> None:
        """Fills the chart, with values raised to ``least``."""

    @abstractmethod
    def outside(self) -> None:
        """Adds to ``up``, which holds derivatives by finished spans, those by all that they are made of."""


class _ArcViews(NamedTuple):
    open: Tensor
    below: Tensor
    arcs: Tensor
    left: Tensor
    right: Tensor
    done: Tensor


class ByArc(Heads):
    """Scores of arcs alone."""

    planes, kinds = 4, 1
    LEFT, LEFT_ARC, RIGHT_ARC, RIGHT = range(planes)
    done, checked = (LEFT, RIGHT), 4

    def __init__(self, n: int, batch: int, device: torch.device):
        super().__init__(n, batch, device)
        weights = Layout(self.weights[0])
        self.views = [
            (weights.spans(w, 0, 1), self._views(self.chart, w), self._views(self.up, w)) for w in range(1, n)
        ]

    def _views(self, chart: Tensor, w: int) -> _ArcViews:
        at = Layout(chart)
        return _ArcViews(
            open=at.lefts(w, w, (self.RIGHT, 0)),
            below=at.rights(w, w, (self.LEFT, 1)),
            arcs=at.spans(w, self.LEFT_ARC, self.RIGHT_ARC),
            left=at.lefts(w, w, (self.LEFT, 0), (self.RIGHT_ARC, 1)),
            right=at.rights(w, w, (self.LEFT_ARC, 0), (self.RIGHT, 1)),
            done=at.spans(w, self.LEFT, self.RIGHT),
        )

    def inside(self, least: float) -> None:
        for weights, at, _ in self.views:
            torch.mul((at.open * at.below).sum(0), weights, out=at.arcs)
            if least:
                at.arcs.clamp_(min=least)
            torch.sum(at.left * at.right, 1, out=at.done)
            if least:
                at.done.clamp_(min=least)

    def outside(self) -> None:
        for weights, at, up in reversed(self.views):
            done = up.done[:, None]
            up.left.addcmul_(done, at.right)
            up.right.addcmul_(done, at.left)
            joined = (up.arcs * weights).sum(0)
            up.open.addcmul_(joined, at.below)
            up.below.addcmul_(joined, at.open)


class _ValenceWeights(NamedTuple):
    first_left: Tensor
    first_right: Tensor
    later: Tensor
    stop: Tensor


class _ValenceViews(NamedTuple):
    open: Tensor
    below: Tensor
    more: Tensor
    near_left: Tensor
    near_right: Tensor
    arcs: Tensor
    left_arcs: Tensor
    right_arcs: Tensor
    left: Tensor
    right: Tensor
    opened: Tensor
    done: Tensor


class ByValence(Heads):
    """Scores by valence: kinds are first and later arcs; ``stop`` holds e^stop [2 sides, 2 valences, n, B].

    ``LEFT_MORE`` and ``RIGHT_MORE`` hold what a later arc is multiplied with.
    """

    planes, kinds = 8, 2
    LEFT_OPEN, LEFT, LEFT_ARC, RIGHT, RIGHT_OPEN, RIGHT_ARC, LEFT_MORE, RIGHT_MORE = range(planes)
    done, checked = (LEFT, RIGHT), 6

    def __init__(self, n: int, batch: int, device: torch.device):
        super().__init__(n, batch, device)
        self.stop = self.chart.new_ones(2, 2, n, batch)
        self.nbytes += self.stop.nbytes
        self.views = [(self._weights(w), self._views(self.chart, w), self._views(self.up, w)) for w in range(1, n)]

    def _weights(self, w: int) -> _ValenceWeights:
        first, later = (Layout(kind) for kind in self.weights)
        _, _, n, batch = self.stop.shape
        # Of heads with some child on that side: word i + w to the left, word i to the right.
        stop = self.stop.as_strided((2, n - w, batch), ((2 * n - w) * batch, batch, 1), (n + w) * batch)
        return _ValenceWeights(first.spans(w, 0), first.spans(w, 1), later.spans(w, 0, 1), stop)

    def _views(self, chart: Tensor, w: int) -> _ValenceViews:
        at = Layout(chart)
        return _ValenceViews(
            open=at.lefts(w, w - 1, (self.RIGHT, 0), (self.RIGHT_OPEN, 1)),
            below=at.rights(w, w - 1, (self.LEFT_OPEN, 1), (self.LEFT, 2)),
            more=at.spans(w, self.LEFT_MORE, self.RIGHT_MORE),
            near_left=at.lefts(w, 1, (self.RIGHT, w - 1))[0],
            near_right=at.rights(w, 1, (self.LEFT, 1))[0],
            arcs=at.spans(w, self.LEFT_ARC, self.RIGHT_ARC),
            left_arcs=at.spans(w, self.LEFT_ARC),
            right_arcs=at.spans(w, self.RIGHT_ARC),
            left=at.lefts(w, w, (self.LEFT, 0), (self.RIGHT_ARC, 1)),
            right=at.rights(w, w, (self.LEFT_ARC, 0), (self.RIGHT, 1)),
            opened=at.spans(w, self.LEFT_OPEN, self.RIGHT_OPEN),
            done=at.spans(w, self.LEFT, self.RIGHT),
        )

    def inside(self, least: float) -> None:
        for plane, none in zip(self.done, self.stop[:, 0], strict=True):
            self.chart[plane].diagonal(0, 0, 1).copy_(none.t().clamp(min=least))
        for weights, at, _ in self.views:
            # One word has no later child within itself: an empty sum, 0.
            torch.sum(at.open * at.below, 1, out=at.more)
            torch.mul(at.more, weights.later, out=at.arcs)
            at.left_arcs.addcmul_(at.near_left, weights.first_left)
            at.right_arcs.addcmul_(at.near_right, weights.first_right)
            if least:
                at.arcs.clamp_(min=least)
            torch.sum(at.left * at.right, 1, out=at.opened)
            if least:
                at.opened.clamp_(min=least)
            torch.mul(at.opened, weights.stop, out=at.done)
            if least:
                at.done.clamp_(min=least)

    def outside(self) -> None:
        for weights, at, up in reversed(self.views):
            done = up.opened.addcmul_(up.done, weights.stop)[:, None]
            up.left.addcmul_(done, at.right)
            up.right.addcmul_(done, at.left)
            up.near_left.addcmul_(up.left_arcs, weights.first_left)
            up.near_right.addcmul_(up.right_arcs, weights.first_right)
            more = (up.arcs * weights.later)[:, None]
            up.open.addcmul_(more, at.below)
            up.below.addcmul_(more, at.open)
