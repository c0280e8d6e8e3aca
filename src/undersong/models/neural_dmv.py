"""The neural DMV: the dependency model with valence, its probabilities from a network (Jiang, Han and Tu 2016).

    p(child | tag, side, valence) ~ exp(u_child . relu(W_side [tag; valence] + b_side)),  as ``nets.dependency`` has it

``Gradient`` learns it on log p(x). EM learns it as the paper does: expected counts from the trees, then a
maximisation of E[log p(x, z)] = sum of count x log-probability by gradient steps on the network, from where it stands;
the best point met is kept, so that the expectation never falls (generalised EM). Knows nothing of learners.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.distributions import Distribution

from undersong.data.batch import Batch
from undersong.models.base import Counts
from undersong.models.dependencies import Dependencies
from undersong.models.harmonic import check_constant, harmonic_counts
from undersong.models.heads import Attachments
from undersong.nets.dependency import DependencyNet


class NeuralDMV(Dependencies):
    """Projective trees with a single root over sentences of tags.

    Args:
        vocab: V, the number of tags; follows from the corpus.
        size: of the tags' vectors.
        hidden: width of the hidden layer.
        harmonic: the constant in the harmonic start of EM; None to start from the random network.
        steps: gradient steps of each M-step of EM.
        lr: their learning rate (Adam).

    >>> model = NeuralDMV(9)
    >>> model.log_marginal(Batch.of([[5, 6, 7], [8]])).shape
    torch.Size([2])
    """

    def __init__(
        self,
        vocab: int,
        size: int = 32,
        hidden: int = 64,
        harmonic: float | None = 1.0,
        steps: int = 50,
        lr: float = 0.01,
    ):
        super().__init__(vocab)
        check_constant(harmonic)
        self.harmonic, self.steps, self.lr = harmonic, steps, lr
        self.net = DependencyNet(vocab, size, hidden)
        self.leaf: Attachments | None = None

    def attachments(self) -> Attachments:
        """What the net says."""
        return Attachments(*self.net()) if self.leaf is None else self.leaf

    @contextmanager
    def counting(self) -> Iterator[None]:
        """While it lasts, the probabilities are leaves whose gradients are expected counts."""
        with torch.no_grad():
            made = self.net()
        self.leaf = Attachments(*(t.requires_grad_() for t in made))
        try:
            yield
        finally:
            self.leaf = None

    def expect(self, x: Batch, q: Distribution, hard: bool = False) -> tuple[Tensor, Counts]:
        """log p(x) (``hard``: the best joint) in nats [B], and the expected uses of each probability."""
        assert self.leaf is not None
        bound: Tensor = q.best if hard else q.log_partition  # type: ignore[attr-defined]
        leaves = self.leaf.root, self.leaf.attach, self.leaf.decide
        root, attach, decide = torch.autograd.grad(bound.sum(), leaves)
        return bound.detach(), {"root": root, "attach": attach, "decide": decide}

    @torch.enable_grad()
    def maximise(self, counts: Counts) -> None:
        """Gradient steps on the expected log joint; the best point met stays."""
        weights = [counts[name].to(self.net.tag.dtype) for name in ("root", "attach", "decide")]
        total = sum(w.sum() for w in weights)
        adam = torch.optim.Adam(self.net.parameters(), lr=self.lr)
        best, kept = -torch.inf, {}
        for step in range(self.steps + 1):
            value = sum((w * t).sum() for w, t in zip(weights, self.net(), strict=True)) / total
            assert isinstance(value, Tensor)
            if float(value.detach()) > best:
                best, kept = (
                    float(value.detach()),
                    {name: t.detach().clone() for name, t in self.net.state_dict().items()},
                )
            if step < self.steps:
                adam.zero_grad()
                (-value).backward()
                adam.step()
        self.net.load_state_dict(kept)
        adam.zero_grad()

    def log_prior(self) -> Tensor:
        """None: 0 nats."""
        return torch.zeros((), dtype=torch.float64, device=self.net.tag.device)

    def begin(self, x: Batch) -> Counts | None:
        """Expected counts of the harmonic start."""
        return None if self.harmonic is None else harmonic_counts(x, self.harmonic, False, self.vocab, 2)
