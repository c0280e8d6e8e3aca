"""What is maximised? One file an answer, and schedules for their coefficients."""

from undersong.objectives.autoencoder import Autoencoder
from undersong.objectives.autogen import AutoGen
from undersong.objectives.base import Objective
from undersong.objectives.beta import Beta
from undersong.objectives.elbo import ELBO
from undersong.objectives.free_bits import FreeBitsDimension, FreeBitsMeanDimension, FreeBitsSentence
from undersong.objectives.iwae import IWAE
from undersong.objectives.schedule import Coefficient, Constant, Cyclical, Linear, Logistic, Schedule, at, extremes
from undersong.objectives.target_rate import TargetMeanRate, TargetRate

__all__ = [
    "ELBO",
    "IWAE",
    "AutoGen",
    "Autoencoder",
    "Beta",
    "Coefficient",
    "Constant",
    "Cyclical",
    "FreeBitsDimension",
    "FreeBitsMeanDimension",
    "FreeBitsSentence",
    "Linear",
    "Logistic",
    "Objective",
    "Schedule",
    "TargetMeanRate",
    "TargetRate",
    "at",
    "extremes",
]
