"""How a gradient gets through a sample.

An estimator draws z from q, has the model score it, and gives a loss whose gradient estimates that of the expected
objective. Knows nothing of nets, corpora or optimisers.
"""

from abc import ABC, abstractmethod
from typing import Protocol

from torch import Tensor, nn
from torch.distributions import Distribution

from undersong.configurable import Configurable
from undersong.data.batch import Batch
from undersong.distributions import keyed_sample
from undersong.draw import Draw, draw
from undersong.models.base import Model
from undersong.objectives.base import Objective


class Score(Protocol):
    """The model of some sentences at some step, which is asked of z.

    Attributes:
        step: global training step.
    """

    @property
    def step(self) -> int: ...

    def __call__(self, z: Tensor, weight: Tensor | None = None) -> Draw:
        """Any z [S, B, ...], scored; ``weight`` is q(z|x) [S, B] where z enumerates the support."""
        ...

    def prior(self) -> Distribution:
        """p(z), batch shape [B]."""
        ...


class Estimator(Configurable, nn.Module, ABC):
    """Turns q, the model and an objective into a loss to minimise; may own parameters (baselines, temperatures)."""

    @abstractmethod
    def forward(self, q: Distribution, score: Score, objective: Objective) -> tuple[Draw, Tensor]:
        """One estimate.

        Args:
            q: q(z|x), batch shape [B].
            score: runs the model on any z.
            objective: to maximise; it says how many samples it wants.

        Returns:
            The draw, and the loss, a scalar in nats a sentence.
        """

    def judge(self, model: Model, x: Batch, q: Distribution, objective: Objective, step: int, seed: int) -> Draw:
        """The draw that held-out sentences are judged by: noise keyed by sentence, so that it depends on no batch.

        Args:
            model: p(x, z).
            x: B sentences.
            q: q(z|x), batch shape [B].
            objective: it says how many samples it wants.
            step: for schedules, usually ``FINAL``.
            seed: of the noise.

        Raises:
            NotImplementedError: q has no keyed noise.
        """
        return draw(model, x, q, keyed_sample(q, x.index, objective.samples, seed), step=step)
