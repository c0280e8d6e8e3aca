"""How a gradient gets through a sample.

An estimator draws z from q, has the model score it, and gives a loss whose gradient estimates that of the expected
objective. Knows nothing of nets, corpora or optimisers.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable

from torch import Tensor, nn
from torch.distributions import Distribution

from undersong.configurable import Configurable
from undersong.draw import Draw
from undersong.objectives.base import Objective

Score = Callable[..., Draw]


class Estimator(Configurable, nn.Module, ABC):
    """Turns q, the model and an objective into a loss to minimise; may own parameters (baselines, temperatures)."""

    @abstractmethod
    def forward(self, q: Distribution, score: Score, objective: Objective) -> tuple[Draw, Tensor]:
        """One estimate.

        Args:
            q: q(z|x), batch shape [B].
            score: ``score(z, weight=None)`` runs the model on any z [S, B, ...] and gives its ``Draw``.
            objective: to maximise; it says how many samples it wants.

        Returns:
            The draw, and the loss, a scalar in nats a sentence.
        """
