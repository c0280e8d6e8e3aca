"""The five choices that make a learnable whole: model, inference, estimator, objective, and (outside) a learner.

Knows nothing of optimisers, files or progress.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from undersong.data.batch import Batch
from undersong.draw import FINAL, Draw, draw
from undersong.errors import NoStructure
from undersong.estimators import Estimator
from undersong.inference import Inference
from undersong.models import ExactModel, Layered, Model
from undersong.objectives import Objective


class System(nn.Module):
    """A model, where its posterior comes from, and what is maximised how.

    Its parameters fall into three disjoint groups, so that learners may treat them apart: ``generative`` (the model's),
    ``inference`` and ``auxiliary`` (whatever the estimator and the objective own).
    """

    def __init__(self, model: Model, inference: Inference, estimator: Estimator, objective: Objective):
        super().__init__()
        self.model, self.inference, self.estimator, self.objective = model, inference, estimator, objective

    def posterior(self, x: Batch, step: int = 0) -> Distribution:
        """q(z|x): batch shape [B]."""
        return self.inference(self.model, x, step)

    def draw(self, x: Batch, q: Distribution, z: Tensor, step: int, weight: Tensor | None = None) -> Draw:
        """Any z [S, B, ...] scored under the model."""
        return draw(self.inference.scored(self.model), x, q, z, weight=weight, step=step)

    def loss(self, x: Batch, step: int) -> tuple[Draw, Tensor]:
        """One stochastic estimate of minus the mean objective: the draw, and a scalar in nats a sentence."""
        q = self.posterior(x, step)
        return self.estimator(q, _Score(self, x, q, step), self.objective)

    def judge(self, x: Batch, seed: int) -> Draw:
        """How held-out sentences are judged: at the schedules' ends, with noise that is keyed by (seed, sentence).

        Raises:
            NotImplementedError: the posterior has no keyed noise.
        """
        q = self.inference.unaided(self.model, x, FINAL)
        return self.estimator.judge(self.model, x, q, self.objective, FINAL, seed)

    @property
    def device(self) -> torch.device:
        """Where its parameters are; the CPU for a system without any."""
        parameter = next(self.parameters(), None)
        return torch.device("cpu") if parameter is None else parameter.device

    @property
    def exact(self) -> bool:
        """Whether log p(x) is known, and every bound equals it."""
        return self.inference.exact and isinstance(self.model, ExactModel)

    def structure(self, x: Batch) -> Distribution:
        """p(structure|x), or what stands for it, from the words alone; in a layered model given the mean of q(z|x).

        Raises:
            NoStructure: the model has vectors only.
        """
        if isinstance(self.model, Layered):
            return self.model.structure(x, self.posterior(x, FINAL).mean)
        if isinstance(self.model, ExactModel) and self.model.latent:
            return self.inference.unaided(self.model, x, FINAL)
        raise NoStructure(
            f"{type(self.model).__name__} has no clusters, tags or trees: its latent variable is a vector."
        )

    def group(self, name: str) -> Iterator[nn.Parameter]:
        """The parameters of ``generative``, ``inference`` or ``auxiliary``."""
        owners: dict[str, list[object]] = {
            "generative": [self.model],
            "inference": [self.inference],
            "auxiliary": [self.estimator, self.objective],
        }
        for owner in owners[name]:
            if isinstance(owner, nn.Module):
                yield from owner.parameters()


@dataclass(frozen=True)
class _Score:
    """What an estimator asks of the model of some sentences."""

    system: System
    x: Batch
    q: Distribution
    step: int

    def __call__(self, z: Tensor, weight: Tensor | None = None) -> Draw:
        return self.system.draw(self.x, self.q, z, self.step, weight)

    def prior(self) -> Distribution:
        return self.system.model.prior(self.x)
