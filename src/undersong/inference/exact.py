"""Exact inference: q(z|x) = p(z|x), for models that can compute it.

Knows nothing of how they do.
"""

from torch.distributions import Distribution

from undersong.data.batch import Batch
from undersong.errors import UserError
from undersong.inference.base import Inference
from undersong.models.base import ExactModel, Model


class Exact(Inference):
    """The model's own posterior. ``vocab`` and ``latent`` are taken for the seam's sake: nothing is learned here."""

    exact = True

    def __init__(self, vocab: int, latent: int):
        super().__init__()

    def forward(self, model: Model, x: Batch, step: int) -> Distribution:
        """p(z|x): batch shape [B]."""
        if not isinstance(model, ExactModel):
            raise UserError(
                f"{type(model).__name__} has no exact posterior: use --inference Amortized, or a model that has one."
            )
        return model.posterior(x)
