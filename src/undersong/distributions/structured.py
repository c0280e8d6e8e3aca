"""Distributions over finitely many structures, p(z) = exp(score(z)) / Z, from one recursion.

    score(z) = sum over the parts of z of their log-potentials,    Z = sum_z exp score(z)
    d log Z / d potential = the probability of the part,           d best / d potential = whether the best has the part

So all else follows by differentiating one recursion read over several semirings (SynJax's and torch-struct's way).
Knows nothing of what the structures are.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar, Self

import torch
from torch import Tensor
from torch.distributions import Distribution, register_kl

from undersong.distributions.memory import check_length
from undersong.distributions.moments import along
from undersong.distributions.semirings import LOG, MAX, SAMPLING, KMax, Semiring

Parts = tuple[Tensor | None, ...]
AT_ONCE = 2**29  # bytes: sentences whose recursions would need more than this together are taken a part at a time


class Structured(Distribution, ABC):
    """p(z) = exp(score(z)) / Z for B sentences of mixed lengths.

    You write:

    - a constructor that calls this one with ``potentials``, in which the score is linear, each [B, ...], or [1, ...]
      where all sentences share it, and ``lengths`` [B];
    - ``telling``: the places of potentials, [B, ...] each, whose parts alone say what structure it is;
    - ``inside(semiring)``: the recursion over ``self.potentials`` in plain differentiable operations;
    - ``score(z)``, and ``structure(parts)``: what z has these parts;
    - ``traced_bytes``: what that needs, so that what does not fit is refused before anything is allocated;
    - if you like, ``_log_partition``, with a faster kernel than ``inside(LOG)``, its ``kernel_bytes``, and ``_sample``.

    You get, all in nats: ``log_partition``, ``marginals``, ``best``, ``mode``, ``top_k``, ``sample``, ``log_prob``,
    ``expectation``, ``entropy``, and KL by ``torch.distributions.kl_divergence``. All of it but kernels of
    your own and ``log_prob`` is in double precision, whatever the potentials are, since sums of large scores lose what
    they differ by.

    Where no structure is allowed, ``log_partition`` is -inf, gradients and entropy are 0, and ``mode`` and ``sample``
    mean nothing.

    Args:
        potentials: log-potentials, -inf where forbidden.
        lengths: words of each sentence, int [B].
        event_shape: of z.
    """

    arg_constraints = {}  # noqa: RUF012 (torch's own protocol)
    telling: ClassVar[tuple[int, ...]]  # which potentials' parts tell what structure it is: each sentence has its own
    marginals_first: ClassVar[bool] = False  # a kernel gives them, and with them expectations no one differentiates

    def __init__(self, potentials: Sequence[Tensor], lengths: Tensor, event_shape: Sequence[int]):
        self.potentials = tuple(potentials)
        self.lengths = lengths
        super().__init__(lengths.shape, torch.Size(event_shape), validate_args=False)

    @abstractmethod
    def inside(self, semiring: Semiring) -> Tensor:
        """The sum over all structures [..., B], in plain operations: autograd passes through it both ways."""

    @abstractmethod
    def score(self, z: Tensor) -> Tensor:
        """The sum of the log-potentials of z's parts: z [..., B, *event] to [..., B]; -inf for what is no structure."""

    @abstractmethod
    def structure(self, parts: Parts) -> Tensor:
        """The structure z int64 [B, *event] whose parts are marked by 1.

        Args:
            parts: aligned with ``potentials``; None for those that are not ``telling``.
        """

    @abstractmethod
    def traced_bytes(self, words: int, kept: int) -> float:
        """What the plain recursion and its gradient need for one sentence of so many words, roughly.

        Args:
            words: of the sentence.
            kept: the semiring's.
        """

    def kernel_bytes(self, words: int) -> float:
        """What ``_log_partition`` and its gradient need for B sentences of so many words, roughly."""
        return len(self.lengths) * self.traced_bytes(words, LOG.kept)

    def check_memory(self) -> None:
        """Raises UserError where log Z and its gradient need more bytes than are free."""
        self._ask(self.kernel_bytes)

    def _ask(self, needed: Callable[[int], float]) -> None:
        """Raises UserError where ``needed(words)`` bytes are not free, and says how many words would do."""
        words = self.event_shape[0] if self.event_shape else 1
        check_length(words, len(self.lengths), needed, self.lengths.device)

    def _log_partition(self) -> Tensor:
        return self.wide.inside(LOG).to(self.potentials[0].dtype)

    def _settle(self, value: Tensor, sound: Tensor, again: Callable[[Self], Tensor]) -> Tensor:
        """A kernel's log Z float64 [B], with that of the sentences it is not ``sound`` for [B] found by ``again``."""
        if not sound.all():
            rest = (~sound).nonzero()[:, 0]
            value = value.index_copy(0, rest, again(self.only(rest).wide))
        return value

    @property
    def wide(self) -> Self:
        """The same in double precision."""
        return self.replace([p.double() for p in self.potentials])

    @property
    def log_partition(self) -> Tensor:
        """log Z [B]. Its gradient with respect to a potential is the part's probability, or expected count."""
        known: Tensor | None = self.__dict__.get("_known")
        if known is None or (torch.is_grad_enabled() and self._learning and not known.requires_grad):
            self.check_memory()
            unasked = self._learning and not torch.is_grad_enabled()  # a kernel cannot see the latter: it never is
            ours = self.replace([p.detach() for p in self.potentials]) if unasked else self
            known = self.__dict__["_known"] = ours._log_partition()
        return known

    @property
    def _learning(self) -> bool:
        return any(p.requires_grad for p in self.potentials)

    def replace(self, potentials: Sequence[Tensor], lengths: Tensor | None = None) -> Self:
        """The same kind of distribution with other potentials of the same shapes, but for the number of sentences."""
        other = object.__new__(type(self))  # as copy.copy, which asks for more than there is
        other.__dict__.update(self.__dict__)
        other.__dict__.pop("_known", None)
        other.potentials = tuple(potentials)
        if lengths is not None:
            other.lengths, other._batch_shape = lengths, lengths.shape
        return other

    def only(self, rows: Tensor) -> Self:
        """The distributions of some sentences; what all share stays shared."""
        sentences = len(self.lengths)
        return self.replace([p[rows] if p.shape[0] == sentences else p for p in self.potentials], self.lengths[rows])

    @property
    def marginals(self) -> tuple[Tensor, ...]:
        """Probabilities of parts, aligned with ``potentials``; of those that sentences share, expected counts.

        Differentiable where the potentials are and gradients are being recorded.
        """
        graph = torch.is_grad_enabled() and self._learning
        leaves = [p if graph and p.requires_grad else p.detach().requires_grad_() for p in self.potentials]
        self.check_memory()
        with torch.enable_grad():
            total = self.replace(leaves)._log_partition()
            if not self._learning:
                self.__dict__.setdefault("_known", total.detach())
            return torch.autograd.grad(total.sum(), leaves, create_graph=graph, materialize_grads=True)

    @property
    def best(self) -> Tensor:
        """The score of the best structure [B]; its gradient marks that structure's parts, and nothing where none is."""
        self._ask(lambda words: len(self.lengths) * self.traced_bytes(words, MAX.kept))
        value = self.wide.inside(MAX)
        return torch.where(value == -torch.inf, -torch.inf, value).to(self.potentials[0].dtype)

    @property
    def mode(self) -> Tensor:
        """The best structure [B, *event]."""
        return self._traced(MAX)[0][0] if len(self.lengths) else self.sample()  # none, of no sentences

    def top_k(self, k: int) -> tuple[Tensor, Tensor]:
        """The k best structures [k, B, *event] and their scores [k, B], best first; -inf where there are fewer."""
        return self._traced(KMax(k))

    def sample(self, sample_shape: torch.Size | Sequence[int] = ()) -> Tensor:
        """Exact, independent samples [*sample_shape, B, *event], all at once."""
        shape = torch.Size(sample_shape)
        if not shape.numel() or not len(self.lengths):  # none are asked for, or of no sentences
            return self.lengths.new_empty((*shape, *self.batch_shape, *self.event_shape), dtype=torch.int64)
        with torch.no_grad():
            return self._sample(shape.numel()).view(*shape, *self.batch_shape, *self.event_shape)

    def _sample(self, n: int) -> Tensor:
        """[n, B, *event]"""
        rows, sentences = torch.arange(n * len(self.lengths), device=self.lengths.device), len(self.lengths)
        found = [self.only(some % sentences)._trace(SAMPLING)[0][0] for some in rows.split(self._at_once(SAMPLING))]
        return torch.cat(found).view(n, *self.batch_shape, *self.event_shape)

    def _at_once(self, semiring: Semiring) -> int:
        """Sentences whose recursions are traced together."""
        each = self.traced_bytes(self.event_shape[0] if self.event_shape else 1, semiring.kept)
        return max(1, int(AT_ONCE / max(each, 1.0)))  # no words need no bytes

    def _portions(self, semiring: Semiring) -> list[Self]:
        """The sentences in parts that are traced together."""
        rows, size = torch.arange(len(self.lengths), device=self.lengths.device), self._at_once(semiring)
        return [self.only(some) for some in rows.split(size)] if size < len(rows) else [self]

    def _traced(self, semiring: Semiring) -> tuple[Tensor, Tensor]:
        """The structures found by gradients [k, B, *event], and the values [k, B]; as many sentences at once as fit."""
        found = [part._trace(semiring) for part in self._portions(semiring)]
        return torch.cat([z for z, _ in found], 1), torch.cat([value for _, value in found], 1)

    def _trace(self, semiring: Semiring) -> tuple[Tensor, Tensor]:
        """``_traced`` of all sentences at once."""
        self._ask(lambda words: len(self.lengths) * self.traced_bytes(words, semiring.kept))
        leaves = [p.detach().double().requires_grad_(i in self.telling) for i, p in enumerate(self.potentials)]
        sources = [leaves[i] for i in self.telling]
        found = []
        with torch.enable_grad():
            values = self.replace(leaves).inside(semiring)
            values = values if values.dim() > self.lengths.dim() else values[None]
            for value in values:
                grads = torch.autograd.grad(value.sum(), sources, retain_graph=True, materialize_grads=True)
                parts = dict(zip(self.telling, grads, strict=True))
                found.append(self.structure(tuple(parts.get(i) for i in range(len(leaves)))))
        return torch.stack(found), values.detach().to(self.potentials[0].dtype)

    def pick(self, potential: Tensor, *index: Tensor | int) -> Tensor:
        """``potential`` [1 or B, ...] of each sentence at ``index``, each int or int [..., B]: [..., B, ...]."""
        rows = torch.arange(len(self.lengths), device=potential.device)
        return potential[(rows if potential.shape[0] > 1 else torch.zeros_like(rows), *index)]

    def log_prob(self, value: Tensor) -> Tensor:
        """log p(z) of ``value`` [..., B, *event]: [..., B]."""
        return self.score(value) - self.log_partition

    def expectation(self, values: Sequence[Tensor]) -> Tensor:
        """E[sum over z's parts of ``values``] [B], with one finite value a part; differentiable.

        Args:
            values: aligned with ``potentials``, of the same or broadcasting shapes.
        """
        return self._moments(values)[1].to(self.potentials[0].dtype)

    def _moments(self, values: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """log Z and the expectation, float64 [B]: their differences are small numbers.

        From the derivative of the recursion; or, where a kernel gives marginals fast and no one can ask for gradients,
        as the sum over parts of p(part) v(part), each sentence with its own copy of what sentences share.
        """
        asked = torch.is_grad_enabled() and any(t.requires_grad for t in (*self.potentials, *values))
        if asked or not self.marginals_first:
            return along(lambda potentials: self.replace(potentials).inside(LOG), self.potentials, values)
        sentences = len(self.lengths)
        own = self.replace([p.detach().double().expand(sentences, *p.shape[1:]) for p in self.potentials])
        parts = [(m * v).flatten(1).sum(1) for m, v in zip(own.marginals, values, strict=True)]
        return own.log_partition, torch.stack(parts).sum(0)

    def entropy(self) -> Tensor:
        """H = log Z - E[score(z)] [B]."""
        total, expected = self._moments([torch.where(p == -torch.inf, 0.0, p) for p in self.potentials])
        return torch.where(total == -torch.inf, 0.0, total - expected).to(self.potentials[0].dtype)


@register_kl(Structured, Structured)
def _kl(q: Structured, p: Structured) -> Tensor:
    """E_q[score_q(z) - score_p(z)] - log Z_q + log Z_p [B]; inf where p forbids a structure that q allows.

    That is so where the structure with the most parts that p alone forbids, among those that q allows, has any.
    """
    if type(q) is not type(p):
        raise NotImplementedError(f"{type(q).__name__} and {type(p).__name__} are not over the same structures.")
    pairs = [(a.double(), b.double()) for a, b in zip(q.potentials, p.potentials, strict=True)]
    free = [(a == -torch.inf) | (b == -torch.inf) for a, b in pairs]
    total, gap = q._moments([torch.where(f, 0.0, a - b) for f, (a, b) in zip(free, pairs, strict=True)])
    kl = gap - total + p.replace([b for _, b in pairs]).log_partition
    if any(bool(((a > -torch.inf) & (b == -torch.inf)).any()) for a, b in pairs):
        parts = [torch.where(a > -torch.inf, (b == -torch.inf).double(), -torch.inf) for a, b in pairs]
        most = torch.cat([some.best for some in q.replace(parts)._portions(MAX)])
        kl = torch.where(most > 0, torch.inf, kl)
    return torch.where(total == -torch.inf, 0.0, kl).to(q.potentials[0].dtype)
