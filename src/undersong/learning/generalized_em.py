"""Generalised expectation maximisation: the posterior is held while the parameters follow a gradient.

    E-step:  q(z) = p(z|x; theta)        M-step:  theta <- theta + lr grad E_q[log p(x, z; theta)]

(Dempster et al. 1977; tutorial, section 5.2.) With one gradient step the direction is that of log p(x) itself, since
grad log p(x) = E_{p(z|x)}[grad log p(x, z)]; several steps use one E-step longer. For models whose M-step has no closed
form. It promises no monotone objective. Knows nothing of how a posterior is computed, only that its score is linear in
its potentials: E_q[score] = sum of marginal times potential.
"""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.distributions import Distribution

from undersong.data.batch import Batch
from undersong.errors import UserError
from undersong.learning.base import Learner, Metrics
from undersong.learning.em import need_log_px
from undersong.learning.gradient import Gradient
from undersong.learning.system import System
from undersong.objectives.schedule import Coefficient
from undersong.settings import need


class GeneralizedEM(Learner):
    """E-step on a batch, then Adam steps on the expected log joint; no prior, so ``smoothing`` of tables is not read.

    Args:
        system: what learns; its posterior is exact and structured, as that of ``MixtureOfRNNs`` or ``NeuralHMM``.
        steps: gradient steps for each E-step.
        lr: learning rate, a number or a schedule.
        clip: largest norm of the whole gradient; 0 for no limit.

    Raises:
        UserError: steps is less than 1, or another objective than log p(x) was chosen.
    """

    def __init__(self, system: System, steps: int = 1, lr: Coefficient = 1e-3, clip: float = 5.0):
        super().__init__(system)
        need(1, steps=steps)
        need_log_px(system, "GeneralizedEM")
        self.steps = steps
        self.gradient = Gradient(system, lr=lr, clip=clip)

    def check(self, x: Batch) -> None:
        """These sentences have a posterior over structures."""
        responsibilities(self.system.posterior(x))

    def step(self, x: Batch, step: int) -> Metrics:
        """One E-step and ``steps`` gradient steps. ``loss`` is -log p(x) before them, nats a sentence."""
        q = self.system.posterior(x, step)
        marginals = responsibilities(q)
        loss = -q.log_partition.detach().mean()  # type: ignore[attr-defined]
        for repeat in range(self.steps):
            q = q if repeat == 0 else self.system.posterior(x, step)
            norm = self.gradient.descend(-expected_score(q, marginals) / len(x), step)
        return {"loss": loss, "gradient_norm": norm}

    def state(self) -> dict[str, Tensor]:
        """Adam's running means."""
        return self.gradient.state()

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Take up Adam's running means."""
        self.gradient.restore(state)


def responsibilities(q: Distribution) -> tuple[Tensor, ...]:
    """The marginals of a structured posterior, held fixed, aligned with its potentials.

    Raises:
        UserError: q has none.
    """
    if not hasattr(q, "marginals") or not hasattr(q, "potentials"):
        raise UserError(
            f"GeneralizedEM needs an exact posterior over structures, and {type(q).__name__} is none: use --learner "
            "Gradient, or a mixture, an HMM or a grammar with --inference Exact."
        )
    with torch.no_grad():
        return tuple(q.marginals)


def expected_score(q: Distribution, marginals: tuple[Tensor, ...]) -> Tensor:
    """E[log p(x, z)] under given marginals, as a function of q's potentials: summed over the batch, a scalar; nats."""
    total = torch.zeros((), device=marginals[0].device)
    for marginal, potential in zip(marginals, q.potentials, strict=True):  # type: ignore[attr-defined]
        total = total + (marginal * potential.masked_fill(marginal == 0, 0.0)).sum()
    return total
