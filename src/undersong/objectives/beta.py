"""beta-VAE: E_q[log p(x|z)] - beta KL(q(z|x) || p(z)).

KL annealing is beta rising from 0 to 1, that is AutoGen with m falling from infinity to 0 (Mansbridge et al. 2019,
section 4).
"""

from torch import Tensor

from undersong.draw import Draw
from undersong.objectives.base import Objective
from undersong.objectives.schedule import Coefficient, at, extremes
from undersong.settings import need


class Beta(Objective):
    """Weighs the rate against the distortion (Higgins et al. 2017).

    Args:
        beta: a number, or a schedule such as ``Linear(0, 1)`` for KL annealing.
        samples: of z for each sentence.
    """

    def __init__(self, beta: Coefficient = 1.0, samples: int = 1):
        need(0, **extremes(beta=beta))
        need(1, samples=samples)
        self.beta, self.samples = beta, samples

    def __call__(self, d: Draw) -> Tensor:
        return d.mean(d.log_px) - at(self.beta, d.step) * d.kl

    def kl_factor(self, step: int) -> float:
        return at(self.beta, step)
