"""A loop around a learner without files, what it must not do, and derivatives by finite differences."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from undersong.data.batch import Batch
from undersong.estimators import Marginal
from undersong.inference import Exact, Inference
from undersong.learning import EM, Learner, System
from undersong.learning.climb import FELL
from undersong.learning.seeds import sow
from undersong.objectives import ELBO


def system(model: nn.Module, inference: Callable[[int, int], Inference] = Exact) -> System:
    """A model whose z is summed out."""
    return System(model, inference(model.vocab, model.latent), Marginal(), ELBO())


def climb(learner: Learner, batches: Sequence[Batch], epochs: int = 60, seed: int = 0) -> list[float]:
    """Epochs until the learner has finished, or all.

    Returns:
        The objective at each epoch's start, reckoned here and not by the learner, so that a fall which it undoes is
        seen; nats a sentence. Of the start itself only where learning begins from it, and not from a guess; nothing
        where the learner is not batch EM.
    """
    found: list[float] = []
    for epoch in range(epochs):
        value = objective(learner, batches) if isinstance(learner, EM) else None
        for number, x in enumerate(batches):
            step = epoch * len(batches) + number
            sow(seed, step)
            learner.step(x, step)
        if isinstance(learner, EM) and value is not None and not any(c.guessed for c in learner.climbs):
            found.append(value)
        learner.end_epoch()
        if learner.finished() is not None:
            break
    return found


@torch.no_grad()
def objective(learner: EM, batches: Sequence[Batch]) -> float:
    """(Sum of the bounds of possible sentences + log prior) / sentences, of the parameters as they are; nats."""
    total, seen = 0.0, 0
    for x in batches:
        q = learner.system.posterior(x)
        bound = (q.best if learner.hard else q.log_partition).double()
        total += float(bound[~bound.isneginf()].sum())
        seen += int((~bound.isneginf()).sum())
    return (total + float(learner.system.model.log_prior())) / seen


def never_fell(learner: EM, values: Sequence[float], share: float = 1e-5) -> bool:
    """Whether the objectives of ``climb`` are numbers that rise but for rounding, and the learner undid no step."""
    rises = all(b >= a - share * (1 + abs(a)) for a, b in pairwise(values))
    return rises and all(map(math.isfinite, values)) and all(c.ended != FELL for c in learner.climbs)


def directional_derivative(value: Callable[[], Tensor], tensor: Tensor, step: float = 1e-5) -> tuple[float, float]:
    """How fast a scalar changes along a random direction of a tensor: by autograd, and by finite differences."""
    (gradient,) = torch.autograd.grad(value(), tensor)
    direction = torch.randn_like(tensor)
    with torch.no_grad():
        ends = []
        for move in (step, -2 * step):
            tensor.add_(move * direction)
            ends.append(float(value()))
        tensor.add_(step * direction)
    return float((gradient * direction).sum()), (ends[0] - ends[1]) / (2 * step)
