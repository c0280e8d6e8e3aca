"""What is one step of learning?

A learner changes the parameters of a ``System``. The loop gives it batches and step numbers and keeps whatever
tensors it asks to keep; a learner may take several gradients, treat the groups of parameters apart, or gather counts
until ``end_epoch``. Knows nothing of files, progress or validation.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor

from undersong.configurable import Configurable
from undersong.data.batch import Batch
from undersong.learning.system import System

Metrics = dict[str, Tensor]


class Learner(Configurable, ABC):
    """Makes a system better; its first argument is the system.

    Write ``step``. A learner that remembers more than the system's parameters also writes ``state`` and ``restore``,
    and then resumes exactly like any other.

    Attributes:
        remedy: what to try where a number is not finite.
    """

    remedy: ClassVar[str] = "Try a lower --learner.lr, a smaller --learner.clip, or --precision fp32."

    def __init__(self, system: System):
        self.system = system

    @abstractmethod
    def step(self, x: Batch, step: int) -> Metrics:
        """Learn from one batch at global step ``step``, which starts from 0.

        Returns:
            Scalars, still on the device, to be averaged into the progress: at least ``loss``, in nats a sentence.
        """

    def first(self, epoch: int) -> int:
        """How many steps it takes until the parameters change for the first time, where an epoch has ``epoch``."""
        return 1

    def changes(self, steps: int, epoch: int) -> int:
        """How often the parameters have changed after so many steps, where an epoch has ``epoch``."""
        return max(0, steps + 1 - self.first(epoch))

    def check(self, x: Batch) -> None:
        """Refuse a system or sentences that ``step`` would refuse; asked once, before anything is written.

        Nothing is changed.

        Args:
            x: a few training sentences, the shortest among them and those with the largest label and tag.

        Raises:
            UserError: says what is wrong.
        """
        return None

    def end_epoch(self) -> Metrics:
        """What is done when every sentence was seen once, such as an M-step."""
        return {}

    def finished(self) -> str | None:
        """Why there is nothing left to learn, asked after each epoch; None to go on."""
        return None

    def state(self) -> dict[str, Tensor]:
        """Whatever the next step depends on beside the system's parameters and the step number."""
        return {}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Take up what ``state`` gave."""
