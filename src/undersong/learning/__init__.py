"""Learning: one step, the loop around it, and the folder it leaves."""

from undersong.learning.base import Learner, Metrics
from undersong.learning.em import EM, ViterbiEM
from undersong.learning.generalized_em import GeneralizedEM
from undersong.learning.gradient import Gradient
from undersong.learning.posterior_means import PosteriorMeans
from undersong.learning.run import Run
from undersong.learning.stepwise_em import StepwiseEM
from undersong.learning.system import System
from undersong.learning.train import train

__all__ = [
    "EM",
    "GeneralizedEM",
    "Gradient",
    "Learner",
    "Metrics",
    "PosteriorMeans",
    "Run",
    "StepwiseEM",
    "System",
    "ViterbiEM",
    "train",
]
