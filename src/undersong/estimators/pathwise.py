"""The pathwise (reparametrised) estimator: z = g(eps, x), so gradients flow through the sample (tutorial, sec. 6.2.1).

Knows nothing of families beyond their ``rsample``.
"""

from torch import Tensor
from torch.distributions import Distribution

from undersong.draw import Draw
from undersong.errors import UserError
from undersong.estimators.base import Estimator, Score
from undersong.objectives.base import Objective


class Pathwise(Estimator):
    """Draws with ``rsample`` (Kingma and Welling 2014; Rezende et al. 2014)."""

    def forward(self, q: Distribution, score: Score, objective: Objective) -> tuple[Draw, Tensor]:
        """The draw and the loss -mean_b objective_b."""
        if not q.has_rsample:
            raise UserError(
                f"{type(q).__name__} cannot be reparametrised, so the Pathwise estimator has no gradient for it: "
                "choose a Gaussian family for the posterior."
            )
        d = score(q.rsample((objective.samples,)))
        return d, -objective(d).mean()
