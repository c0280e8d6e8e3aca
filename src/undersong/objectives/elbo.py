"""The evidence lower bound: ELBO = E_q[log p(x|z)] - KL(q(z|x) || p(z)) <= log p(x)."""

from torch import Tensor

from undersong.draw import Draw
from undersong.objectives.base import Objective
from undersong.settings import need


class ELBO(Objective):
    """The bound of the usual VAE (Kingma and Welling 2014; tutorial, section 5.3).

    Args:
        samples: of z for each sentence.
    """

    def __init__(self, samples: int = 1):
        need(1, samples=samples)
        self.samples = samples

    def __call__(self, d: Draw) -> Tensor:
        return d.mean(d.log_px) - d.kl
