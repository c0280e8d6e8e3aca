"""Binary constituency trees with labels, scored by rules: what a probabilistic context-free grammar makes of words.

    score(z) = root[A] of the whole + sum over constituents i..j, A -> B C, of (binary[A, B, C] + span[i, j, A])
               + sum over words t of emission[t, p]

Rules are [N, S, S] for all sentences or one table a sentence; N nonterminals, P preterminals (of one word each),
S = N + P. Knows nothing of words or of probabilities: a row need not sum to one.
"""

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from undersong.distributions.scaled_tree import Charts, ScaledInside
from undersong.distributions.semirings import LOG, Semiring
from undersong.distributions.structured import Parts, Structured
from undersong.distributions.tree_sampling import sample_trees


class Tree(Structured):
    """Labelled binary trees over sentences of two words or more (Kim et al. 2018, section 4.3); CKY's inside algorithm.

    z is int64 [..., B, T, T]: the symbol (0..S-1, nonterminals first) of the constituent from word i to word j, both
    included, on the diagonal the preterminal, -1 where there is none. Potentials (``tree.potentials``, with marginals
    aligned) are root [1 or B, N], binary [1 or B, N, S, S], emission [B, T, P] and span [B, T, T, N]; span's marginals
    are the probabilities of constituents. One word alone has no tree: log Z = -inf.

    ``log_partition`` works in scaled probability space, bounds what underflow may have cost (see ``scaled_tree``), and
    computes the sentences for which that is too much again, in float64 and then in log space. Marginals may not be
    differentiated (``inside(LOG)`` may, any number of times).

    Args:
        root: score of the whole sentence's symbol, [N] or [B, N].
        binary: score of A -> B C, [N, S, S] or [B, N, S, S].
        emission: score of each word under each preterminal, [B, T, P].
        lengths: words of each sentence, int [B].
        span: extra score of a constituent (first word, last word, symbol), [B, T, T, N]; zero by default.

    Raises:
        UserError: the charts of sentences this long do not fit in memory.

    >>> tree = Tree(torch.zeros(1), torch.zeros(1, 2, 2), torch.zeros(1, 5, 1), torch.tensor([5]))
    >>> round(tree.log_partition.exp().item()), tree.sample((3,)).shape  # Catalan(4) binary trees over five words
    (14, torch.Size([3, 1, 5, 5]))
    """

    telling = (2, 3)
    marginals_first = True

    def __init__(self, root: Tensor, binary: Tensor, emission: Tensor, lengths: Tensor, span: Tensor | None = None):
        batch, words, _ = emission.shape
        binary = binary if binary.dim() == 4 else binary[None]
        root = root if root.dim() == 2 else root[None]
        if span is None:
            span = emission.new_zeros(1, 1, 1, 1).expand(batch, words, words, root.shape[-1])
        super().__init__((root, binary, emission, span), lengths, (words, words))

    @property
    def nonterminals(self) -> int:
        """N."""
        return self.potentials[0].shape[-1]

    def inside(self, semiring: Semiring) -> Tensor:
        root, binary, emission, span = self.potentials
        n, words = self.nonterminals, emission.shape[1]
        never = torch.zeros_like(self.lengths, dtype=torch.bool)
        nothing = semiring.lift(torch.where(never, root[:, 0], -torch.inf))  # with a gradient, which is 0
        if words < 2:
            return nothing
        both = binary[:, :, :n, :n].flatten(2).mT  # [B, children, A]
        before = binary[:, :, n:, :n].transpose(1, 2).flatten(2)  # [B, left child, A and right one]
        after = binary[:, :, :n, n:].permute(0, 3, 1, 2).flatten(2)  # [B, right child, A and left one]
        none = binary[:, :, n:, n:].permute(0, 3, 1, 2).flatten(2)
        e = semiring.lift(emission.transpose(0, 1))  # [T, B, P]
        left, right, two = (  # [B, T, N, N], A and the other child; [B, T - 1, N, P], A and the left child
            semiring.product(each, table).unflatten(-1, (n, -1)).transpose(-3, -4)
            for each, table in ((e, before), (e, after), (e[..., 1:, :, :], none))
        )
        two = semiring.sum(two + emission[:, :-1, None, :], -1)  # [B, T - 1, N]
        spans = [two + span.diagonal(1, 1, 2).transpose(-1, -2)]  # by width - 2: [B, T - width + 1, N]
        for w in range(3, words + 1):
            k = words - w + 1
            last = spans[w - 3]
            ways = [
                semiring.sum(semiring.times(left[..., :k, :, :], last[..., 1:, None, :]), -1),
                semiring.sum(semiring.times(right[..., w - 1 :, :, :], last[..., :k, None, :]), -1),
            ]
            if w > 3:
                lefts = torch.stack([spans[v][..., :k, :] for v in range(w - 3)], -2)  # [B, k, splits, N]
                rights = torch.stack([spans[w - 4 - v][..., v + 2 : v + 2 + k, :] for v in range(w - 3)], -2)
                pair = semiring.sum(semiring.times(lefts[..., :, None], rights[..., None, :]), -3)  # [B, k, N, N]
                pair = pair.flatten(-2).transpose(-2, -3)  # [k, B, N N]
                ways.append(semiring.product(pair, both).transpose(-2, -3))
            joined = semiring.sum(torch.stack(ways, -1), -1)
            spans.append(joined + span.diagonal(w - 1, 1, 2).transpose(-1, -2))
        whole = torch.stack([each[..., 0, :] for each in spans], -2)  # [B, T - 1, N]
        rows = torch.arange(len(self.lengths), device=emission.device)
        whole = whole[..., rows, (self.lengths - 2).clamp(min=0), :]
        return torch.where(self.lengths >= 2, semiring.sum(whole + root, -1), nothing)

    def _log_partition(self) -> Tensor:
        emission = self.potentials[2]
        if emission.shape[1] < 2:
            return self.inside(LOG)
        found = self._settle(*self._scaled(), lambda rest: rest._settle(*rest._scaled(), Tree._one_by_one))
        return found.to(emission.dtype)

    def _scaled(self) -> tuple[Tensor, Tensor]:
        """log Z float64 [B] by matrix products, and whether it is sound [B]."""
        root, binary, emission, span = self.potentials
        return ScaledInside.apply(root.expand(len(emission), -1), binary, emission, self.lengths, span)

    def kernel_bytes(self, words: int) -> float:
        binary, emission = self.potentials[1:3]
        n, (batch, _, p) = self.nonterminals, emission.shape
        charts = batch * (12.0 * words**2 * n + words**3 / 6 + 10 * words * n**2 + 3 * words * n * p)
        return emission.element_size() * (charts + 3 * binary.numel())

    def traced_bytes(self, words: int, kept: int) -> float:
        n, s = self.potentials[1].shape[1:3]
        values = 0.8 * words * n * s**2 + words**2 * n**2 / 2 + words**3 * n / 3
        return 8.0 * (kept * values + (kept * words * n / 4) ** 2)

    def _sample(self, n: int) -> Tensor:
        if self.potentials[2].shape[1] < 2:
            return super()._sample(n)
        wide = self.wide
        self._ask(lambda words: wide.kernel_bytes(words) + 8.0 * n * len(self.lengths) * words**2)
        root, binary, emission, span = wide.potentials
        charts = Charts(root.expand(len(emission), -1), binary, emission, self.lengths, span)
        charts.inside()
        charts.outside()
        z = sample_trees(charts, n)
        if not charts.sound.all():
            for row in (~charts.sound).nonzero()[:, 0].split(1):
                z[:, row] = super(Tree, self.only(row))._sample(n)
        return z

    def _one_by_one(self) -> Tensor:
        """log Z [B] in log space, a sentence at a time, each computed again for its gradient: N S S numbers a span."""
        each = [self.only(row) for row in torch.arange(len(self.lengths), device=self.lengths.device).split(1)]
        values = [
            checkpoint(lambda *p, t=t: t.replace(p).inside(LOG), *t.potentials, use_reentrant=False) for t in each
        ]
        return torch.cat(values)

    def score(self, z: Tensor) -> Tensor:
        root, binary, emission, span = self.potentials
        n, words = self.nonterminals, z.shape[-1]
        rows = torch.arange(len(self.lengths), device=z.device)
        root, binary = (t.expand(len(rows), *t.shape[1:]) for t in (root, binary))
        here = torch.arange(words, device=z.device) < self.lengths[:, None]  # [B, T]
        there = z >= 0
        tags = z.diagonal(0, -2, -1)  # [..., B, T]
        top = z.gather(-1, (self.lengths - 1).view(-1, 1, 1).expand(*z.shape[:-1], 1))[..., 0, 0]
        proper = ((tags >= n) == here).all(-1) & (there.sum((-2, -1)) == 2 * self.lengths - 1)
        proper = proper & (self.lengths >= 2) & (top >= 0) & (top < n)
        total = root[rows, top.clamp(0, n - 1)]
        each = emission[rows[:, None], torch.arange(words, device=z.device), (tags - n).clamp(min=0)]
        total = total + torch.where(here, each, 0.0).sum(-1)
        for w in range(2, words + 1):
            k = words - w + 1
            symbol = z.diagonal(w - 1, -2, -1)  # [..., B, k]
            exists = symbol >= 0
            lefts = torch.stack([z.diagonal(v, -2, -1)[..., :k] for v in range(w - 1)], -1)  # [..., B, k, splits]
            rights = torch.stack([z.diagonal(w - 2 - v, -2, -1)[..., v + 1 : v + 1 + k] for v in range(w - 1)], -1)
            split = ((lefts >= 0) & (rights >= 0)).to(torch.int8).argmax(-1, keepdim=True)
            a = symbol.clamp(0, n - 1)
            b, c = lefts.gather(-1, split)[..., 0], rights.gather(-1, split)[..., 0]
            proper = proper & (~exists | ((b >= 0) & (c >= 0) & (symbol < n))).all(-1)
            rule = binary[rows[:, None], a, b.clamp(min=0), c.clamp(min=0)]
            first = torch.arange(k, device=z.device)
            extra = span[rows[:, None], first, first + w - 1, a]
            total = total + torch.where(exists, rule + extra, 0.0).sum(-1)
        return torch.where(proper, total, -torch.inf)

    def structure(self, parts: Parts) -> Tensor:
        emission, span = parts[2], parts[3]
        assert emission is not None
        assert span is not None
        z = torch.where(span.sum(-1) > 0.5, span.argmax(-1), -1)
        tags = torch.where(emission.sum(-1) > 0.5, emission.argmax(-1) + self.nonterminals, -1)
        return z.diagonal_scatter(tags, 0, 1, 2)
