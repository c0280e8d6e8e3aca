"""Rules A -> B C as weights, cut into four blocks by whether each child is a nonterminal or a preterminal.

A grammar's N x S x S rules are the costly part of its inside algorithm, and most pairs of children are impossible at
most spans: a preterminal covers one word. Here are the products with them, for rules that all sentences share (G = 1)
and for a table a sentence (G = B). Words or spans lie in the first dimension, sentences in the second.

Knows nothing of spans or of logarithms but the scale of each row.
"""

import torch
from torch import Tensor

from undersong.distributions.scales import finite


class Block:
    """Weights of rules [G, I, J], laid out for products with what words or spans hold: x [n, B, I] and y [n, B, J].

    Args:
        scores: log-potentials [G, N, L, R] of (A, left, right).
        row: their scale [G, N]; weights are e^(scores - row).
        inputs: which of A, left and right is I: 0, 1 or 2; J are the other two, in their order.
    """

    def __init__(self, scores: Tensor, row: Tensor, inputs: int):
        # The last stays last in memory: [G, J, I] then. Only the middle one is copied to the front.
        self.order, self.last = (0, 2, 1, 3) if inputs == 1 else (0, 1, 2, 3), inputs == 2
        turned = scores.permute(self.order)
        weights = torch.empty(turned.shape, dtype=scores.dtype, device=scores.device)
        torch.sub(turned, row[:, :, None, None].expand_as(scores).permute(self.order), out=weights).exp_()
        self.shape = weights.shape
        self.weights = weights.flatten(1, 2).transpose(1, 2) if self.last else weights.flatten(2)

    def of(self, rows: Tensor, *index: Tensor | slice) -> Tensor:
        """Weights of the sentences in ``rows`` at an index into (A, left, right)."""
        natural = (self.weights.transpose(1, 2) if self.last else self.weights).view(self.shape).permute(self.order)
        return natural[(rows if len(natural) > 1 else torch.zeros_like(rows), *index)]

    def take(self, x: Tensor) -> Tensor:
        """sum_i x[n, b, i] weights[b, i, j]: [n, B, J]."""
        return self._times(x, self.weights)

    def give(self, y: Tensor) -> Tensor:
        """sum_j y[n, b, j] weights[b, i, j]: [n, B, I]."""
        return self._times(y, self.weights.transpose(1, 2))

    def _times(self, x: Tensor, weights: Tensor) -> Tensor:
        if len(weights) == 1:
            return x.reshape(-1, x.shape[-1]).mm(weights[0]).view(*x.shape[:2], -1)
        return x.transpose(0, 1).bmm(weights).transpose(0, 1)

    def add(self, total: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """Adds sum_n x[n, b, i] y[n, b, j], and over b where the rules are shared, to ``total``, as weights are."""
        x, y = (y, x) if self.last else (x, y)
        if len(total) == 1:
            total[0].addmm_(x.reshape(-1, x.shape[-1]).t(), y.reshape(-1, y.shape[-1]))
        else:
            total.baddbmm_(x.permute(1, 2, 0), y.transpose(0, 1))
        return total

    def zeros(self) -> Tensor:
        """A total to add to."""
        return self.weights.new_zeros(self.shape).flatten(1, 2) if self.last else torch.zeros_like(self.weights)

    def counts(self, total: Tensor, out: Tensor) -> None:
        """Writes a total times weights to ``out`` [G, N, L, R]."""
        weights = self.weights.transpose(1, 2) if self.last else self.weights
        torch.mul(total.view(self.shape), weights.view(self.shape), out=out.permute(self.order))


class Rules:
    """Weights e^(binary - row) of log-potentials [G, N, S, S], nonterminals first; ``row`` [G, N] is each A's largest.

    ``both`` children are nonterminals: from A to (left, right). The ``left`` one is a preterminal, or the ``right``
    one: from it to (A, the other one). ``none`` is a nonterminal: from the right one to (A, the left one).
    """

    def __init__(self, binary: Tensor):
        n = binary.shape[1]
        row = binary.amax((2, 3))
        self.row = row.double()
        row = finite(row)
        self.both = Block(binary[:, :, :n, :n], row, 0)
        self.left = Block(binary[:, :, n:, :n], row, 1)
        self.right = Block(binary[:, :, :n, n:], row, 2)
        self.none = Block(binary[:, :, n:, n:], row, 2)
