"""How does a gradient get through a sample? One file an answer."""

from undersong.estimators.base import Estimator
from undersong.estimators.marginal import Marginal
from undersong.estimators.pathwise import Pathwise

__all__ = ["Estimator", "Marginal", "Pathwise"]
