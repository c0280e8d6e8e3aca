"""What is maximised: a pure function of a ``Draw``, in nats a sentence.

Knows nothing of models, nets or optimisers.
"""

from abc import ABC, abstractmethod

from torch import Tensor

from undersong.configurable import Configurable
from undersong.draw import Draw
from undersong.objectives.schedule import Schedule


class Objective(Configurable, ABC):
    """A value for each sentence, to be maximised.

    Write ``__call__``; schedules given to the constructor are found by themselves.

    Attributes:
        samples: how many z are drawn for each sentence.
        couples_batch: True where the sentences of a batch share a term, so that a sentence has no value of its own.
        needs_density: False where the objective has no use for log q(z|x), so that q may be a point.
        by_dimension: True where the KL of each dimension counts, so that the KL of a whole sentence will not do.
    """

    samples: int = 1
    couples_batch: bool = False
    needs_density: bool = True
    by_dimension: bool = False

    @abstractmethod
    def __call__(self, d: Draw) -> Tensor:
        """The value of each sentence: [B], nats."""

    def kl_factor(self, step: int) -> float:
        """What stands before the KL at ``step``; the share of the KL in the objective is reported with it."""
        return 1.0

    @property
    def end(self) -> int:
        """The step from which all coefficients are constant; early stopping waits for it."""
        return max((v.end for v in vars(self).values() if isinstance(v, Schedule | Objective)), default=0)
