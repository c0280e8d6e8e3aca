"""How does a gradient get through a sample? One file an answer."""

from undersong.estimators.base import Estimator
from undersong.estimators.pathwise import Pathwise

__all__ = ["Estimator", "Pathwise"]
