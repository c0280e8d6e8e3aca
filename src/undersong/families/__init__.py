"""Shapes that q(z|x), p(z) or a mixture's component may have: unconstrained numbers in, a distribution out."""

from undersong.families.base import Family
from undersong.families.delta import PointMass
from undersong.families.gaussian import DiagonalGaussian
from undersong.families.isotropic import IsotropicGaussian
from undersong.families.mixture import Mixture
from undersong.families.prior import LearnedPrior, Prior, StandardPrior

__all__ = [
    "DiagonalGaussian",
    "Family",
    "IsotropicGaussian",
    "LearnedPrior",
    "Mixture",
    "PointMass",
    "Prior",
    "StandardPrior",
]
