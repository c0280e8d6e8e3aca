"""Where q(z|x) comes from: an encoder, an optimisation for each sentence, or the model's own exact posterior.

Knows nothing of objectives or gradients' estimators.
"""

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import nn
from torch.distributions import Distribution

from undersong.configurable import Configurable
from undersong.data.batch import Batch
from undersong.models.base import Model


class Inference(Configurable, nn.Module, ABC):
    """q(z|x); its first two arguments are the sizes of the vocabulary and of z.

    ``exact`` says whether q is p(z|x) itself, so that every bound is log p(x); ``believes`` whether it learns from what
    sentences are annotated with.
    """

    exact: ClassVar[bool] = False
    believes: ClassVar[bool] = False

    @abstractmethod
    def forward(self, model: Model, x: Batch, step: int) -> Distribution:
        """q(z|x) for B sentences: batch shape [B]."""

    def scored(self, model: Model) -> Model:
        """The model that sentences are scored by while learning: of them alone, or together with their annotation."""
        return model

    def unaided(self, model: Model, x: Batch, step: int) -> Distribution:
        """q(z|x) as sentences are judged by: from their words alone, whatever annotation they carry."""
        return self(model, x, step)
