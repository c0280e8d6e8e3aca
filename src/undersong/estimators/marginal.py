"""No sample at all: z summed out exactly (tutorial, sec. 5.1).

    log p(x) = log sum_z p(x, z),   the log partition function of p(z|x)

What is left has no latent variable: a bound is then log p(x), and its gradient is that of E_{p(z|x)}[log p(x, z)], the
expected counts. What an objective makes of log p(x|z) and KL apart needs both: where z can be enumerated they are
E_{p(z|x)}[log p(x|z)] and KL(p(z|x) || p(z)), elsewhere log p(x) and none. Knows nothing of how a posterior sums.
"""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor
from torch.distributions import Distribution

from undersong.data.batch import Batch
from undersong.distributions import kl_parts
from undersong.draw import Draw
from undersong.errors import UserError
from undersong.estimators.base import Estimator, Score
from undersong.models.base import Model
from undersong.objectives.base import Objective


class Marginal(Estimator):
    """Takes log p(x) from an exact posterior; for mixtures, HMMs, grammars.

    >>> from types import SimpleNamespace
    >>> from torch.distributions import Categorical
    >>> q = Categorical(logits=torch.zeros(2, 3))
    >>> q.log_partition = torch.tensor([-7.0, -9.0])
    >>> from undersong.objectives import ELBO
    >>> Marginal()(q, SimpleNamespace(step=0, prior=lambda: q), ELBO())[1].item()
    8.0
    """

    def forward(self, q: Distribution, score: Score, objective: Objective) -> tuple[Draw, Tensor]:
        """The draw without z, and the loss -mean_b objective_b."""
        d = _told_apart(q, score.prior, score.step)
        return d, -objective(d).mean()

    def judge(self, model: Model, x: Batch, q: Distribution, objective: Objective, step: int, seed: int) -> Draw:
        """The same; where z can be enumerated, with the rate KL(p(z|x) || p(z)) told apart."""
        return replace(_told_apart(q, lambda: model.prior(x), step), x=x)


def _told_apart(q: Distribution, prior: Callable[[], Distribution], step: int) -> Draw:
    """What is summed out, with the rate KL(p(z|x) || p(z)) told apart where z can be enumerated."""
    d = _summed(q, step)
    if not q.has_enumerate_support:
        return d
    made_from = getattr(q, "prior", None)  # of the same pass through the nets
    rate = kl_parts(q, prior() if made_from is None else made_from)
    if rate is None:
        return d
    return replace(d, log_px=d.log_px + rate.T, log_qz=rate.T, parts=rate)  # rate [B, 1]


def _summed(q: Distribution, step: int) -> Draw:
    log_p = getattr(q, "log_partition", None)
    if log_p is None:
        raise UserError(
            f"z cannot be summed out: {type(q).__name__} knows no log p(x). Use --estimator Pathwise, or a model and "
            "an inference (Exact, Observed) whose posterior is exact."
        )
    log_p = log_p[None]  # [1, B]
    nothing = torch.zeros_like(log_p)
    return Draw(log_p, nothing, nothing, nothing.T[:, :0], step=step, q=q)
