"""Rules A -> B C as weights, cut into four blocks by whether each child is a nonterminal or a preterminal.

A grammar's N x S x S rules are the costly part of its inside algorithm, and most pairs of children are impossible at
most spans: a preterminal covers one word. Here are the products with them, for rules that all sentences share (G = 1)
and for a table a sentence (G = B). Words or spans lie in the first dimension, sentences in the second.

Knows nothing of spans or of logarithms but the scale of each row.
"""

import torch
from torch import Tensor


class Block:
    """Weights of rules [G, I, J], laid out for products with what words or spans hold: x [n, B, I] and y [n, B, J]."""

    def __init__(self, scores: Tensor, row: Tensor, order: tuple[int, int, int]):
        """e^(scores - row) of scores [G, N, L, R], by ``order`` of (A, left, right): I is its first."""
        self.order = (0, *(1 + d for d in order))
        turned = scores.permute(self.order)
        weights = torch.empty(turned.shape, dtype=scores.dtype, device=scores.device)
        torch.sub(turned, row[:, :, None, None].expand_as(scores).permute(self.order), out=weights).exp_()
        self.shape = weights.shape
        self.weights = weights.flatten(2)

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

    def add(self, total: Tensor, x: Tensor, y: Tensor) -> None:
        """Adds sum_n x[n, b, i] y[n, b, j], and over b where the rules are shared, to ``total`` [G, I, J]."""
        if len(total) == 1:
            total[0].addmm_(x.reshape(-1, x.shape[-1]).t(), y.reshape(-1, y.shape[-1]))
        else:
            total.baddbmm_(x.permute(1, 2, 0), y.transpose(0, 1))

    def counts(self, total: Tensor, out: Tensor) -> None:
        """Writes total [G, I, J] times weights to ``out`` [G, N, L, R]."""
        torch.mul(total.view(self.shape), self.weights.view(self.shape), out=out.permute(self.order))


class Rules:
    """Weights e^(binary - row) of log-potentials [G, N, S, S], nonterminals first; ``row`` [G, N] is each A's largest.

    ``both`` children nonterminals: from A to (left, right). ``left`` a preterminal, or ``right``: from it to (A, the
    other one). ``none`` a nonterminal: from the right one to (A, the left one).
    """

    def __init__(self, binary: Tensor):
        self.n = n = binary.shape[1]
        row = binary.amax((2, 3))
        self.row = row.double()
        row = torch.where(row.isinf(), 0.0, row)
        self.both = Block(binary[:, :, :n, :n], row, (0, 1, 2))
        self.left = Block(binary[:, :, n:, :n], row, (1, 0, 2))
        self.right = Block(binary[:, :, :n, n:], row, (2, 0, 1))
        self.none = Block(binary[:, :, n:, n:], row, (2, 0, 1))
        self.like = binary

    def counts(self, both: Tensor, left: Tensor, right: Tensor, none: Tensor) -> Tensor:
        """Expected counts [G, N, S, S] from sums of outside times inside values, block by block."""
        out, n = torch.empty_like(self.like, memory_format=torch.contiguous_format), self.n
        self.both.counts(both, out[:, :, :n, :n])
        self.left.counts(left, out[:, :, n:, :n])
        self.right.counts(right, out[:, :, :n, n:])
        self.none.counts(none, out[:, :, n:, n:])
        return out
