"""Rules A -> B C as weights, cut into four blocks by whether each child is a nonterminal or a preterminal.

A grammar's N x S x S rules are the costly part of its inside algorithm, and most pairs of children are impossible at
most spans: a preterminal covers one word. Here are the products with them, for rules that all sentences share (G = 1)
and for a table a sentence (G = B). Sentences lie in the second dimension, words in the first.

Knows nothing of spans or of logarithms but the scale of each row.
"""

import torch
from torch import Tensor


class Block:
    """Weights [G, N, I, J] of rules whose children are one of I and one of J symbols, times what words or spans hold."""

    def __init__(self, weights: Tensor):
        self.weights = weights
        self.shared = len(weights) == 1

    def take(self, x: Tensor) -> Tensor:
        """sum_i x[n, b, i] weights[b, a, i, j]: [n, B, N, J]."""
        n, batch, size = x.shape
        _, a, _, j = self.weights.shape
        if self.shared:
            flat = self.weights[0].transpose(0, 1).reshape(size, a * j)
            return x.reshape(n * batch, size).mm(flat).view(n, batch, a, j)
        return torch.matmul(x.transpose(0, 1)[:, None], self.weights).permute(2, 0, 1, 3)

    def give(self, y: Tensor) -> Tensor:
        """sum_{a, j} y[n, b, a, j] weights[b, a, i, j]: [n, B, I]."""
        n, batch, a, j = y.shape
        if self.shared:
            flat = self.weights[0].permute(0, 2, 1).reshape(a * j, -1)
            return y.reshape(n * batch, a * j).mm(flat).view(n, batch, -1)
        return torch.matmul(y.permute(1, 2, 0, 3), self.weights.transpose(2, 3)).sum(1).transpose(0, 1)

    def counts(self, x: Tensor, y: Tensor) -> Tensor:
        """sum_n x[n, b, i] y[n, b, a, j], and over b where the rules are shared: [G, N, I, J]."""
        n, batch, a, j = y.shape
        if self.shared:
            flat = x.reshape(n * batch, -1).t().mm(y.reshape(n * batch, a * j))
            return flat.view(1, -1, a, j).transpose(1, 2)
        return torch.matmul(x.permute(1, 2, 0)[:, None], y.permute(1, 2, 0, 3))


class Rules:
    """Weights e^(binary - row) of log-potentials [G, N, S, S], nonterminals first; ``row`` [G, N] is each A's largest."""

    def __init__(self, binary: Tensor):
        n = binary.shape[1]
        row = binary.amax((2, 3))
        self.weights = (binary - torch.where(row.isinf(), 0.0, row)[..., None, None]).exp_()
        self.row = row.double()
        self.n = n
        self.both = self.weights[:, :, :n, :n].reshape(-1, n, n * n)
        self.left = Block(self.weights[:, :, n:, :n])  # the left child is a preterminal
        self.right = Block(self.weights[:, :, :n, n:].transpose(2, 3))  # the right child is
        self.none = Block(self.weights[:, :, n:, n:].transpose(2, 3))  # both are; the right one first

    def times_pairs(self, pairs: Tensor) -> Tensor:
        """sum_{b, c} of pairs of nonterminals [n, B, N * N] times the rules: [n, B, N]."""
        return self._times(pairs, self.both.transpose(1, 2))

    def to_pairs(self, symbols: Tensor) -> Tensor:
        """sum_a of symbols [n, B, N] times the rules: [n, B, N * N]."""
        return self._times(symbols, self.both)

    def add_pairs(self, total: Tensor, symbols: Tensor, pairs: Tensor) -> None:
        """Adds the sum over n, and over B where the rules are shared, of symbols [n, B, N] x pairs [n, B, N * N]."""
        if len(self.both) == 1:
            total[0].addmm_(symbols.flatten(0, 1).t(), pairs.flatten(0, 1))
        else:
            total.baddbmm_(symbols.permute(1, 2, 0), pairs.transpose(0, 1))

    def _times(self, x: Tensor, weights: Tensor) -> Tensor:
        if len(weights) == 1:
            return x.reshape(-1, x.shape[-1]).mm(weights[0]).view(*x.shape[:2], -1)
        return x.transpose(0, 1).bmm(weights).transpose(0, 1)

    def counts(self, both: Tensor, left: Tensor, right: Tensor, none: Tensor) -> Tensor:
        """Expected counts [G, N, S, S] from sums of outside times inside values, block by block as the blocks are."""
        out, n = torch.empty_like(self.weights), self.n
        out[:, :, :n, :n] = both.view(-1, n, n, n)
        out[:, :, n:, :n] = left
        out[:, :, :n, n:] = right.transpose(2, 3)
        out[:, :, n:, n:] = none.transpose(2, 3)
        return out.mul_(self.weights)
