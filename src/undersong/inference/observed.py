"""Exact inference that believes the annotation: q(z|x) = p(z | x, what a person said of x).

Where a sentence carries tags, heads, brackets or a label, only the structures that agree with them remain; where it
carries none, this is ``Exact``. So a corpus of which some sentences are annotated trains semi-supervised, by counts or
by gradients. Where z is a vector, ``ObservedStructure`` does it for the structure below. Knows nothing of how a model
restricts itself.
"""

from torch.distributions import Distribution

from undersong.data.batch import Batch
from undersong.errors import UserError
from undersong.inference.base import Inference
from undersong.models.base import ExactModel, Layered, Model


class Observed(Inference):
    """The model's own posterior given the annotation too; its ``log_partition`` is log p(x, annotation).

    Sentences are judged without their annotation. ``vocab`` and ``latent`` are taken for the seam's sake: nothing is
    learned here.
    """

    exact = True
    believes = True

    def __init__(self, vocab: int, latent: int):
        super().__init__()

    def forward(self, model: Model, x: Batch, step: int) -> Distribution:
        """p(z | x, annotation): batch shape [B]."""
        if not isinstance(model, ExactModel):
            better = "ObservedStructure" if isinstance(model, Layered) else "Amortized"
            raise UserError(f"{type(model).__name__} has no exact posterior to condition: use --inference {better}.")
        return model.posterior(x, given=True)

    def unaided(self, model: Model, x: Batch, step: int) -> Distribution:
        """p(z|x): batch shape [B]."""
        assert isinstance(model, ExactModel)
        return model.posterior(x)
