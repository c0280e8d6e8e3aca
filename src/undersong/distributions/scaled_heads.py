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

VIEW = 600  # bytes that a view takes beside what it shows


class Layout:
    """Views of a chart [planes, n, n, B] by span width w; two planes, in rising order, are a leading dimension of 2."""

    def __init__(self, chart: Tensor):
        self.chart = chart
        *_, self.n, _, self.batch = chart.shape
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

    def inner(self, w: int, late: int, early: int) -> Tensor:
        """(i + 1, i + w) of plane ``late`` and (i, i + w - 1) of ``early`` for all i: [2, n - w, B]."""
        ends = late * self.plane + self.row + w * self.column, early * self.plane + (w - 1) * self.column
        return self._view(w, (), (), *ends)

    def mirrored(self, w: int) -> Tensor:
        """(i, i + w) and (i + w, i) for all i: [2, n - w, B]."""
        return self._view(w, (), (), w * self.column, w * self.row)


class Heads(ABC):
    """A chart, room for its derivatives, and the weights, e^score by (head, child): all that a pass needs.

    Views of arcs have those to the right first: their weights lie above the diagonal, the others' mirrored below it.

    Args:
        n: positions.
        batch: sentences.
        device: where.
    """

    planes: ClassVar[int]
    kinds: ClassVar[int]  # of arcs
    arcs: ClassVar[slice]  # planes of spans whose ends are joined by an arc, to the right and to the left
    done: ClassVar[tuple[int, int]]  # planes of finished spans, to the left and to the right
    checked: ClassVar[int]  # planes, from the first, in which a small value means an underflow

    def __init__(self, n: int, batch: int, device: torch.device):
        self.chart = torch.ones(self.planes, n, n, batch, dtype=torch.float64, device=device)
        self.up = torch.zeros_like(self.chart)
        self.weights = self.chart.new_ones(self.kinds, n, n, batch)
        self.place, self.sentence = torch.arange(n, device=device)[:, None], torch.arange(batch, device=device)
        # Positions that an arc asks for, less 1 [n, n, 1]: from a word to itself there is none, however many there are.
        self.reach = torch.maximum(self.place, self.place.t()).fill_diagonal_(n)[..., None]
        self.nbytes = self.chart.nbytes + self.up.nbytes + self.weights.nbytes + self.reach.nbytes

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
    each_done: Tensor  # for each split


class ByArc(Heads):
    """Scores of arcs alone."""

    planes, kinds = 4, 1
    LEFT, RIGHT_ARC, LEFT_ARC, RIGHT = range(planes)
    arcs, done, checked = slice(RIGHT_ARC, LEFT_ARC + 1), (LEFT, RIGHT), 4

    def __init__(self, n: int, batch: int, device: torch.device):
        super().__init__(n, batch, device)
        weights = Layout(self.weights[0])
        self.views = [(weights.mirrored(w), self._views(self.chart, w), self._views(self.up, w)) for w in range(1, n)]
        self.nbytes += len(self.views) * (1 + 2 * len(_ArcViews._fields)) * VIEW

    def _views(self, chart: Tensor, w: int) -> _ArcViews:
        at = Layout(chart)
        done = at.spans(w, self.LEFT, self.RIGHT)
        return _ArcViews(
            open=at.lefts(w, w, (self.RIGHT, 0)),
            below=at.rights(w, w, (self.LEFT, 1)),
            arcs=at.spans(w, self.RIGHT_ARC, self.LEFT_ARC),
            left=at.lefts(w, w, (self.LEFT, 0), (self.RIGHT_ARC, 1)),
            right=at.rights(w, w, (self.LEFT_ARC, 0), (self.RIGHT, 1)),
            done=done,
            each_done=done[:, None],
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
            up.left.addcmul_(up.each_done, at.right)
            up.right.addcmul_(up.each_done, at.left)
            joined = (up.arcs * weights).sum(0)
            up.open.addcmul_(joined, at.below)
            up.below.addcmul_(joined, at.open)


class _ValenceWeights(NamedTuple):
    first: Tensor
    later: Tensor
    stop: Tensor


class _ValenceViews(NamedTuple):
    open: Tensor
    below: Tensor
    more: Tensor
    near: Tensor
    arcs: Tensor
    left: Tensor
    right: Tensor
    opened: Tensor
    each_opened: Tensor  # for each split
    done: Tensor


class ByValence(Heads):
    """Scores by valence: kinds are first and later arcs; ``stop`` holds e^stop [2 sides, 2 valences, n, B].

    ``RIGHT_MORE`` and ``LEFT_MORE`` hold what a later arc is multiplied with.
    """

    planes, kinds = 8, 2
    LEFT, LEFT_OPEN, RIGHT_ARC, LEFT_ARC, RIGHT_OPEN, RIGHT, RIGHT_MORE, LEFT_MORE = range(planes)
    arcs, done, checked = slice(RIGHT_ARC, LEFT_ARC + 1), (LEFT, RIGHT), 6

    def __init__(self, n: int, batch: int, device: torch.device):
        super().__init__(n, batch, device)
        self.stop = self.chart.new_ones(2, 2, n, batch)
        self.views = [(self._weights(w), self._views(self.chart, w), self._views(self.up, w)) for w in range(1, n)]
        views = len(_ValenceWeights._fields) + 2 * len(_ValenceViews._fields)
        self.nbytes += self.stop.nbytes + len(self.views) * views * VIEW

    def _weights(self, w: int) -> _ValenceWeights:
        first, later = (Layout(kind) for kind in self.weights)
        _, _, n, batch = self.stop.shape
        # Of heads with some child on that side: word i + w to the left, word i to the right.
        stop = self.stop.as_strided((2, n - w, batch), ((2 * n - w) * batch, batch, 1), (n + w) * batch)
        return _ValenceWeights(first.mirrored(w), later.mirrored(w), stop)

    def _views(self, chart: Tensor, w: int) -> _ValenceViews:
        at = Layout(chart)
        opened = at.spans(w, self.LEFT_OPEN, self.RIGHT_OPEN)
        return _ValenceViews(
            open=at.lefts(w, w - 1, (self.RIGHT_OPEN, 1), (self.RIGHT, 0)),
            below=at.rights(w, w - 1, (self.LEFT, 2), (self.LEFT_OPEN, 1)),
            more=at.spans(w, self.RIGHT_MORE, self.LEFT_MORE),
            near=at.inner(w, self.LEFT, self.RIGHT),
            arcs=at.spans(w, self.RIGHT_ARC, self.LEFT_ARC),
            left=at.lefts(w, w, (self.LEFT, 0), (self.RIGHT_ARC, 1)),
            right=at.rights(w, w, (self.LEFT_ARC, 0), (self.RIGHT, 1)),
            opened=opened,
            each_opened=opened[:, None],
            done=at.spans(w, self.LEFT, self.RIGHT),
        )

    def inside(self, least: float) -> None:
        for plane, none in zip(self.done, self.stop[:, 0], strict=True):
            self.chart[plane].diagonal(0, 0, 1).copy_(none.t().clamp(min=least))
        for weights, at, _ in self.views:
            # One word has no later child within itself: an empty sum, 0.
            torch.sum(at.open * at.below, 1, out=at.more)
            torch.mul(at.more, weights.later, out=at.arcs)
            at.arcs.addcmul_(at.near, weights.first)
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
            up.opened.addcmul_(up.done, weights.stop)
            up.left.addcmul_(up.each_opened, at.right)
            up.right.addcmul_(up.each_opened, at.left)
            up.near.addcmul_(up.arcs, weights.first)
            more = (up.arcs * weights.later)[:, None]
            up.open.addcmul_(more, at.below)
            up.below.addcmul_(more, at.open)
