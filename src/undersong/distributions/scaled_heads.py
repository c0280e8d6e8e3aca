"""Inside and outside passes over projective trees as plain products, all spans of a width at once.

The recursions are those of ``split_heads``, over positions 0 .. n - 1, in float64. A chart is [plane, i, j, B]: spans
of a width lie on a diagonal, and the parts they are made of on strided views beside it, so that all spans, sentences
and both directions are one product and one sum, and nothing is copied. Which views those are depends on n and B alone.

Knows nothing of roots, lengths or logarithms: who calls scales the scores, and looks whether a value underflowed.
"""

from abc import ABC, abstractmethod
from functools import lru_cache
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

View = tuple[tuple[int, ...], tuple[int, ...], int]  # size, strides and offset, as ``Tensor.as_strided`` takes them


class Layout:
    """Views of a chart [planes, n, n, B] by span width w; two planes, in rising order, are a leading dimension of 2."""

    def __init__(self, n: int, batch: int, skip: int = 0):
        """Of planes counted from ``skip``."""
        self.n, self.batch, self.column, self.row, self.plane = n, batch, batch, n * batch, n * n * batch
        self.start = skip * self.plane

    def _view(self, w: int, splits: tuple[int, ...], strides: tuple[int, ...], *starts: int) -> View:
        size, stride = (*splits, self.n - w, self.batch), (*strides, self.row + self.column, 1)
        if len(starts) == 2:
            size, stride = (2, *size), (starts[1] - starts[0], *stride)
        return size, stride, self.start + starts[0]

    def spans(self, w: int, *planes: int) -> View:
        """(i, i + w) for all i: [n - w, B]."""
        return self._view(w, (), (), *(p * self.plane + w * self.column for p in planes))

    def lefts(self, w: int, splits: int, *parts: tuple[int, int]) -> View:
        """(i, i + k + shift) of each (plane, shift), for k < splits: [splits, n - w, B]."""
        return self._view(w, (splits,), (self.column,), *(p * self.plane + s * self.column for p, s in parts))

    def rights(self, w: int, splits: int, *parts: tuple[int, int]) -> View:
        """(i + k + shift, i + w) of each (plane, shift), for k < splits: [splits, n - w, B]."""
        starts = (p * self.plane + s * self.row + w * self.column for p, s in parts)
        return self._view(w, (splits,), (self.row,), *starts)


class Heads(ABC):
    """A chart, room for derivatives, and ``done``, the planes of finished spans, to the left and to the right."""

    chart: Tensor
    up: Tensor
    planes: ClassVar[int]
    done: ClassVar[tuple[int, int]]
    checked: ClassVar[int]  # planes, from the first, in which a small value means an underflow

    @abstractmethod
    def inside(self, least: float) -> None:
        """Fills the chart, with values raised to ``least``."""

    @abstractmethod
    def outside(self) -> None:
        """Adds to ``up``, which holds derivatives by finished spans, those by all that they are made of."""


def _charts(planes: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """A chart of ones, and room for its derivatives: in one piece, which C's allocator keeps from call to call."""
    chart, up = like.new_empty(2, planes, *like.shape[1:])
    return chart.fill_(1.0), up


class _ArcViews(NamedTuple):
    weights: View
    open: View
    below: View
    arcs: View
    left: View
    right: View
    done: View


class ByArc(Heads):
    """Scores of arcs alone; weights e^arc [2, n, n, B]: [0, i, j] of arc j -> i and [1, i, j] of arc i -> j, i < j."""

    planes = 4
    LEFT, LEFT_ARC, RIGHT_ARC, RIGHT = range(planes)
    done, checked = (LEFT, RIGHT), 4

    def __init__(self, arcs: Tensor):
        self.arcs = arcs
        self.chart, self.up = _charts(self.planes, arcs)
        self.views = self._views(*arcs.shape[2:], 0)

    @staticmethod
    @lru_cache(maxsize=256)
    def _views(n: int, batch: int, skip: int) -> list[_ArcViews]:
        at, weights, this = Layout(n, batch, skip), Layout(n, batch), ByArc
        return [
            _ArcViews(
                weights=weights.spans(w, 0, 1),
                open=at.lefts(w, w, (this.RIGHT, 0)),
                below=at.rights(w, w, (this.LEFT, 1)),
                arcs=at.spans(w, this.LEFT_ARC, this.RIGHT_ARC),
                left=at.lefts(w, w, (this.LEFT, 0), (this.RIGHT_ARC, 1)),
                right=at.rights(w, w, (this.LEFT_ARC, 0), (this.RIGHT, 1)),
                done=at.spans(w, this.LEFT, this.RIGHT),
            )
            for w in range(1, n)
        ]

    def inside(self, least: float) -> None:
        at, weights = self.chart.as_strided, self.arcs.as_strided
        for v in self.views:
            joined = (at(*v.open) * at(*v.below)).sum(0)
            arcs = torch.mul(joined, weights(*v.weights), out=at(*v.arcs))
            if least:
                arcs.clamp_(min=least)
            done = torch.sum(at(*v.left) * at(*v.right), 1, out=at(*v.done))
            if least:
                done.clamp_(min=least)

    def outside(self) -> None:
        at, weights = self.chart.as_strided, self.arcs.as_strided
        for v, up in zip(reversed(self.views), reversed(self._views(*self.arcs.shape[2:], self.planes)), strict=True):
            done = at(*up.done)[:, None]
            at(*up.left).addcmul_(done, at(*v.right))
            at(*up.right).addcmul_(done, at(*v.left))
            joined = (at(*up.arcs) * weights(*v.weights)).sum(0)
            at(*up.open).addcmul_(joined, at(*v.below))
            at(*up.below).addcmul_(joined, at(*v.open))


class _ValenceViews(NamedTuple):
    weights: View
    left_weights: View
    right_weights: View
    open: View
    below: View
    more: View
    near_left: View
    near_right: View
    arcs: View
    left_arcs: View
    right_arcs: View
    left: View
    right: View
    opened: View
    stop: View
    done: View


class ByValence(Heads):
    """Scores by valence; weights of first and later arcs as in ``ByArc``, of stops [2 sides, 2 valences, n, B].

    ``LEFT_MORE`` and ``RIGHT_MORE`` hold what a later arc is multiplied with.
    """

    planes = 8
    LEFT_OPEN, LEFT, LEFT_ARC, RIGHT, RIGHT_OPEN, RIGHT_ARC, LEFT_MORE, RIGHT_MORE = range(planes)
    done, checked = (LEFT, RIGHT), 6

    def __init__(self, first: Tensor, later: Tensor, stop: Tensor):
        self.first, self.later, self.stop = first, later, stop
        self.chart, self.up = _charts(self.planes, first)
        self.views = self._views(*first.shape[2:], 0)

    @staticmethod
    @lru_cache(maxsize=256)
    def _views(n: int, batch: int, skip: int) -> list[_ValenceViews]:
        at, weights, this = Layout(n, batch, skip), Layout(n, batch), ByValence
        return [
            _ValenceViews(
                weights=weights.spans(w, 0, 1),
                left_weights=weights.spans(w, 0),
                right_weights=weights.spans(w, 1),
                open=at.lefts(w, w - 1, (this.RIGHT, 0), (this.RIGHT_OPEN, 1)),
                below=at.rights(w, w - 1, (this.LEFT_OPEN, 1), (this.LEFT, 2)),
                more=at.spans(w, this.LEFT_MORE, this.RIGHT_MORE),
                near_left=at.lefts(w, 1, (this.RIGHT, w - 1)),
                near_right=at.rights(w, 1, (this.LEFT, 1)),
                arcs=at.spans(w, this.LEFT_ARC, this.RIGHT_ARC),
                left_arcs=at.spans(w, this.LEFT_ARC),
                right_arcs=at.spans(w, this.RIGHT_ARC),
                left=at.lefts(w, w, (this.LEFT, 0), (this.RIGHT_ARC, 1)),
                right=at.rights(w, w, (this.LEFT_ARC, 0), (this.RIGHT, 1)),
                opened=at.spans(w, this.LEFT_OPEN, this.RIGHT_OPEN),
                # Of heads with some child on that side: word i + w to the left, word i to the right.
                stop=((2, n - w, batch), ((2 * n - w) * batch, batch, 1), (n + w) * batch),
                done=at.spans(w, this.LEFT, this.RIGHT),
            )
            for w in range(1, n)
        ]

    def inside(self, least: float) -> None:
        at, first, later = self.chart.as_strided, self.first.as_strided, self.later.as_strided
        for plane, none in zip(self.done, self.stop[:, 0], strict=True):
            self.chart[plane].diagonal(0, 0, 1).copy_(none.t().clamp(min=least))
        for v in self.views:
            # One word has no later child within itself: an empty sum, 0.
            more = torch.sum(at(*v.open) * at(*v.below), 1, out=at(*v.more))
            torch.mul(more, later(*v.weights), out=at(*v.arcs))
            at(*v.left_arcs).addcmul_(at(*v.near_left)[0], first(*v.left_weights))
            at(*v.right_arcs).addcmul_(at(*v.near_right)[0], first(*v.right_weights))
            if least:
                at(*v.arcs).clamp_(min=least)
            opened = torch.sum(at(*v.left) * at(*v.right), 1, out=at(*v.opened))
            if least:
                opened.clamp_(min=least)
            done = torch.mul(opened, self.stop.as_strided(*v.stop), out=at(*v.done))
            if least:
                done.clamp_(min=least)

    def outside(self) -> None:
        at, first, later = self.chart.as_strided, self.first.as_strided, self.later.as_strided
        for v, up in zip(reversed(self.views), reversed(self._views(*self.first.shape[2:], self.planes)), strict=True):
            done = at(*up.opened).addcmul_(at(*up.done), self.stop.as_strided(*v.stop))[:, None]
            at(*up.left).addcmul_(done, at(*v.right))
            at(*up.right).addcmul_(done, at(*v.left))
            at(*up.near_left)[0].addcmul_(at(*up.left_arcs), first(*v.left_weights))
            at(*up.near_right)[0].addcmul_(at(*up.right_arcs), first(*v.right_weights))
            more = (at(*up.arcs) * later(*v.weights))[:, None]
            at(*up.open).addcmul_(more, at(*v.below))
            at(*up.below).addcmul_(more, at(*v.open))
