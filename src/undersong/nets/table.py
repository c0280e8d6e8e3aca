"""Rows of probabilities, learned by counting or by gradients.

    p(v | row) = softmax(logits[row])_v,    MAP row under a Dirichlet(1 + a) prior:  (count_v + a) / sum_u (count_u + a)

While ``counted`` lasts, the log-probabilities are a leaf of autograd's graph: since log p(x, z) is a sum of the
entries that were used, the gradient of log p(x) with respect to that leaf is the expected number of uses of each.
Knows nothing of what the rows stand for.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor, nn

from undersong.errors import UserError
from undersong.settings import need_finite


class Countable(nn.Module, ABC):
    """Log-scores of parts of a structure, whose expected uses can be counted; a subclass says what they are.

    Write ``scores`` and ``maximise``, and ``log_prior`` if the parameters have one.
    """

    leaf: Tensor | None = None
    _kept: tuple[object, Tensor] | None = None

    @abstractmethod
    def scores(self) -> Tensor:
        """The log-scores as they are now, nats."""

    @abstractmethod
    def maximise(self, counts: Tensor) -> None:
        """Set the parameters to the most probable ones given expected counts of the shape of ``scores``."""

    def log_prior(self) -> Tensor:
        """Log density of the parameters under their prior, up to a constant: a scalar, nats; here, of none."""
        return torch.zeros((), dtype=torch.float64, device=next(self.parameters()).device)

    def forward(self) -> Tensor:
        """The log-scores, nats."""
        return self.scores() if self.leaf is None else self.leaf

    @contextmanager
    def counted(self) -> Iterator[Tensor]:
        """While it lasts, ``forward`` gives one leaf, whose gradient is the expected counts.

        The scores are kept while parameters and buffers are as they were; what is changed behind autograd's back,
        through ``.data``, goes unseen.
        """
        made_of = [(t._version, t.data_ptr()) for t in (*self.parameters(), *self.buffers())]
        if self._kept is None or self._kept[0] != made_of:  # between two M-steps all batches read the same numbers
            with torch.no_grad():
                self._kept = made_of, self.scores()
        self.leaf = self._kept[1].detach().requires_grad_()
        try:
            yield self.leaf
        finally:
            self.leaf = None


class Table(Countable):
    """Conditional probabilities p(last | all but last) of discrete things.

    Args:
        shape: sizes; the last is the one that sums to 1.
        smoothing: a, the number added to each count: a symmetric Dirichlet(1 + a) prior on each row. Only
            ``maximise`` and ``log_prior`` read it, and so EM; the gradient of log p(x) knows of no prior.

    Raises:
        UserError: the smoothing is negative.

    >>> table = Table(2, 3, smoothing=1.0)
    >>> table.maximise(torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 2.0]]))
    >>> table().exp()
    tensor([[0.5000, 0.2500, 0.2500],
            [0.2000, 0.2000, 0.6000]], grad_fn=...)
    """

    over = -1  # the dimension that sums to 1

    def __init__(self, *shape: int, smoothing: float = 0.0):
        super().__init__()
        need_finite(smoothing=smoothing)
        if smoothing < 0:
            raise UserError(f"A table's smoothing of {smoothing:g} would take counts away: give 0 or more.")
        self.smoothing = smoothing
        self.logits = nn.Parameter(torch.randn(shape))  # rows differ at the start, or no learner could tell them apart

    def scores(self) -> Tensor:
        """Log-probabilities, of the whole shape, nats."""
        # Along the last dimension torch adds in many parts: ten times nearer to 1 than along another, and faster.
        return self.logits.movedim(self.over, -1).log_softmax(-1).movedim(-1, self.over).contiguous()

    @torch.no_grad()
    def maximise(self, counts: Tensor) -> None:
        """Set each row to the most probable one given its counts; a row without any, nor smoothing, stays as it is."""
        total = counts.double() + self.smoothing
        row = total.sum(self.over, keepdim=True)
        estimate = total.log() - row.log()  # a count of zero without smoothing: impossible from now on
        self.logits.copy_(torch.where(row > 0, estimate, self.logits.double().log_softmax(self.over)))

    def log_prior(self) -> Tensor:
        """Log density of the rows under their Dirichlet priors, up to a constant: a scalar, nats."""
        if not self.smoothing:
            return self.logits.new_zeros((), dtype=torch.float64)
        return self.smoothing * self.forward().double().sum()


class WordTable(Table):
    """p(word | state), stored word by word [V, K], so that the scores of a sentence's words are gathered as rows.

    Args:
        vocab: V.
        states: K.
        smoothing: as for ``Table``.

    >>> WordTable(5, 2)().exp().sum(0).detach().round(decimals=4)
    tensor([1., 1.])
    """

    over = 0

    def __init__(self, vocab: int, states: int, smoothing: float = 0.0):
        super().__init__(vocab, states, smoothing=smoothing)


@contextmanager
def counted(tables: Sequence[Countable]) -> Iterator[None]:
    """``Countable.counted`` of several at once."""
    with ExitStack() as stack:
        for table in tables:
            stack.enter_context(table.counted())
        yield
