"""Forward-backward for chains in scaled probability space: matrix products where log-space has sums of exponentials.

    a_t = (alpha_{t-1} A) e_t,   c_t = sum_k a_t[k],   alpha_t = a_t / c_t,   log Z = sum_t log c_t + all shifts
    beta_{t-1} = A (e_t beta_t / c_t),   beta = 1 at the end,   sum_k alpha_t[k] beta_t[k] = 1
    p(z_t = k) = alpha_t[k] beta_t[k],   expected transitions = A * sum_t alpha_{t-1}^T (e_t beta_t / c_t)

e_t are exponentiated scores of word t less their largest; the initial and final scores are added to the first and last
word before. A are exponentiated transitions less their largest. All factors are thus at most 1; each alpha sums to 1.
Words of all sentences lie packed, step by step, the longest sentence first, so that padding costs nothing; expected
counts of a shared table are sums of products [K, n] x [n, K].

*When is what underflows lost?* Factors below ``lost`` are taken for 0 (which also keeps slow subnormal numbers out). So
a step misses at most 5 lost / c_t at each state, on the way forward and back, and what is missed at t changes Z by that
times the true beta_t: relative to Z, all steps together, by at most

    sum_t 5 lost / c_t sum_k beta_t[k].

Two ways to know it is below ``tolerance``. If the smallest factor in A is a, then c_t >= a and beta_t <= 1 / a, hence
5 T K lost / a^2 is enough: a look at the table, whatever the emissions. Otherwise beta is computed once with every
factor raised to ``lost`` and with ``lost`` added at every step, which makes it larger than the true one. Sentences that
pass neither, among them those with c_t = 0 and all that overflows, are ``unsound`` and left to the caller.

Knows nothing of words, of learning, or of how unsound sentences are computed.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from undersong.distributions.scales import finite


class Messages:
    """The forward pass over B chains with the canonical potentials of ``Chain``; ``counts`` is the backward pass.

    Attributes:
        order: sentences, longest first [B]; rows of each step in this order.
        sizes: sentences of more than t words, for each t.
        rows: b T + t of each packed row [N].
        last: row of each sentence's last word, in ``order`` [B].
        alpha: p(z_t | words up to t) [N, K].
    """

    def __init__(self, potentials: Sequence[Tensor], lengths: Tensor):
        initial, between, emission, final = potentials
        sentences, steps = emission.shape[:2]
        tiny = torch.finfo(emission.dtype).tiny
        self.lost, self.tolerance = (1e-30, 1e-6) if tiny > 1e-100 else (1e-290, 1e-14)
        self.lengths, self.shape = lengths, emission.shape
        self.order = lengths.argsort(descending=True, stable=True)
        ordered, time = lengths[self.order], torch.arange(steps, device=lengths.device)
        alive = time[:, None] < ordered  # [T, B]
        self.rows = (self.order * steps + time[:, None])[alive]
        counts = alive.sum(1)
        self.sizes = [size for size in counts.tolist() if size]
        starts = counts.cumsum(0) - counts
        self.last = starts[ordered - 1] + torch.arange(sentences, device=lengths.device)
        self._factors(initial, between, emission, final)
        self._forward()

    def _factors(self, initial: Tensor, between: Tensor, emission: Tensor, final: Tensor) -> None:
        sentences = len(self.order)
        scores = emission.reshape(-1, emission.shape[2]).index_select(0, self.rows)  # [N, K]
        scores[:sentences] += self._ordered(initial)
        scores.index_add_(0, self.last, self._ordered(final).expand(sentences, -1).to(scores.dtype))
        self.top = finite(scores.amax(1, keepdim=True))
        self.e = torch.threshold_(scores.sub_(self.top).exp_(), self.lost, 0.0)
        self.table_top = finite(between.amax((-2, -1), keepdim=True))  # [1 or B, 1 or T - 1, 1, 1]
        table = torch.threshold_((between - self.table_top).exp_(), self.lost, 0.0)
        self.table = self._ordered(table)

    def _ordered(self, potential: Tensor) -> Tensor:
        return potential[self.order] if potential.shape[0] > 1 else potential

    def _steps(self, table: Tensor) -> Sequence[Tensor]:
        """What leads to each step but the first: views [K, K] or [n, K, K] of a table [1 or B, 1 or T - 1, K, K]."""
        steps = len(self.sizes) - 1
        each = table.expand(-1, steps, -1, -1) if table.shape[1] == 1 else table[:, :steps]
        if table.shape[0] == 1:
            return each[0].unbind(0)
        return [t[:size] for t, size in zip(each.unbind(1), self.sizes[1:], strict=True)]

    def _forward(self) -> None:
        self.alpha, self.c = self.e.clone(), self.e.new_empty(len(self.e), 1)
        blocks = [packed.split(self.sizes) for packed in (self.alpha, self.e, self.c)]
        tables, tiny = self._steps(self.table), torch.finfo(self.e.dtype).tiny
        for t, (a, e, c) in enumerate(zip(*blocks, strict=True)):
            if t:
                _product(blocks[0][t - 1][: len(a)], tables[t - 1], a)
                a.mul_(e)
            torch.sum(a, 1, keepdim=True, out=c)
            a.div_(c.clamp_(min=tiny))

    def log_partition(self) -> Tensor:
        """log Z [B] in double."""
        sentences, steps, _ = self.shape
        each = self.c.double().log().add_(self.top)[:, 0]
        total = each.new_zeros(sentences).index_add_(0, self.rows // steps, each)
        time = torch.arange(max(steps - 1, 1), device=total.device)
        tops = self.table_top[..., 0, 0].double()  # [1 or B, 1 or T - 1]
        return total + torch.where(time < self.lengths[:, None] - 1, tops, 0.0).sum(1) if steps > 1 else total

    def unsound(self) -> Tensor:
        """Numbers of the sentences whose results may be off by more than ``tolerance``."""
        sentences, steps, states = self.shape
        smallest = self.table.amin() if steps > 1 else self.table.new_ones(())
        empty = self.c.new_zeros(sentences, dtype=torch.bool)
        empty.index_put_((self.rows // steps,), ~(self.c[:, 0] > torch.finfo(self.c.dtype).tiny), accumulate=True)
        if bool(smallest.double().square() * self.tolerance >= 5 * self.lost * steps * states):
            return empty.nonzero()[:, 0]
        missed = self._missed()
        return (empty | ~(missed < self.tolerance)).nonzero()[:, 0]

    def _missed(self) -> Tensor:
        """The upper bound of what is lost, relative to Z [B]."""
        sentences, steps, _ = self.shape
        table = self.table.clamp(min=self.lost)
        w = self.e.clamp(min=self.lost).div_(self.c)
        beta = torch.ones_like(w)
        for _, now, after, before, step in self._backwards(w, beta, table):
            _product(now.mul_(after), step.mT, before)
            before.add_(self.lost)
        each = 5 * self.lost * (beta.sum(1).double() / self.c[:, 0])
        return each.new_zeros(sentences).index_add_(0, self.rows // steps, each)

    def counts(self, weight: Tensor, transitions: bool) -> tuple[Tensor, Tensor | None, Tensor, Tensor]:
        """Gradients of ``sum(weight log_partition)`` for the canonical potentials; ``weight`` [B].

        Args:
            weight: of each sentence; 0 for those that are unsound.
            transitions: whether theirs are wanted.
        """
        sentences, steps, states = self.shape
        w = self.e / self.c
        beta = weight[self.rows // steps, None].expand_as(w).contiguous()  # linear in it, so weighed once for all
        summed = torch.zeros_like(self.table) if transitions else None
        into = None if summed is None else self._steps(summed)
        alphas = self.alpha.split(self.sizes)
        for t, now, after, before, step in self._backwards(w, beta, self.table):
            _product(now.mul_(after), step.mT, before)
            if into is not None:
                _add_product(into[t - 1], alphas[t - 1][: len(now)], now)
        if summed is not None:
            summed = self._unordered(summed.mul_(self.table), summed.shape[0] == 1)
        posterior = beta.mul_(self.alpha)
        emission = posterior.new_zeros(sentences * steps, states).index_copy_(0, self.rows, posterior)
        ends = (posterior[:sentences], posterior[self.last])
        first, last = (self._unordered(end, shared=False) for end in ends)
        return first, summed, emission.view(self.shape), last

    def _backwards(
        self, w: Tensor, beta: Tensor, table: Tensor
    ) -> Iterator[tuple[int, Tensor, Tensor, Tensor, Tensor]]:
        """For each step t from the last: t, w_t, beta_t, where beta_{t-1} of the same sentences goes, and the table."""
        ws, betas, tables = w.split(self.sizes), beta.split(self.sizes), self._steps(table)
        for t in reversed(range(1, len(self.sizes))):
            yield t, ws[t], betas[t], betas[t - 1][: len(ws[t])], tables[t - 1]

    def _unordered(self, values: Tensor, shared: bool) -> Tensor:
        return values if shared else torch.empty_like(values).index_copy_(0, self.order, values)


def _product(rows: Tensor, table: Tensor, out: Tensor) -> None:
    """``rows`` [n, K] times ``table`` [K, K] or [n, K, K], into ``out``."""
    if table.dim() == 2:
        torch.mm(rows, table, out=out)
    else:
        torch.bmm(rows[:, None], table, out=out[:, None])


def _add_product(into: Tensor, left: Tensor, right: Tensor) -> None:
    """Add left^T right of rows [n, K] to ``into`` [K, K], or of each row to [n, K, K]."""
    if into.dim() == 2:
        into.addmm_(left.t(), right)
    else:
        into.addcmul_(left[:, :, None], right[:, None])
