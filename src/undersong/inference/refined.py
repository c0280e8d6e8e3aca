"""Stochastic variational inference: q(z|x) optimised for each sentence by itself, with the model held fixed.

    theta <- theta + lr Adam(d/d theta ELBO(x; theta)),   q(z|x) = family(theta)

started from the amortised numbers (tutorial, sections 5.3.1 and 6.3.3; Hoffman et al. 2013; Hjelm et al. 2016). Only
first derivatives are taken. Knows nothing of what the objective of training was: it always climbs the ELBO.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeGuard

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from undersong.data.batch import Batch
from undersong.distributions import keyed_sample
from undersong.draw import draw
from undersong.errors import UserError
from undersong.families import Family
from undersong.inference.amortized import Amortized
from undersong.inference.base import Inference
from undersong.models.base import Model
from undersong.settings import need, need_above


class Proposes(Protocol):
    """An inference whose numbers may be taken further: ``Amortized``, and whatever else has these two."""

    family: Family

    def params(self, x: Batch) -> Tensor:
        """The family's numbers for each sentence: [B, P]."""
        ...


def proposes(inference: Inference) -> TypeGuard[Proposes]:
    """Whether an inference has numbers for a family, from which a refinement can start."""
    return hasattr(inference, "params") and hasattr(inference, "family")


class Refined(Inference):
    """Amortised inference, then a few steps up the ELBO for each sentence.

    While training, the step that refinement adds to the encoder's numbers is taken for a constant, so that the encoder
    learns from the gradient at the refined posterior and the model is trained on it.

    Args:
        vocab: V; follows from the corpus.
        latent: D; follows from the model.
        start: what is refined.
        steps: of Adam for each sentence.
        lr: of its first step; falls to a twentieth along a straight line.
        samples: of z for each step.
        seed: of their noise.
    """

    def __init__(
        self,
        vocab: int,
        latent: int,
        start: Callable[[int, int], Amortized] = Amortized,
        steps: int = 20,
        lr: float = 0.1,
        samples: int = 1,
        seed: int = 0,
    ):
        super().__init__()
        need(0, steps=steps)
        need(1, samples=samples)
        need_above(0, lr=lr)
        self.start = start(vocab, latent)
        self.steps, self.lr, self.samples, self.seed = steps, lr, samples, seed

    @property
    def family(self) -> Family:
        """The shape of q(z|x)."""
        return self.start.family

    def forward(self, model: Model, x: Batch, step: int) -> Distribution:
        """q(z|x): batch shape [B], event shape [D]."""
        params = self.start.params(x)
        better = refine(model, self.family, params, x, self.steps, self.lr, self.samples, self.seed)
        return self.family(params + (better - params).detach())


def refine(
    model: Model,
    family: Family,
    params: Tensor,
    x: Batch,
    steps: int = 60,
    lr: float = 0.1,
    samples: int = 2,
    seed: int = 0,
) -> Tensor:
    """Numbers of q(z|x) with a higher ELBO, each sentence by itself.

    Sentences share nothing: noise is keyed by (seed, step, sentence) and Adam works number by number, so that what
    becomes of a sentence does not depend on its batch.

    Args:
        model: p(x, z), held fixed.
        family: the shape of q(z|x).
        params: where to start [B, P].
        x: B sentences.
        steps: of Adam.
        lr: of the first step; falls to a twentieth along a straight line.
        samples: of z for each step.
        seed: of their noise.

    Returns:
        [B, P], without gradient.

    Raises:
        UserError: the family has no density, or its samples have no gradient.
    """
    found = params.detach().clone().requires_grad_()
    adam = torch.optim.Adam([found], lr=lr)
    with _fixed(model), torch.enable_grad():
        for step in range(steps):
            q = family(found)
            if not q.has_rsample:
                raise UserError(f"{type(q).__name__} cannot be reparametrised, so its posterior cannot be refined.")
            d = draw(model, x, q, keyed_sample(q, x.index, samples, _seed(seed, step)), step=step)
            (found.grad,) = torch.autograd.grad(-(d.mean(d.log_px) - d.kl).sum(), [found])
            adam.param_groups[0]["lr"] = lr * (1 - 0.95 * step / max(1, steps - 1))
            adam.step()
    return found.detach()


@contextmanager
def _fixed(model: Model) -> Iterator[None]:
    """No gradients for the model's parameters, which would cost more than those of q."""
    learned = [p for p in model.parameters() if p.requires_grad] if isinstance(model, nn.Module) else []
    try:
        for parameter in learned:
            parameter.requires_grad_(False)
        yield
    finally:
        for parameter in learned:
            parameter.requires_grad_(True)


def _seed(seed: int, step: int) -> int:
    """Apart from the seeds of evaluation, whose noise must not be that which q was fitted to."""
    return 2**63 + seed * 100_003 + step
