"""Inside and outside sums of a binary grammar as matrix products in scaled probability space.

The inside value of nonterminal A over the words i..j is

    beta(i, j, A) = e^span(i, j, A) sum_k sum_{B, C} e^binary(A, B, C) beta(i, k, B) beta(k + 1, j, C)

(Baker 1979; Lari and Young 1990), and log Z is its log sum over roots at the whole sentence. Spans of a width are
computed at once, for the whole batch. S x S is split into four blocks: a preterminal covers one word only, so words
are multiplied into the rules once (``left``, ``right``), and only nonterminal pairs are summed over splits, as one
batched product [N, splits] x [splits, N], then times the rules. The outside pass walks back over the same products and
gives every posterior; expected rule counts are sums of products of its values with the inside ones.

*Scale.* Values of a span are kept divided by their largest one, its logarithm (float64) beside them; rows of rules and
words' emissions likewise. What underflows is bounded, not guessed: a sum of c terms, each a product of factors <= 1,
loses at most c times the smallest normal number, so adding ``floor`` >= that to every sum gives an upper bound of
every inside value, hence of Z; and the share of Z that the added amounts make up is at most the sum over spans and
symbols of posterior x (added / value), all terms being nonnegative. A sentence is ``sound`` where that share is below
the precision asked for: then log Z and every posterior are right to it. The caller computes the others otherwise.

Knows nothing of trees as objects, of learning, or of what the symbols mean.
"""

from typing import Any

import torch
from torch import Tensor

from undersong.distributions.first_order import MARGINALS_ONCE, first_order
from undersong.distributions.rule_blocks import Rules
from undersong.distributions.scales import finite

LOST = 1e-6  # share of Z that may be lost to underflow, float32
LOST_DOUBLE = 1e-12


class Charts:
    """Inside and outside values of B sentences; words first, so that spans of a width and sentences are one batch.

    ``by_start`` [T, B, T - 1, N] has the span of w words from word i at [i, :, w - 2], ``by_end`` [T + 1, B, T - 1, N]
    the same values at [i + w, :, T - w], so that left and right children of a span lie in step, split by split.
    """

    def __init__(self, root: Tensor, binary: Tensor, emission: Tensor, lengths: Tensor, span: Tensor | None):
        self.B, self.T, self.P = emission.shape
        self.N, self.lengths, self.root = binary.shape[1], lengths, root.double()
        self.rules = Rules(binary)
        terms = binary.shape[2] ** 2 * self.T
        self.tiny = torch.finfo(emission.dtype).tiny
        self.floor = max(terms, 2.0**26) * self.tiny
        self.span = None if span is None else span.permute(1, 2, 0, 3)  # [T, T, B, N]
        inside = torch.arange(self.T, device=lengths.device)[:, None] < lengths  # [T, B]
        emission = torch.where(inside[..., None], emission.transpose(0, 1), 0.0)  # [T, B, P]
        self.word = emission.amax(-1)
        allowed = emission > -torch.inf
        self.e = torch.where(allowed, (emission - finite(self.word)[..., None]).exp().clamp(min=self.tiny), 0.0)
        self.word = self.word.double()
        self.word_lost = allowed & (self.e <= self.tiny)

    def _new(self, *shape: int) -> Tensor:
        return self.e.new_zeros(*shape)

    def inside(self) -> Tensor:
        """log Z of every sentence, float64 [B]."""
        T, B, N = self.T, self.B, self.N
        rules, e = self.rules, self.e
        # A word times the rules, by (its sibling, A) and by (A, its sibling): small products are fast by rows only.
        left, right = (block.take(e).view(T, B, N, N) for block in (rules.left, rules.right))  # A and sibling
        self.left, self.right = left.reshape(T * B, N, N), right.reshape(T * B, N, N)
        from_left, from_right = (x.transpose(2, 3).reshape(T * B, N, N) for x in (left, right))
        self.none = rules.none.take(e[1:]).view(T - 1, B, N, -1)  # [T - 1, B, N, P], A and left child
        self.by_start, self.by_end = self._new(T, B, T - 1, N), self._new(T + 1, B, T - 1, N)
        self.scale = self.word.new_zeros(T, B, T - 1)
        scale_end = self.word.new_zeros(T + 1, B, T - 1)
        self.totals: list[Tensor] = []
        self.weights: list[Tensor] = []  # of splits, by width - 2
        self.lost: list[Tensor] = []
        for w in range(2, T + 1):
            n = T - w + 1
            if w == 2:
                total = (self.none * e[:-1, :, None]).sum(-1)
                top = self.word[:-1] + self.word[1:]
                self.weights.append(torch.ones_like(top).to(e.dtype))
            else:
                # Splits in order of the left child's width: 1, then 2 .. w - 2, then w - 1.
                parts = [
                    (self.word[:n] + self.scale[1 : n + 1, :, w - 3])[..., None],
                    self.scale[:n, :, : w - 3] + scale_end[w:, :, T - w + 2 : T - 1],
                    (self.scale[:n, :, w - 3] + self.word[w - 1 :])[..., None],
                ]
                split = torch.cat(parts, -1)  # [n, B, w - 1]
                top = split.amax(-1)
                weight = (split - finite(top)[..., None]).exp().to(e.dtype)
                self.weights.append(weight)
                one = self.by_start[1 : n + 1, :, w - 3].reshape(n * B, 1, N).bmm(from_left[: n * B]).view(n, B, N)
                two = self.by_start[:n, :, w - 3].reshape(n * B, 1, N).bmm(from_right[(w - 1) * B :]).view(n, B, N)
                total = one * weight[..., :1] + two * weight[..., -1:]
                if w > 3:
                    total = total + rules.both.give(self._pairs(w).view(n, B, N * N))
            total = total + self.floor
            log = total.double().log() + rules.row + top[..., None]
            if self.span is not None:
                log = log + self._span(w)
            most = log.amax(-1)
            value = (log - finite(most)[..., None]).exp().to(e.dtype)
            low = (value < self.floor) & (log > -torch.inf)
            value = torch.where(low, self.floor, value)
            self.by_start[:n, :, w - 2] = value
            self.by_end[w:, :, T - w] = value
            self.scale[:n, :, w - 2] = scale_end[w:, :, T - w] = most
            self.totals.append(total)
            self.lost.append(low)
        at = (self.lengths - 2).clamp(min=0)
        here = torch.arange(B, device=at.device)
        whole = self.by_start[0, here, at].double().log() + self.scale[0, here, at, None]
        whole = torch.where((self.lengths >= 2)[:, None], whole + self.root, -torch.inf)
        self.log_z = whole.logsumexp(-1)
        self.root_posterior = torch.where(self.log_z[:, None] > -torch.inf, (whole - self.log_z[:, None]).exp(), 0.0)
        return self.log_z

    def _span(self, w: int) -> Tensor:
        """Extra scores of the constituents of w words, float64 [n, B, N]."""
        assert self.span is not None
        return self.span.diagonal(w - 1).permute(2, 0, 1).double()

    def _children(self, w: int) -> tuple[Tensor, Tensor]:
        """Weighted left children and right children over splits into two nonterminals, [n * B, splits, N] each."""
        n, T = self.T - w + 1, self.T
        left = self.by_start[:n, :, : w - 3] * self.weights[w - 2][..., 1:-1, None]
        right = self.by_end[w:].flatten(0, 1)[:, T - w + 2 : T - 1]
        return left.flatten(0, 1), right

    def _pairs(self, w: int) -> Tensor:
        """sum over splits of left and right child, [n * B, N, N]."""
        left, right = self._children(w)
        return left.transpose(1, 2).bmm(right)

    def outside(self) -> None:
        """Posteriors of symbols at spans: ``posteriors[w - 2]`` [n, B, N], ``emitted`` [T, B, P]; and ``sound`` [B]."""
        T, B, N = self.T, self.B, self.N
        rules, e = self.rules, self.e
        up_start, up_end = torch.zeros_like(self.by_start), torch.zeros_like(self.by_end)
        here = torch.arange(B, device=e.device)
        at = (self.lengths - 2).clamp(min=0)
        whole = self.by_start[0, here, at]
        up_start[0, here, at] = torch.where(whole > 0, self.root_posterior.to(e.dtype) / whole, 0.0)
        over: list[Tensor] = [e] * (T - 1)  # posterior / total
        self.posteriors = [e] * (T - 1)
        share = self.word.new_zeros(B)
        up_left, up_right = self._new(T, B, T - 1, N), self._new(T, B, T - 1, N)
        for w in range(T, 1, -1):
            n = T - w + 1
            posterior = (up_start[:n, :, w - 2] + up_end[w:, :, T - w]) * self.by_start[:n, :, w - 2]
            each = posterior / self.totals[w - 2]
            self.posteriors[w - 2], over[w - 2] = posterior, each
            share += (each * self.floor + posterior * self.lost[w - 2]).sum((0, 2))
            if w == 2:
                break
            weight = self.weights[w - 2]
            one, two = each * weight[..., :1], each * weight[..., -1:]
            up_left[:n, :, w - 3], up_right[w - 1 :, :, w - 3] = one, two
            up_end[w:, :, T - w + 1] += one.view(n * B, 1, N).bmm(self.left[: n * B]).view(n, B, N)
            up_start[:n, :, w - 3] += two.view(n * B, 1, N).bmm(self.right[(w - 1) * B :]).view(n, B, N)
            if w > 3:
                pair = rules.both.take(each).reshape(n * B, N, N)
                left, right = self._children(w)
                to_left = right.bmm(pair.transpose(1, 2)).view(n, B, w - 3, N)
                up_start[:n, :, : w - 3] += to_left * weight[..., 1:-1, None]
                up_end[w:, :, T - w + 2 : T - 1] += left.bmm(pair).view(n, B, w - 3, N)
        self.over = over
        # What a word is multiplied with as the left child of spans it starts, as the right child of those it ends, and
        # as one of two words; by A and sibling. The sibling of word j in (i, w) ends at j with w - 1 words.
        self.up_left, self.up_right = self._new(T, B, N, N), self._new(T, B, N, N)
        starts, ends = self.by_start.flatten(0, 1), self.by_end[:-1].flatten(0, 1)
        up_left, up_right = up_left.flatten(0, 1).transpose(1, 2), up_right.flatten(0, 1).transpose(1, 2)
        self.up_left[:-1] = up_left[:-B].bmm(starts[B:]).view(T - 1, B, N, N)
        self.up_right[:] = up_right.bmm(ends.flip(1)).view(T, B, N, N)
        self.up_none = over[0][..., None] * e[:-1, :, None]  # [T - 1, B, N, P]
        emitted = rules.left.give(self.up_left.flatten(2)) + rules.right.give(self.up_right.flatten(2))
        emitted[1:] += rules.none.give(self.up_none.flatten(2))
        emitted[:-1] += (over[0][..., None] * self.none).sum(2)
        self.emitted = emitted * e
        share += (self.emitted * self.word_lost).sum((0, 2))
        self.sound = share < (LOST if e.dtype == torch.float32 else LOST_DOUBLE)

    def counts(self, weight: Tensor) -> Tensor:
        """Expected counts of rules [G, N, S, S], each sentence's times its weight [B]."""
        rules, e, n, weight = self.rules, self.e, self.N, weight[:, None]
        out = e.new_empty(len(rules.row), n, n + self.P, n + self.P)
        both = rules.both.zeros()
        for w in range(4, self.T + 1):
            rules.both.add(both, self.over[w - 2] * weight, self._pairs(w).view(self.T - w + 1, self.B, -1))
        rules.both.counts(both, out[:, :, :n, :n])
        # A block after the other, so that each finds the memory of the one before.
        for block, words, up, into in (
            (rules.left, e, self.up_left, out[:, :, n:, :n]),
            (rules.right, e, self.up_right, out[:, :, :n, n:]),
            (rules.none, e[1:], self.up_none, out[:, :, n:, n:]),
        ):
            block.counts(block.add(block.zeros(), words * weight, up.flatten(2)), into)
        return out


@first_order(MARGINALS_ONCE)
class ScaledInside(torch.autograd.Function):
    """log Z float64 [B] and whether it is sound [B]; gradients are posteriors, zero where it is not. First order only.

    Args: root [B, N], binary [G, N, S, S], emission [B, T, P], lengths [B], span [B, T, T, N] or None; T >= 2.
    """

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, root: Tensor, binary: Tensor, emission: Tensor, lengths: Tensor, span: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        charts = Charts(root, binary, emission, lengths, span)
        log_z = charts.inside()
        charts.outside()
        ctx.charts, ctx.dtype = charts, binary.dtype
        ctx.mark_non_differentiable(charts.sound)
        return log_z, charts.sound

    @staticmethod
    def backward(ctx: Any, grad: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        charts: Charts = ctx.charts
        grad = torch.where(charts.sound, grad, 0.0).to(ctx.dtype)
        root = grad[:, None] * charts.root_posterior.to(ctx.dtype) if ctx.needs_input_grad[0] else None
        binary = charts.counts(grad) if ctx.needs_input_grad[1] else None
        emission = (charts.emitted * grad[:, None]).transpose(0, 1) if ctx.needs_input_grad[2] else None
        span = None
        if ctx.needs_input_grad[4]:
            by_span = grad.new_zeros(charts.T, charts.T, charts.B, charts.N)
            for w in range(2, charts.T + 1):
                by_span.diagonal(w - 1).copy_((charts.posteriors[w - 2] * grad[:, None]).permute(1, 2, 0))
            span = by_span.permute(2, 0, 1, 3)
        return root, binary, emission, None, span
