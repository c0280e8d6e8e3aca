"""Learning: one step, the loop around it, and the folder it leaves."""

from undersong.learning.base import Learner, Metrics
from undersong.learning.gradient import Gradient
from undersong.learning.run import Run
from undersong.learning.system import System
from undersong.learning.train import train

__all__ = ["Gradient", "Learner", "Metrics", "Run", "System", "train"]
