"""Reconstruction alone: E_q[log p(x|z)], with no price on the rate. Not a bound on anything."""

from torch import Tensor

from undersong.draw import Draw
from undersong.objectives.base import Objective
from undersong.settings import need


class Autoencoder(Objective):
    """With the ``PointMass`` family, a plain autoencoder; with a Gaussian one, a VAE without its KL term.

    Args:
        samples: of z for each sentence.
    """

    needs_density = False

    def __init__(self, samples: int = 1):
        need(1, samples=samples)
        self.samples = samples

    def __call__(self, d: Draw) -> Tensor:
        return d.mean(d.log_px)

    def kl_factor(self, step: int) -> float:
        return 0.0
