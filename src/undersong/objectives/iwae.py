"""The importance-weighted bound: log 1/K sum_k p(x, z_k) / q(z_k|x) (Burda et al. 2016; tutorial, section 6.3.2)."""

from torch import Tensor

from undersong.draw import Draw
from undersong.objectives.base import Objective
from undersong.settings import need


class IWAE(Objective):
    """Tighter than the ELBO, and tighter with every further sample.

    Args:
        samples: K.
    """

    def __init__(self, samples: int = 5):
        need(1, samples=samples)
        self.samples = samples

    def __call__(self, d: Draw) -> Tensor:
        return d.log_mean_exp(d.log_w)
