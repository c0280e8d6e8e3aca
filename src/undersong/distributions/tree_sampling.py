"""Exact samples of trees, many at once, from the inside values of their sentences.

A constituent's split and children are drawn with the probability of each in its inside sum, from the whole sentence
down; all constituents of a width, of all samples of all sentences, at once. Knows nothing of scores or of log space.
"""

import torch
from torch import Tensor

from undersong.distributions.scaled_tree import Charts

CHUNK = 4096  # constituents at a time: each takes its rules, N x N numbers


def sample_trees(charts: Charts, n: int) -> Tensor:
    """``n`` trees of each sentence, int64 [n, B, T, T], as ``Tree`` has them; -1 all over where Z is 0 or not sound.

    Args:
        charts: with ``inside`` and ``outside`` run.
        n: samples of each sentence.
    """
    words, batch = charts.T, charts.B
    device = charts.e.device
    z = torch.full((n, batch, words, words), -1, device=device)
    possible = (charts.lengths >= 2) & (charts.log_z > -torch.inf) & charts.sound
    here = possible.nonzero()[:, 0]
    top = torch.multinomial(charts.root_posterior[here], n, replacement=True)  # [sentences, n]
    z[:, here, 0, charts.lengths[here] - 1] = top.t()
    for w in range(words, 1, -1):
        found = (z.diagonal(w - 1, 2, 3) >= 0).nonzero()
        for nodes in found.split(CHUNK):
            sample, sentence, start = nodes.unbind(1)
            parent = z[sample, sentence, start, start + w - 1]
            size, left, right = _split(charts, w, sentence, start, parent)
            z[sample, sentence, start, start + size - 1] = left
            z[sample, sentence, start + size, start + w - 1] = right
    return z


def _draw(weights: Tensor) -> Tensor:
    """An index into each row of [m, I] with its share of the row: [m]."""
    return torch.multinomial(weights, 1)[:, 0]


def _split(charts: Charts, w: int, b: Tensor, i: Tensor, a: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The left child's width, and both children's symbols, of constituents of w words from word i of sentence b."""
    n, e, rules = charts.N, charts.e, charts.rules
    last = i + w - 1
    if w == 2:
        left = _draw(charts.none[i, b, a] * e[i, b])
        right = _draw(rules.none.of(b, a, left) * e[last, b])
        return torch.ones_like(i), n + left, n + right
    weight = charts.weights[w - 2][i, b]  # [m, w - 1]
    one = charts.left.view(charts.T, charts.B, n, n)[i, b, a] * charts.by_start[i + 1, b, w - 3] * weight[:, :1]
    two = charts.right.view(charts.T, charts.B, n, n)[last, b, a] * charts.by_start[i, b, w - 3] * weight[:, -1:]
    both = rules.both.of(b, a)  # [m, N, N]
    lefts = charts.by_start[i, b, : w - 3] * weight[:, 1:-1, None]  # [m, splits, N]
    rights = charts.by_end[i + w, b, charts.T - w + 2 : charts.T - 1]
    many = lefts * rights.bmm(both.transpose(1, 2))  # [m, splits, N], by the left child
    chosen = _draw(torch.cat([one, two, many.flatten(1)], 1))
    size, symbol = chosen // n, chosen % n
    is_one, is_two = size == 0, size == 1
    size = torch.where(is_one, 1, torch.where(is_two, w - 1, size))
    left, right = symbol.clone(), symbol.clone()
    m = is_one.nonzero()[:, 0]
    if len(m):
        left[m] = n + _draw(rules.left.of(b[m], a[m], slice(None), symbol[m]) * e[i[m], b[m]])
    m = is_two.nonzero()[:, 0]
    if len(m):
        right[m] = n + _draw(rules.right.of(b[m], a[m], symbol[m]) * e[last[m], b[m]])
    m = (~is_one & ~is_two).nonzero()[:, 0]
    if len(m):
        right[m] = _draw(both[m, symbol[m]] * rights[m, size[m] - 2])
    return size, left, right
