"""AutoGen: one generation and m reconstructions, (1 + m) E_q[log p(x|z)] - KL(q(z|x) || p(z)).

A lower bound on log of the integral of p(x|z)^(1+m) p(z), the log-probability that a generation and m reconstructions,
all from one z, are x (Mansbridge et al. 2019, eqs. 3, 8 and 10). With m = 1 that is log p(x) + log p(x'|x). With any
other m but 0 it is not log p(x) + m log p(x'|x), as of reconstructions from a z each, but more than that where m is
above 1 or below 0 (Jensen), so that the objective may exceed it; and less where m lies between.
"""

from torch import Tensor

from undersong.draw import Draw
from undersong.objectives.base import Objective
from undersong.objectives.schedule import Coefficient, at, extremes
from undersong.settings import need, need_above


class AutoGen(Objective):
    """Asks for ``m`` reconstructions beside the generation (Mansbridge et al. 2019, eq. 10).

    m = 0 is the ELBO; the gradient is 1 + m times that of beta-VAE with beta = 1 / (1 + m).

    Args:
        m: any real number above -1, or a schedule of such.
        samples: of z for each sentence.

    Raises:
        UserError: m is, or comes to, -1 or less, or there are no samples.
    """

    def __init__(self, m: Coefficient = 1.0, samples: int = 1):
        need_above(-1, **extremes(m=m))
        need(1, samples=samples)
        self.m, self.samples = m, samples

    def __call__(self, d: Draw) -> Tensor:
        return (1.0 + at(self.m, d.step)) * d.mean(d.log_px) - d.kl
