"""A rate to be met: E_q[log p(x|z)] - beta |KL - C| (Burgess et al. 2018; Prokhorov et al. 2019; IGP, eq. 2).

|KL - C| on each sentence and on the batch's mean are different objectives: the first gives every sentence the same
rate, the second only their mean. Both are here, by name. Where the KL has no closed form, as with a mixture prior, its
estimate from ``samples`` stands in its place: |estimate - C| is on average more than |KL - C|, of a sentence by up to
the estimate's own spread, of a batch's mean by hardly anything.
"""

from torch import Tensor

from undersong.draw import Draw
from undersong.objectives.base import Objective
from undersong.objectives.schedule import Coefficient, at, extremes
from undersong.settings import need


class TargetRate(Objective):
    """|KL - C| on each sentence.

    Args:
        rate: C in nats, or a schedule (the IGP authors' code ramps it linearly).
        beta: its weight.
        samples: of z for each sentence.
    """

    def __init__(self, rate: Coefficient = 5.0, beta: Coefficient = 1.0, samples: int = 1):
        need(0, **extremes(rate=rate, beta=beta))
        need(1, samples=samples)
        self.rate, self.beta, self.samples = rate, beta, samples

    def __call__(self, d: Draw) -> Tensor:
        return d.mean(d.log_px) - at(self.beta, d.step) * (d.kl - at(self.rate, d.step)).abs()

    def kl_factor(self, step: int) -> float:
        return at(self.beta, step)


class TargetMeanRate(Objective):
    """|mean KL - C| on the batch's mean.

    Args:
        rate: C in nats, or a schedule.
        beta: its weight.
        samples: of z for each sentence.
    """

    couples_batch = True

    def __init__(self, rate: Coefficient = 5.0, beta: Coefficient = 1.0, samples: int = 1):
        need(0, **extremes(rate=rate, beta=beta))
        need(1, samples=samples)
        self.rate, self.beta, self.samples = rate, beta, samples

    def __call__(self, d: Draw) -> Tensor:
        return d.mean(d.log_px) - at(self.beta, d.step) * (d.kl.mean() - at(self.rate, d.step)).abs()

    def kl_factor(self, step: int) -> float:
        return at(self.beta, step)
