"""Linear chains: tag sequences scored by pairs of neighbours.

    score(z) = initial[z_1] + sum_t emission[t, z_t] + sum_t transition[z_t, z_t+1] + final[z_T]

What all sentences share stays shared: no [B, T, K, K] is made unless one is given. Knows nothing of words or of
probabilities: a row need not sum to one.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from undersong.distributions.scaled_chain import Messages
from undersong.distributions.semirings import LOG, Semiring, sample_index
from undersong.distributions.structured import Parts, Structured


class Chain(Structured):
    """A linear chain of K states, as of an HMM's posterior or of a CRF (Kim et al. 2018, section 3.3).

    z is int64 [..., B, T], 0 in padding. Potentials (``chain.potentials``, with marginals aligned) are initial
    [1 or B, K], transition [1 or B, 1 or T - 1, K, K], emission [B, T, K] and final [1 or B, K].

    Args:
        initial: score of the first state, [K] or [B, K].
        transition: score of (from, to), [K, K], [B, K, K] or [B, T - 1, K, K].
        emission: score of each word in each state, [B, T, K].
        lengths: words of each sentence, one or more, int [B].
        final: score of the last state, as of an end symbol after it, [K] or [B, K]; none by default.

    >>> chain = Chain(torch.zeros(2), torch.zeros(2, 2), torch.zeros(1, 3, 2), torch.tensor([3]))
    >>> round(chain.log_partition.exp().item()), chain.sample((5,)).shape
    (8, torch.Size([5, 1, 3]))
    """

    telling = (2,)

    def __init__(
        self, initial: Tensor, transition: Tensor, emission: Tensor, lengths: Tensor, final: Tensor | None = None
    ):
        states = emission.shape[-1]
        final = emission.new_zeros(states) if final is None else final
        first, last = (t[None] if t.dim() == 1 else t for t in (initial, final))
        between = transition[(None,) * (3 - transition.dim())]  # [1 or B, K, K] or [B, T - 1, K, K]
        between = between if between.dim() == 4 else between[:, None]
        super().__init__((first, between, emission, last), lengths, emission.shape[1:2])

    @property
    def states(self) -> int:
        """K."""
        return self.potentials[2].shape[-1]

    def between(self, t: int) -> Tensor:
        """Scores of transitions from word t to word t + 1, [1 or B, K, K]."""
        transition = self.potentials[1]
        return transition[:, t if transition.shape[1] > 1 else 0]

    def inside(self, semiring: Semiring) -> Tensor:
        return semiring.sum(self._messages(semiring)[-1] + self.potentials[3], -1)

    def _messages(self, semiring: Semiring) -> list[Tensor]:
        """All up to each word, by its state [..., B, K]; after a sentence's end, all of it."""
        initial, transition, emission, _ = self.potentials
        first, *words = emission.unbind(1)
        tables = transition.unbind(1)
        between = tables * len(words) if len(tables) == 1 else tables
        alpha = [semiring.lift(initial + first)]
        for t, (word, table) in enumerate(zip(words, between, strict=True), 1):
            step = semiring.product(alpha[-1], table) + word
            alpha.append(torch.where((t < self.lengths)[:, None], step, alpha[-1]))
        return alpha

    def traced_bytes(self, words: int, kept: int) -> float:
        return kept * words * (8.0 * self.states**2 + 64.0 * self.states)

    def kernel_bytes(self, words: int) -> float:
        return 48.0 * len(self.lengths) * words * self.states

    def score(self, z: Tensor) -> Tensor:
        initial, _, emission, final = self.potentials
        total = self.pick(initial, z[..., 0]) + self.pick(emission, 0, z[..., 0])
        for t in range(1, emission.shape[1]):
            step = self.pick(self.between(t - 1), z[..., t - 1], z[..., t]) + self.pick(emission, t, z[..., t])
            total = total + torch.where(t < self.lengths, step, 0.0)
        last = z.gather(-1, (self.lengths - 1).expand(z.shape[:-1])[..., None])[..., 0]
        return total + self.pick(final, last)

    def structure(self, parts: Parts) -> Tensor:
        emission = parts[2]
        assert emission is not None
        return emission.argmax(-1)

    def _log_partition(self) -> Tensor:
        return _LogPartition.apply(self.lengths, *self.potentials)

    def _sample(self, n: int) -> Tensor:
        """From the end: the last state, and each one before it."""
        self._ask(lambda words: 8.0 * len(self.lengths) * (words * (3 * self.states + n) + 6 * n * self.states))
        wide = self.wide
        alpha, final = wide._messages(LOG), wide.potentials[3]
        z = self.lengths.new_zeros(n, *self.batch_shape, *self.event_shape)
        for t in reversed(range(int(self.lengths.max()))):
            last = (alpha[t] + final).expand(n, -1, -1)
            after = alpha[t] + self.pick(wide.between(t).mT, z[..., t + 1]) if t + 1 < z.shape[-1] else last
            scores = torch.where((self.lengths - 1 == t)[:, None], last, after)  # [n, B, K]
            z[..., t] = torch.where(t < self.lengths, sample_index(scores, -1)[..., 0], 0)
        return z


class _LogPartition(torch.autograd.Function):
    """log Z of every sentence by ``Messages``, and in log-space and double precision of those it is not sound for.

    The gradient is made by hand; where it is to be differentiated itself, it is made by the plain recursion.
    """

    @staticmethod
    def forward(ctx: Any, lengths: Tensor, *potentials: Tensor) -> Tensor:
        messages = Messages(potentials, lengths)
        total, unsound = messages.log_partition(), messages.unsound()
        for rows in _portions(unsound, potentials):
            total[rows] = _exact(lengths[rows], *_some(potentials, rows))
        ctx.messages, ctx.unsound = messages, unsound
        ctx.save_for_backward(lengths, *potentials)
        return total.to(potentials[2].dtype)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        lengths, *potentials = ctx.saved_tensors
        if torch.is_grad_enabled():  # only so while a graph of the gradient is being made
            wanted = [p for p, needed in zip(potentials, ctx.needs_input_grad[1:], strict=True) if needed]
            total = _exact(lengths, *potentials).to(upstream.dtype)
            made = iter(torch.autograd.grad(total, wanted, upstream, create_graph=True, materialize_grads=True))
            return None, *(next(made) if needed else None for needed in ctx.needs_input_grad[1:])

        weight = upstream.clone()
        weight[ctx.unsound] = 0
        grads = ctx.messages.counts(weight, transitions=ctx.needs_input_grad[2])
        for rows in _portions(ctx.unsound, potentials):
            leaves = [p.detach().double().requires_grad_() for p in _some(potentials, rows)]
            with torch.enable_grad():
                total = _exact(lengths[rows], *leaves)
            found = torch.autograd.grad(total, leaves, upstream[rows].double(), materialize_grads=True)
            for grad, more in zip(grads, found, strict=True):
                if grad is not None:
                    _add(grad, more.to(grad.dtype), rows)
        return None, *(
            (g.sum(0, keepdim=True) if len(g) > len(p) else g) if needed and g is not None else None
            for g, p, needed in zip(grads, potentials, ctx.needs_input_grad[1:], strict=True)
        )


def _exact(lengths: Tensor, initial: Tensor, between: Tensor, emission: Tensor, final: Tensor) -> Tensor:
    """log Z by the plain recursion in double."""
    first, between, words, last = (p.double() for p in (initial, between, emission, final))
    return Chain(first, between, words, lengths, last).inside(LOG)


def _some(potentials: Sequence[Tensor], rows: Tensor) -> list[Tensor]:
    """The potentials of the sentences ``rows``; what all share is left as it is."""
    return [p[rows] if p.shape[0] > 1 else p for p in potentials]


def _portions(rows: Tensor, potentials: Sequence[Tensor]) -> Sequence[Tensor]:
    """``rows`` in parts whose plain recursion needs about 100 MB."""
    _, steps, states = potentials[2].shape
    return rows.split(max(1, 2**22 // (steps * states * states))) if len(rows) else ()


def _add(grad: Tensor, more: Tensor, rows: Tensor) -> None:
    if more.shape[0] == len(rows) and grad.shape[0] > 1:
        grad.index_add_(0, rows, more)
    else:
        grad[0] += more[0]  # of what all share: its gradient is summed in the end
